"""Runs that were made elsewhere, on the page: choose a log, say which column tells what, take it in as a surface."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from engine.errors import BudgetscapeError
from engine.figures.markdown import literal
from engine.figures.surface import METRICS as SHOWN
from pages.parts import guide, uploading
from pages.parts.controls import NARROWEST_PX
from pages.parts.library_work import delete

if TYPE_CHECKING:
    from budgetscape.wiring import App
    from pages.parts.state import Held

PLACE = "runs_file"
SURFACE = str(Path(__file__).parents[1] / "quality_surface.py")
NONE, SAME = "Not in the file", "The same for all rows"
MAIN = (
    *("question", "quality", "strategy", "model"),
    *("search", "search_used", "think", "think_used", "answer", "gold"),
)
"""Fields that are always shown; the others fold away."""
FIRST = {"search": 0, "think": 0}


def show(app: App) -> None:
    """What was imported, then how to import."""
    library = app.library
    st.caption(
        "A production log becomes a surface: one row a run, in whatever columns you have. Its steps are not known, so "
        "there is no trace to open, only what was asked, allowed, answered and scored."
    )
    for one in library.imports():
        name = one.name
        link = {"sweep": name, **({"metric": SHOWN[one.metric]} if one.metric else {})}
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{literal(name)}**", width="content")
            st.page_link(SURFACE, label="See it", icon=":material/landscape:", query_params=link)
            st.button(
                "Take it out",
                icon=":material/delete:",
                type="tertiary",
                key=f"delete import {name}",
                on_click=delete,
                args=(library, "import", name),
            )
    st.subheader("Import a log of runs", anchor=False)
    held = uploading.files(
        library,
        PLACE,
        "1. A log: CSV, TSV, JSONL or Parquet",
        (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"),
        "Larger files: `budgetscape runs FILE --name NAME`.",
    )
    if held is None:
        guide.what_a_log_needs()
        return
    if len(held.paths) > 1:
        st.info("One file at a time: the first is taken, the others wait for the next time.")
    words = ["runs", str(held.paths[0])]
    first = uploading.look(library, held, [*words, "--check"])
    if first is None:
        return
    options = _mapping(held, first)
    found = uploading.look(library, held, [*words, "--check", *options]) if options else first
    if found is None:
        return
    if found["problem"]:
        st.warning(literal(found["problem"]), icon=":material/rule:")
        _unread(found)
        return
    _preview(found)
    st.markdown("**3. Import**")
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    name = left.text_input("Name of the sweep", max_chars=64, key="runs_name")
    if right.button(
        "Import", icon=":material/upload:", type="primary", width="stretch", key="runs_take"
    ):
        try:
            library.load_runs((name or "").strip(), held.paths[0], options, held.folder)
        except BudgetscapeError as error:
            guide.trouble(error)
            return
        uploading.taken(PLACE)
        st.rerun()


# ------------------------------------------------------------------------------------- the columns


def _mapping(held: Held, first: dict[str, Any]) -> list[str]:
    """Let the reader say which column tells what; the command's options where that is not what was guessed."""
    from store.log_columns import FIELDS

    st.markdown("**2. Which column tells what**")
    guess: dict[str, str] = first["chosen"]["of"]
    names: list[str] = first["columns"]
    picked: dict[str, str] = {}
    fixed: dict[str, str] = {}
    grid = st.grid(4, min_column_width=NARROWEST_PX)
    for what in MAIN:
        with grid.container():
            _field(held, what, names, guess.get(what), picked, fixed)
    with st.expander("Tokens, time, cost and difficulty"):
        more = st.grid(4, min_column_width=NARROWEST_PX)
        for what in (name for name in FIELDS if name not in MAIN):
            with more.container():
                _field(held, what, names, guess.get(what), picked, fixed)
    metric, scale = _quality(held, first) if "quality" in picked else (None, None)
    if (picked, fixed, metric, scale) == (guess, {}, None, None):
        return []
    return [
        *(f"--column={what}={column}" for what, column in picked.items()),
        *(f"--all={what}={value}" for what, value in fixed.items()),
        *(("--quality-is", metric) if metric else ()),
        *(("--scale", *map(str, scale)) if scale else ()),
    ]


def _field(
    held: Held,
    what: str,
    names: Sequence[str],
    guess: str | None,
    picked: dict[str, str],
    fixed: dict[str, str],
) -> None:
    from store.log_columns import FIELDS, FIXED

    title, key = FIELDS[what].title, f"runs {what} {held.folder.name}"
    offered = [NONE, *((SAME,) if what in FIXED else ()), *names]
    column = st.selectbox(title, offered, index=offered.index(guess) if guess else 0, key=key)
    if column == SAME:
        if what in FIRST:
            fixed[what] = str(
                int(st.number_input(f"{title}, all rows", 0, 1_000_000, key=f"{key} all"))
            )
        else:
            said = st.text_input(f"{title}, all rows", FIXED[what], 200, key=f"{key} all")
            fixed[what] = (said or "").strip() or FIXED[what]
    elif column and column != NONE:
        picked[what] = column


def _quality(held: Held, first: dict[str, Any]) -> tuple[str | None, tuple[float, float] | None]:
    """Which score it is and its scale, where that is not what was guessed."""
    from store.log_columns import METRICS

    guess, key = first["chosen"], held.folder.name
    grid = st.grid(3, min_column_width=NARROWEST_PX)
    kinds = list(METRICS)
    metric = grid.selectbox(
        "The quality is",
        kinds,
        index=kinds.index(guess["metric"]),
        format_func=METRICS.__getitem__,
        key=f"runs metric {key}",
    )
    low = grid.number_input("Its lowest value", value=float(guess["low"]), key=f"runs low {key}")
    high = grid.number_input(
        "Its highest value", value=float(guess["high"]), key=f"runs high {key}"
    )
    same = (low, high) == (guess["low"], guess["high"])
    return None if metric == guess["metric"] else metric, None if same else (low, high)


# ------------------------------------------------------------------------------------- the preview


def _preview(found: dict[str, Any]) -> None:
    columns = st.columns(4)
    columns[0].metric("Runs", f"{found['runs']:,}", help=f"Of {found['rows']:,} rows")
    columns[1].metric("Questions", f"{found['questions']:,}")
    columns[2].metric("Search levels", _levels(found["search"]))
    columns[3].metric("Reasoning levels", _levels(found["think"]))
    for said in found["remarks"]:
        st.caption(literal(said))
    _unread(found)
    st.dataframe(
        pd.DataFrame(found["first"]), hide_index=True, key="runs_preview", alt="The first runs"
    )


def _levels(levels: Sequence[int]) -> str:
    return str(len(levels)) if len(levels) > 4 else ", ".join(f"{n:,}" for n in levels)


def _unread(found: dict[str, Any]) -> None:
    if not found["unread"]:
        return
    count = found["unread"]
    with st.expander(
        f"{count:,} row{'s' * (count != 1)} cannot be read",
        icon=":material/warning:",
        expanded=count <= 5,
    ):
        st.dataframe(
            pd.DataFrame({"what is wrong": found["why"]}),
            hide_index=True,
            key="runs_unread",
            alt="Rows that cannot be read, each with its field and what is wrong",
        )
        if count > len(found["why"]):
            st.caption(f"The first {len(found['why']):,} of them.")
