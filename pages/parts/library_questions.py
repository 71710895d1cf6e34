"""Question sets on the page: what is there, and a file in any of the official formats as a new one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from engine.errors import BudgetscapeError
from engine.figures.markdown import literal
from pages.parts import guide, uploading
from pages.parts.library_work import delete

if TYPE_CHECKING:
    from budgetscape.library import Library, SetRow
    from budgetscape.wiring import App
    from pages.parts.state import Held

PLACE = "question_file"
SWEEPS = str(Path(__file__).parents[1] / "sweep_runs.py")
FIND, OWN, UNKNOWN = (
    "Find them in a corpus",
    "Make a corpus of the file's own",
    "Leave them unknown",
)
SHOWN = 8


def show(app: App) -> None:
    """The sets, then how to add one."""
    sets = app.library.sets()
    if not sets:
        guide.nothing_to_sweep()
    for row in sets:
        _set(app, row)
    st.subheader("Add a question set", anchor=False)
    _add(app.library)


def _set(app: App, row: SetRow) -> None:
    with st.container(border=True, key=f"set {row.name}"):
        st.markdown(f"**{literal(row.name)}**")
        if row.trouble:
            st.warning(literal(row.trouble), icon=":material/warning:")
        else:
            hops = ", ".join(f"{n:,} of {h} hop{'s' * (h != '1')}" for h, n in row.hops)
            corpus = f" · made for corpus {row.corpus}" if row.corpus else ""
            st.caption(
                literal(
                    f"{row.count:,} questions ({hops}) · gold answers for {row.answers:,}, evidence for "
                    f"{row.evidence:,}{corpus}"
                )
            )
        with st.container(horizontal=True, vertical_alignment="center"):
            if not row.trouble:
                st.page_link(SWEEPS, label="Sweep it", icon=":material/grid_on:")
                with st.popover("Look", icon=":material/visibility:", key=f"look {row.name}"):
                    _questions(app.questions(row.name)[:SHOWN])
            st.button(
                "Delete the set",
                icon=":material/delete:",
                type="tertiary",
                key=f"delete set {row.name}",
                on_click=delete,
                args=(app.library, "question set", row.name),
            )


def _questions(some: Any) -> None:
    rows = [
        {
            "question": q.text,
            "answers": " | ".join(q.answers),
            "hops": q.hops,
            "tags": ", ".join(q.tags),
        }
        for q in some
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="The first questions")


def _add(library: Library) -> None:
    from store.question_formats import FORMATS

    names = ", ".join(form.title for form in FORMATS.values())
    held = uploading.files(
        library,
        PLACE,
        "A file of questions",
        (".json", ".jsonl", ".csv", ".tsv"),
        f"The format is recognised: {names}. Larger files: `budgetscape questions FILE --name NAME`.",
    )
    if held is None:
        st.caption(
            literal(f"In the format it was published in: {names}. It is recognised by its fields.")
        )
        return
    if len(held.paths) > 1:
        st.info("One file at a time: the first is taken, the others wait for the next time.")
    words = ["questions", str(held.paths[0]), "--check"]
    found = uploading.look(library, held, words)
    if found is None:
        return
    corpus, own = _evidence(library, held, found, words)
    _preview(found)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    name = left.text_input("Name of the set", max_chars=64, key="set_name")
    if right.button(
        "Take it in", icon=":material/download:", type="primary", width="stretch", key="set_take"
    ):
        try:
            library.load_questions((name or "").strip(), held.paths[0], corpus, own, held.folder)
        except BudgetscapeError as error:
            guide.trouble(error)
            return
        uploading.taken(PLACE)
        st.rerun()


def _evidence(
    library: Library, held: Held, found: dict[str, Any], words: list[str]
) -> tuple[str | None, bool]:
    """Where the supporting passages are: a corpus, or whether the file's own passages become one."""
    corpora = [
        shelf.name for shelf in library.shelves() if not shelf.attached and not shelf.trouble
    ]
    ways = (
        ([OWN] if found["passages"] else [])
        + ([FIND] if corpora and found["told"] else [])
        + [UNKNOWN]
    )
    if found["format"] == "Budgetscape" and found["told"] and corpora:
        ways = [FIND, UNKNOWN]
    way = st.segmented_control(
        "Supporting passages",
        ways,
        default=ways[0],
        required=True,
        key=f"evidence {held.folder.name}",
        help="They are needed to score what a search found, not to score answers.",
    )
    if way == OWN:
        st.caption(
            f"{found['passages']:,} passages come with the questions; they are indexed under the same name."
        )
        return None, True
    if way != FIND:
        return None, False
    corpus = st.selectbox("Corpus", corpora, key=f"evidence corpus {held.folder.name}")
    checked = uploading.look(library, held, [*words, "--corpus", str(corpus)])
    if checked is not None:
        st.caption(
            f"Evidence is complete in this corpus for {checked['found']:,} of {checked['told']:,} questions."
        )
    return corpus, False


def _preview(found: dict[str, Any]) -> None:
    columns = st.columns(4)
    columns[0].metric("Format", found["format"])
    columns[1].metric("Questions", f"{found['count']:,}")
    columns[2].metric("With gold answers", f"{found['with_answers']:,}")
    columns[3].metric("With evidence told", f"{found['told']:,}")
    rows = [
        {
            "id": q["id"],
            "question": q["text"],
            "answers": " | ".join(q["answers"]),
            "hops": q["hops"],
            "tags": ", ".join(q["tags"]),
        }
        for q in found["first"][:SHOWN]
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="set_preview", alt="The first questions")
