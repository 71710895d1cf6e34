"""The verdict on the page: does search scale like reasoning here, the evidence under it, or the cells to run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from engine.analysis.demand import demands, yields
from engine.analysis.evidence import Apart, Evidence
from engine.analysis.joint import corners, joint
from engine.analysis.panel import OTHER, Axis, Panel, Unknown
from engine.analysis.processes import likenesses
from engine.analysis.processes import sentence as iterated_sentence
from engine.analysis.sentences import sentence, wanted
from engine.figures.spending import axis_info, read_facts
from engine.figures.spending import spelt as told
from engine.figures.surface import METRICS
from pages.parts import sweep_form, weighing
from pages.parts.allocating import Looks

if TYPE_CHECKING:
    from engine.analysis.axis import Read
    from engine.analysis.verdict import Verdict
    from pages.parts.filtering import Spending
    from pages.parts.sheet import Sheet
    from pages.parts.weighing import Spent

PAGES = Path(__file__).parents[1]
AXES: tuple[Axis, Axis] = ("search", "think")
BADGES = {
    "alike": (":material/check:", "green"),
    "differs": (":material/call_split:", "orange"),
    "neither": (":material/horizontal_rule:", "gray"),
    "cannot tell": (":material/help:", "gray"),
}


def verdict(sheet: Sheet, found: Spent, panel: Panel, looks: Looks, chosen: Spending) -> None:
    """Does search scale like reasoning here, with the evidence under it, or the cells to run."""
    sheet.heading("Does search scale like reasoning here?")
    slices = _slices(panel)
    said, under = weighing.verdict(found, panel, slices["think"], slices["search"])
    icon, colour = BADGES[said.mixture.word]
    sheet.badge("Verdict", said.mixture.word, icon, colour)
    sheet.words(sentence(said))
    _parts(sheet, said)
    if isinstance(under, Evidence):
        sheet.table("Evidence", pd.DataFrame([_apart(a) for a in under.apart]), "evidence")
    _curves(sheet, found, panel, looks, chosen, slices)
    _needed(sheet, found, said)


def _slices(panel: Panel) -> dict[Axis, int | None]:
    """At which level of the other budget each axis is read."""
    grid = st.grid(2, min_column_width=200)
    names: dict[Axis, str] = {"search": "Searching at think", "think": "Thinking at search"}
    return {
        axis: grid.selectbox(
            label,
            (None, *panel.levels(OTHER[axis])),
            format_func=lambda level: (
                "the largest with most levels" if level is None else str(level)
            ),
            key=f"slice_{axis}",
            bind="query-params",
        )
        for axis, label in names.items()
    }


def _apart(one: Apart) -> dict[str, str]:
    numbers = {"search": one.search, "think": one.think, "apart": one.difference}
    return {"fitted": one.name} | {name: told(value) for name, value in numbers.items()}


def _parts(sheet: Sheet, said: Verdict) -> None:
    rows = [
        {
            "questions of": " ".join(f"{k} {v}" for k, v in part.stratum) or "all",
            "weight": part.weight,
            "n": part.questions,
            "verdict": part.word,
            **{c.name: told(c.difference) for c in part.compared},
            "why": part.why,
        }
        for part in (said.mixture, *said.strata)
    ]
    sheet.table("The verdict by difficulty", pd.DataFrame(rows), "parts", {"weight": "%.2f"})


def _curves(
    sheet: Sheet,
    found: Spent,
    panel: Panel,
    looks: Looks,
    chosen: Spending,
    slices: Mapping[Axis, int | None],
) -> None:
    look = looks[panel.group.strategy, panel.group.model]
    for column, axis in zip(st.columns(2, gap="large"), AXES, strict=True):
        with column:
            read = weighing.axis(found, panel, axis, slices[axis])
            info = axis_info(read, look, METRICS[chosen.metric])
            what = f"Quality over the {axis} budget with the fitted curve"
            sheet.chart(info, f"curve_{axis}", what)
            if not isinstance(read, Unknown):
                _facts(sheet, read, axis)


def _facts(sheet: Sheet, read: Read, axis: Axis) -> None:
    if read.caution:
        sheet.quiet(f"No claim about the shape is made: {read.caution}.")
    frame = pd.DataFrame(read_facts(read), columns=[f"along {axis}", ""])
    sheet.table(f"The {axis} budget in numbers", frame, f"facts_{axis}")


def _needed(sheet: Sheet, found: Spent, said: Verdict) -> None:
    more = said.needed
    if more is None:
        return
    sheet.words(f"To tell, {wanted(more)}.")
    with st.container(horizontal=True):
        if st.button("Plan these cells", icon=":material/playlist_add:", type="primary"):
            sweep_form.begin(more, found.questions)
            st.switch_page(str(PAGES / "sweep_runs.py"))
        st.download_button(
            "As a plan file",
            more.toml(found.questions or "QUESTIONS"),
            file_name=f"{more.name}.toml",
            icon=":material/download:",
            on_click="ignore",
            help="For budgetscape sweep",
        )


def iterated(sheet: Sheet, found: Spent) -> None:
    """Is it a property of any iterative process?"""
    sheet.heading("Is it so of any iterative process?")
    every = weighing.iterated(found)
    sheet.words(iterated_sentence(every, found.unit))
    rows = [
        {
            "process": p.name,
            "of": p.of,
            "at": p.at,
            "levels": ", ".join(map(str, p.levels)),
            "trend": p.trend.direction,
            f"gain per doubling of {found.unit}": told(p.per_doubling),
            "questions": len(p.questions),
        }
        for p in every
    ]
    sheet.table("Every process", pd.DataFrame(rows), "processes")
    pairs = [
        {"one": x.one, "the other": x.two, "they are": x.word, "apart": told(x.difference)}
        for x in likenesses(every)
    ]
    if pairs:
        with sheet.folded("Two by two, question by question", ":material/table:"):
            sheet.table("", pd.DataFrame(pairs), "likenesses")


def together(sheet: Sheet, panel: Panel) -> None:
    """Whether the budgets help each other or stand in for each other, and how one is used as the other grows."""
    sheet.heading("How the two budgets work together")
    outer, model = corners(panel), joint(panel)
    if isinstance(outer, Unknown):
        sheet.words(f"Cannot tell: {outer.why}.")
    else:
        (a, b), (c, d) = outer.search, outer.think
        sheet.words(
            f"{outer.word.capitalize()}: search {a} to {b} together with think {c} to {d} adds {told(outer.extra)} "
            "beyond the sum of each alone, on the scale of the scores."
        )
    if isinstance(model, Unknown):
        sheet.quiet(f"On the fitted (logit) scale: {model.why}.")
    else:
        both = told(model.coefficients["search x think"])
        sheet.quiet(f"On the fitted (logit) scale: {model.word}, search x think {both}.")
    rows = [
        {
            "use of": {"search": "queries", "think": "thinking tokens"}[d.of],
            "of a budget of": d.at,
            "at the smallest other budget": d.used[0],
            "at the largest": d.used[-1],
            "for each doubling of the other": told(d.per_doubling),
        }
        for axis in AXES
        for d in demands(panel, axis)
        if d.used
    ]
    names = ("at the smallest other budget", "at the largest")
    sheet.table(
        "How one budget is used as the other grows",
        pd.DataFrame(rows),
        "demand",
        dict.fromkeys(names, "%.1f"),
    )
    by_hops = [
        {
            "hops": y.value,
            "questions": y.questions,
            "queries sent": told(y.searches),
            "evidence recall per query": told(y.gold_per_search),
        }
        for y in yields(panel, "hops")
    ]
    sheet.table("What each query finds, by hops", pd.DataFrame(by_hops), "yields")
