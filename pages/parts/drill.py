"""From the surface down: the cells as a table, the questions of a cell, the trace of a question."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from engine.analysis.differences import Difference
from engine.analysis.paired import MARGIN
from engine.figures.markdown import literal
from pages.parts import comparing, resources, state, steps, tables
from pages.parts.controls import words
from pages.parts.filtering import Filters

if TYPE_CHECKING:
    from pages.parts.picture import Picture
    from pages.parts.sheet import Sheet
    from store.configurations import Cells
    from store.history import CellRow, RunHead


NARROW = ("low", "high", "cut off", "well-formed", "of the queries", "of the thinking")
"""Shares, from 0 to 1: how much of each budget was used is the compliance with it."""


TENTHS = ("queries used", "thinking used", "rounds", "passages read", "seconds")
CONTROLS = {"effort": "levels", "advisory": "advice"}
"""How the endpoint takes a reasoning budget that it cannot be held to."""


def forced(cell: CellRow) -> list[str]:
    """The budgets of a cell that are doses: they were to be spent, not only not to be exceeded."""
    modes = {"queries": cell.search_mode, "thinking": cell.think_mode}
    return [name for name, mode in modes.items() if mode == "force"]


def rows_of(cells: Sequence[CellRow], quality: str) -> pd.DataFrame:
    """Every cell with its interval; columns of which nothing is known are left out."""
    rows = [
        {
            "strategy": words(c.strategy),
            "model": c.model,
            "queries": c.search,
            "thinking tokens": c.think,
            quality: c.mean,
            "low": c.low,
            "high": c.high,
            "questions": c.questions,
            "runs": c.n,
            "cut off": c.cut_off,
            "well-formed": c.well_formed,
            "queries used": c.search_used,
            "thinking used": c.think_used,
            "of the queries": c.search_compliance,
            "of the thinking": c.think_compliance,
            "forced": ", ".join(forced(c)) or None,
            "thinking by": CONTROLS.get(c.think_mode, "") and (c.effort or c.think_mode) or None,
            "rounds": c.rounds,
            "passages read": c.passages,
            "tokens generated": c.generated,
            "tokens": c.tokens,
            "seconds": c.seconds,
            "cost": c.cost,
        }
        for c in cells
    ]
    return pd.DataFrame(rows).dropna(axis="columns", how="all")


def differences_of(cells: Sequence[Difference], quality: str) -> pd.DataFrame:
    """Every difference with its interval and what it means within the margin."""
    rows = [
        {
            "strategy": words(c.strategy),
            "model": c.model,
            "queries": c.search,
            "thinking tokens": c.think,
            quality: c.mean,
            "low": c.low,
            "high": c.high,
            "questions": c.n,
            f"within {100 * MARGIN:g} points": c.state,
            "tied": "tied" if c.low <= 0 <= c.high else "",
        }
        for c in cells
    ]
    return pd.DataFrame(rows)


def table(sheet: Sheet, seen: Picture, cells: Sequence[CellRow], name: str) -> None:
    """What is drawn, cells or differences, as a table."""
    quality = seen.info.quality
    signed = seen.info.signed
    frame = differences_of(seen.differences, quality) if signed else rows_of(cells, quality)
    formats = (
        dict.fromkeys((quality, *NARROW), "%.2f")
        | dict.fromkeys(TENTHS, "%.1f")
        | dict.fromkeys(("tokens", "tokens generated"), "%.0f")
    )
    title = "All differences" if signed else "All cells"
    sheet.table(title, frame, "cells", formats, name=name, folded=True)


def questions(chosen: Filters, cell: state.Chosen, cells: Cells) -> None:
    """The runs of a cell, and the trace of the one that is picked."""
    heads = resources.heads(chosen, cell, cells)
    queries = f"{cell.search} quer{'y' if cell.search == 1 else 'ies'}"
    tokens = f"{cell.think} thinking token{'s' * (cell.think != 1)}"
    name = f"{words(cell.strategy)} · {queries} · {tokens}"
    st.subheader(literal(name), anchor=False, divider="gray")
    if not heads:
        st.info("No stored run belongs to this cell under these filters.")
        return
    left, right = st.columns([6, 5], gap="large")
    with left:
        picked = _pick(heads, chosen.metric, key=f"heads {cell.to_link()} {chosen}")
    if picked:
        state.show_run(picked)
    shown = resources.shown_run(state.shown_run())
    with right:
        if shown is None:
            st.caption("Select a question in the table to read its trace.")
        else:
            comparing.pin(shown.id, "drill")
            if comparing.long(shown):
                comparing.alone(shown, resources.looks())
            else:
                steps.show(shown)


def _pick(heads: Sequence[RunHead], metric: str, key: str) -> str | None:
    frame = pd.DataFrame(
        {
            "question": [h.question for h in heads],
            "answer": [h.answer for h in heads],
            "score": [getattr(h, metric, None) for h in heads],
            "hops": [h.hops for h in heads],
            "operations": [h.operations for h in heads],
            "queries": [h.search_used for h in heads],
            "thinking": [h.think_used for h in heads],
            "ended by": [h.stopped_by for h in heads],
            "well-formed": [h.well_formed for h in heads],
        }
    ).dropna(axis="columns", how="all")
    event = tables.table(
        frame,
        key,
        name="questions-of-a-cell",
        on_select="rerun",
        selection_mode="single-row",
        height=420,
    )
    rows = event.selection.rows
    return heads[rows[0]].id if rows else None
