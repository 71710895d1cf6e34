"""Corpora and their indexes on the page: what is there and how well it finds, and three ways to add one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from engine.errors import BudgetscapeError
from engine.figures.markdown import literal
from pages.parts import guide, uploading
from pages.parts.controls import NARROWEST_PX
from pages.parts.library_work import attempt, delete, span

if TYPE_CHECKING:
    from budgetscape.library import Library, Shelf
    from budgetscape.wiring import App
    from pages.parts.state import Held

PLACE = "corpus_files"
LIVE = str(Path(__file__).parents[1] / "live_query.py")
FILES, WORLD, SERVER = "From files", "Invent a world", "Attach a Chroma server"
COLUMNS = {"text": "Text", "title": "Title", "id": "Id"}
NONE = "None"
MOST_SHOWN = 12


def show(app: App) -> None:
    """The corpora, then how to add one."""
    library = app.library
    shelves = library.shelves()
    if not shelves:
        guide.no_corpus()
    for shelf in shelves:
        _shelf(library, shelf)
    st.subheader("Add a corpus", anchor=False)
    how = st.segmented_control(
        "How",
        [FILES, WORLD, SERVER],
        default=FILES,
        required=True,
        key="corpus_how",
        bind="query-params",
        label_visibility="collapsed",
    )
    {FILES: _files, WORLD: _world, SERVER: _server}[how or FILES](library)


def _shelf(library: Library, shelf: Shelf) -> None:
    name, report = shelf.name, shelf.report
    with st.container(border=True, key=f"corpus {name}"):
        st.markdown(f"**{literal(name)}**")
        if shelf.trouble:
            st.warning(literal(shelf.trouble), icon=":material/warning:")
        st.caption(literal(_about(shelf)))
        with st.container(horizontal=True, vertical_alignment="center"):
            if report is None and not shelf.attached:
                st.button(
                    "Build its index",
                    icon=":material/build:",
                    key=f"build {name}",
                    on_click=attempt,
                    args=(library.index_again, name),
                    disabled=library.jobs.busy(name),
                )
            if report is not None:
                st.page_link(
                    LIVE,
                    label="Ask it",
                    icon=":material/bolt:",
                    query_params={"index": name},
                )
                st.button(
                    "Detach" if shelf.attached else "Delete its index",
                    type="tertiary",
                    key=f"delete index {name}",
                    on_click=delete,
                    args=(library, "index", name),
                )
            if not shelf.attached:
                st.button(
                    "Delete the corpus",
                    icon=":material/delete:",
                    type="tertiary",
                    key=f"delete corpus {name}",
                    on_click=delete,
                    args=(library, "corpus", name),
                )


def _about(shelf: Shelf) -> str:
    """994 passages · recall@3 0.998, recall@10 0.997 against the exact scan · all-MiniLM-L6-v2-int8 · built in 41 s"""
    report = shelf.report
    if report is None:
        return f"{shelf.count:,} passages · no index yet"
    if report.recall_at_3 is None or report.recall_at_10 is None:
        found = "recall not measured: it is too large for an exact scan"
    else:
        found = f"recall@3 {report.recall_at_3:.3f}, recall@10 {report.recall_at_10:.3f} against the exact scan"
    where = f"attached, {report.collection} at {report.server}" if report.attached else ""
    kept = f"on {report.server}" if report.server and not report.attached else where
    done = "checked" if report.attached else "built"
    parts = (
        f"{shelf.count:,} passages",
        found,
        report.embedding,
        kept,
        f"{done} in {span(report.seconds)}",
    )
    return " · ".join(part for part in parts if part)


# ------------------------------------------------------------------------------------- from files


def _files(library: Library) -> None:
    from store.documents import ENDINGS

    held = uploading.files(
        library,
        PLACE,
        "Files with passages or documents",
        ENDINGS,
        "JSONL, JSON, CSV and Parquet give one passage a row; Markdown, text, HTML and PDF are cut into passages. "
        "Larger files: `budgetscape index FILES --name NAME`.",
    )
    if held is None:
        st.caption(
            "JSONL, JSON, CSV, Parquet, Markdown, text, HTML or PDF, up to 200 MB each. You see the passages before "
            "anything is built."
        )
        return
    options = _options(held)
    found = uploading.look(
        library, held, ["index", *map(str, held.paths), "--check", *options, *_columns_asked(held)]
    )
    if found is None:
        return
    options += _columns(held, found)
    _preview(found)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    name = left.text_input("Name of the corpus", max_chars=64, key="corpus_name")
    if right.button(
        "Build", icon=":material/build:", type="primary", width="stretch", key="corpus_build"
    ):
        try:
            library.build((name or "").strip(), held.paths, options, held.folder)
        except BudgetscapeError as error:
            guide.trouble(error)
            return
        uploading.taken(PLACE)
        st.rerun()


def _options(held: Held) -> list[str]:
    from budgetscape.intake import default_cut

    usual = default_cut(held.paths)
    whole = st.toggle(
        "Keep rows and documents whole",
        value=not usual.words,
        key=f"whole {held.folder.name}",
        help="The embedding reads about the first 190 words of a passage.",
    )
    if whole:
        return ["--words", "0", "--overlap", "0"]
    left, right = st.columns(2)
    words = left.slider(
        "Words in a passage, at most", 20, 400, usual.words or 150, 10, key="words_a_passage"
    )
    overlap = right.slider(
        "Words that two neighbours share", 0, words // 2, min(20, words // 2), 5, key="words_shared"
    )
    return ["--words", str(words), "--overlap", str(overlap)]


def _columns_asked(held: Held) -> list[str]:
    """The columns that were chosen, as the command takes them; none where they are guessed."""
    chosen = {part: st.session_state.get(f"column {part} {held.folder.name}") for part in COLUMNS}
    if not chosen["text"]:
        return []
    return [f"--{part}={value}" for part, value in chosen.items() if value and value != NONE]


def _columns(held: Held, found: dict[str, Any]) -> list[str]:
    """Let the reader say which column is what, where the files are tables."""
    if not found["columns"]:
        return []
    chosen = found["chosen"] or {}
    for (part, label), column in zip(COLUMNS.items(), st.columns(3), strict=True):
        offered = found["columns"] if part == "text" else [NONE, *found["columns"]]
        now = chosen.get(part) or NONE
        column.selectbox(
            f"{label} from column",
            offered,
            index=offered.index(now) if now in offered else 0,
            key=f"column {part} {held.folder.name}",
        )
    return _columns_asked(held)


def _preview(found: dict[str, Any]) -> None:
    """How the passages would be, in numbers and in full."""
    columns = st.columns(4)
    columns[0].metric(
        "Passages", f"{found['passages']:,}", help=f"From {found['documents']:,} rows or sections"
    )
    columns[1].metric("Words, median", found["median_words"])
    columns[2].metric("Words, at most", f"{found['longest_words']:,}")
    columns[3].metric("Embedding takes about", span(found["embedding_seconds"]))
    if found["too_long"]:
        st.warning(
            f"{found['too_long']:,} passages are longer than the embedding reads (about 190 words): they are found by "
            "their beginning only. Cut them shorter.",
            icon=":material/content_cut:",
        )
    rows = [
        {"id": p["id"], "title": p["title"], "words": len(p["text"].split()), "text": p["text"]}
        for p in found["first"][:MOST_SHOWN]
    ]
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, key="corpus_preview", alt="The first passages"
    )


# ------------------------------------------------------------------------------- invented, attached


def _world(library: Library) -> None:
    st.caption(
        "A fictional world: nothing in it exists, so no model can know it by heart. It comes with questions of known "
        "difficulty."
    )
    with st.form("world", border=False):
        grid = st.grid(4, min_column_width=NARROWEST_PX)
        name = grid.text_input("Name", max_chars=64, key="world_name")
        seed = grid.number_input("Seed", 0, 2**31 - 1, 0, key="world_seed")
        passages = grid.number_input("Passages", 60, 5000, 600, 20, key="world_passages")
        questions = grid.number_input("Questions", 1, 5000, 120, 20, key="world_questions")
        asked = st.form_submit_button("Invent it", icon=":material/public:", type="primary")
    if asked:
        _start(
            lambda: library.world((name or "").strip(), int(seed), int(passages), int(questions))
        )


def _server(library: Library) -> None:
    st.caption(
        "A collection of a Chroma server is asked where it is; nothing is copied or written. It must have been "
        "embedded by all-MiniLM-L6-v2, Chroma's own default; a sample of its passages is checked."
    )
    server = st.text_input(
        "Address of the server", placeholder="http://127.0.0.1:8000", key="chroma_server"
    )
    if not (server or "").strip():
        return
    found = _offered((server or "").strip())
    if not found:
        return
    with st.form("attach", border=False):
        left, right = st.columns(2)
        collection = left.selectbox(
            "Collection",
            list(found),
            format_func=lambda c: f"{c} ({found[c]:,} passages)",
            key="chroma_collection",
        )
        name = right.text_input("Name here", max_chars=64, key="chroma_name")
        asked = st.form_submit_button("Attach", icon=":material/link:", type="primary")
    if asked:
        _start(
            lambda: library.attach((name or "").strip(), (server or "").strip(), collection or "")
        )


def _offered(server: str) -> dict[str, int]:
    from store.attached import collections_of

    try:
        with st.spinner("Asking the server"):
            found = collections_of(server)
    except BudgetscapeError as error:
        guide.trouble(error)
        return {}
    if not found:
        st.info("This server holds no collection.")
    return {one.name: one.passages for one in found}


def _start(begin: Any) -> None:
    try:
        begin()
    except BudgetscapeError as error:
        guide.trouble(error)
        return
    st.rerun()
