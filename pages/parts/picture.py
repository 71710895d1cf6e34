"""The picture of the quality surface: cells or differences, what is laid over them, and what each stop reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import streamlit as st

from engine.analysis.differences import Difference, differences
from engine.analysis.joint import Joint, joint
from engine.analysis.paired import MARGIN
from engine.analysis.panel import Panel, Unknown, unit_of
from engine.figures.axes import REQUESTED
from engine.figures.dials import DialsInfo, Gains, dials_info, gain_words
from engine.figures.overlays import (
    LiveRun,
    beyond,
    cheapest_path,
    equal_spend,
    further,
    live_runs,
    within,
)
from engine.figures.palette import Identity, Key
from engine.figures.sheets import Stroke, SurfaceInfo
from engine.figures.surface import surface_info
from pages.parts import resources, weighing
from store.history import Slice

if TYPE_CHECKING:
    from pages.parts.filtering import Drawing, Filters
    from store.configurations import Cells

MOST_RUNS = 400_000
"""Beyond, what needs question by question is left out here: it would be read from the runs at every change."""
TOO_MANY = f"More than {MOST_RUNS:,} runs: marginal gains, differences and the cheapest path are left out here."
MOST_LIVE = 500
LIVE_COLOUR = "#CC0052"
SIGNS = (
    ("●", "measured cell; bar: 95 % interval"),
    ("▱", "between measured cells: interpolated"),
)
OVER = {
    "equal spend": ("—", "equal spend"),
    "cheapest path": ("━", "cheapest path"),
    "live runs": ("•", "live runs"),
    "beyond the cells": ("◌", "fitted beyond what was measured"),
}


@dataclass(frozen=True, slots=True)
class Picture:
    info: SurfaceInfo
    readings: DialsInfo
    signs: tuple[tuple[str, str], ...]
    differences: tuple[Difference, ...] = ()
    """In the place of cells, where these are drawn."""


def picture(chosen: Filters, found: Cells, how: Drawing, looks: Mapping[Key, Identity]) -> Picture:
    """All of it. What needs single questions is asked for only where it is shown."""
    few = sum(row.n for row in found.rows) <= MOST_RUNS
    panels = weighing.panels_of(chosen, found) if few and found.rows else ()
    unit = how.unit or unit_of(panels)
    notes = () if few else (TOO_MANY,)
    other = next((p for p in panels if _key(p) == how.against), None)
    if other is not None:
        return _difference(chosen, panels, other, how, looks)
    fits = (
        _fits(panels)
        if "beyond the cells" in how.over and how.along == (REQUESTED, REQUESTED)
        else {}
    )
    room = _room([p for p in panels if _key(p) in fits])
    info = surface_info(found.rows, chosen.metric, looks, chosen.scale, along=how.along, room=room)
    strokes, unsaid = _strokes(info, chosen, found, how, panels, unit)
    strokes += tuple(s for key, fit in fits.items() for s in beyond(info, key, fit.at))
    if "beyond the cells" in how.over and not fits:
        unsaid += (
            "No model of both budgets can be fitted to these cells, or the axes show what was used.",
        )
    info = replace(info, strokes=strokes, notes=(*info.notes, *notes, *unsaid))
    return Picture(info, dials_info(found.rows, info, _gains(panels, unit)), _signs(info))


def _difference(
    chosen: Filters,
    panels: Sequence[Panel],
    other: Panel,
    how: Drawing,
    looks: Mapping[Key, Identity],
) -> Picture:
    cells = differences(panels, other, MARGIN)
    name = looks[_key(other)].label
    info = surface_info(cells, chosen.metric, looks, chosen.scale, along=how.along, against=name)
    if not cells:
        info = replace(info, reason=f"No cell was measured both for {name} and for another choice.")
    note = "Paired by question: each interval is that of the difference. The grey level is no difference."
    note += " Nothing is laid over differences." if how.over else ""
    thinned = {f"{said} are compared." for p in panels if (said := p.thinned)}
    info = replace(info, notes=(*info.notes, note, *sorted(thinned)))
    return Picture(info, dials_info(cells, info), _signs(info), tuple(cells))


def _key(panel: Panel) -> Key:
    return panel.group.strategy, panel.group.model


def _signs(info: SurfaceInfo) -> tuple[tuple[str, str], ...]:
    shown = {stroke.kind: stroke.label for stroke in info.strokes}
    amounts = shown.get("equal spend", "")
    told = ((kind, *OVER[kind]) for kind in OVER if kind in shown)
    return (*SIGNS, *((s, f"{w}: {amounts}" if k == "equal spend" else w) for k, s, w in told))


# --------------------------------------------------------------------------------------------- strokes


def _strokes(
    info: SurfaceInfo,
    chosen: Filters,
    found: Cells,
    how: Drawing,
    panels: Sequence[Panel],
    unit: str,
) -> tuple[tuple[Stroke, ...], tuple[str, ...]]:
    """What is laid over the sheets, and why something that was asked for is not."""
    made: list[Stroke] = []
    unsaid: list[str] = []
    if "equal spend" in how.over:
        lines = equal_spend(info, found.rows, unit)
        made += lines
        unsaid += [] if lines else [f"No lines of equal spend: the cells do not differ in {unit}."]
    if "cheapest path" in how.over:
        paths = {_key(panel): weighing.cheapest(panel, unit) for panel in panels}
        whys = dict.fromkeys(p.why for p in paths.values() if isinstance(p, Unknown))
        for key, steps in paths.items():
            made += () if isinstance(steps, Unknown) else cheapest_path(info, key, steps, unit)
        if not any(stroke.kind == "cheapest path" for stroke in made):
            unsaid += [f"No cheapest path: {why}." for why in whys]
    if "live runs" in how.over:
        strokes, said = _live(info, chosen)
        made += strokes
        unsaid += said
    return tuple(made), tuple(unsaid)


def _live(info: SurfaceInfo, chosen: Filters) -> tuple[tuple[Stroke, ...], list[str]]:
    if info.used:
        return (), ["Live runs are drawn over the budgets only."]
    runs = live_points(resources.version(), resources.slice_of(chosen), chosen.metric)
    inside = sum(within(info, r.search, r.think) for r in runs)
    said = [] if runs else ["No live run of this choice yet: ask a question on the live page."]
    if runs and inside < len(runs):
        said = [f"{len(runs) - inside} of {len(runs)} live runs lie outside the measured budgets."]
    return live_runs(info, runs, LIVE_COLOUR), said


@st.cache_data(max_entries=16, show_spinner=False)
def live_points(as_of: str, where: Slice, metric: str) -> list[LiveRun]:  # noqa: ARG001  (the key of the cache)
    """The latest live runs under the filters, at most MOST_LIVE."""
    own = replace(where, sweeps=(resources.LIVE,))
    heads = resources.application().store.runs(own, limit=MOST_LIVE)
    return [
        LiveRun(h.search, h.think, getattr(h, metric, None), f"{h.question} — {h.answer}"[:160])
        for h in heads
    ]


def _fits(panels: Sequence[Panel]) -> dict[Key, Joint]:
    """The logit model of both budgets where it can be fitted."""
    found = {_key(p): joint(p) for p in panels}
    return {key: fit for key, fit in found.items() if isinstance(fit, Joint)}


def _room(panels: Sequence[Panel]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """One level further than any that these measured."""
    search = {further(p.search) for p in panels}
    think = {further(p.think) for p in panels}
    return tuple(sorted(search)), tuple(sorted(think))


# --------------------------------------------------------------------------------------------- gains


def _gains(panels: Sequence[Panel], unit: str) -> Gains:
    told: dict[Any, tuple[str, ...]] = {}
    for panel in panels:
        for n in weighing.next_units(panel, unit):
            told[_key(panel), n.search, n.think] = gain_words(n)
    return told
