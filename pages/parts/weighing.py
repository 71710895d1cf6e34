"""Cells weighed against what they took: the analyses behind the allocation page, each worked out once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import streamlit as st

from engine.analysis.allocation import Next, Step, Walk, every_next, iso_quality, path, spread
from engine.analysis.allocation import walk as iso_cost
from engine.analysis.axis import Read, read
from engine.analysis.choice import Choice, choose
from engine.analysis.evidence import Evidence, evidence
from engine.analysis.frontier import Crossing, OnFront, WideDeep, front, fronts_cross, wide_deep
from engine.analysis.paired import Table, table
from engine.analysis.panel import Axis as BudgetAxis
from engine.analysis.panel import Panel, Unknown, panels, unit_of
from engine.analysis.processes import Process, processes
from engine.analysis.verdict import Verdict
from engine.analysis.verdict import verdict as judge
from pages.parts import resources
from store.history import Slice
from store.scores import score_rows

if TYPE_CHECKING:
    from pages.parts.filtering import Filters, Spending
    from store.configurations import Cells


@dataclass(frozen=True, slots=True, eq=False)
class Spent:
    """All surfaces of the filters, weighed against what they took."""

    key: str
    """Names the runs and settings, for caches of what follows from them."""
    panels: tuple[Panel, ...]
    questions: str
    """The question set that the sweep asks; empty where its plan is not known."""
    unit: str
    table: Table | Unknown
    choice: Choice | Unknown
    front: tuple[OnFront, ...] | Unknown
    crossings: tuple[Crossing, ...]
    wide_deep: tuple[WideDeep, ...]


def spending(chosen: Spending) -> Spent:
    return _spending(
        resources.version(),
        slice_of(chosen),
        chosen.metric,
        chosen.unit,
        chosen.margin,
    )


def slice_of(chosen: Spending) -> Slice:
    """The runs that are weighed: of the sweep, and of those that are read along."""
    where = resources.slice_of(chosen.filters)
    return replace(where, sweeps=(chosen.filters.sweep, *chosen.also))


def panels_of(chosen: Filters, found: Cells) -> tuple[Panel, ...]:
    """The shown surfaces question by question: of each strategy and model the configuration that is drawn."""
    kept = {
        (c.strategy, c.model, c.index, c.config, c.search_mode, c.think_mode) for c in found.rows
    }
    some = _panels(resources.version(), resources.slice_of(chosen), chosen.metric)
    return tuple(p for p in some if p.group[:6] in kept)


@st.cache_resource(max_entries=16, show_spinner="Reading the questions")
def _panels(as_of: str, where: Slice, metric: str) -> tuple[Panel, ...]:  # noqa: ARG001  (the key of the cache)
    some = panels(score_rows(resources.application().store, where, metric))
    return tuple(sorted(some, key=lambda p: -int(p.ran().sum())))


@st.cache_resource(max_entries=8, show_spinner="Weighing the cells")
def _spending(
    as_of: str,
    where: Slice,
    metric: str,
    unit: str,
    margin: float,
) -> Spent:
    some = _panels(as_of, where, metric)
    plan = resources.application().store.plan((where.sweeps or ("",))[0]) or {}
    unit = unit or unit_of(some)
    cells = table(some, unit)
    return Spent(
        f"{as_of} {where} {metric}",
        some,
        str(plan.get("questions", "")),
        unit,
        cells,
        cells if isinstance(cells, Unknown) else choose(cells, margin),
        cells if isinstance(cells, Unknown) else front(cells),
        () if isinstance(cells, Unknown) else fronts_cross(cells),
        wide_deep(some),
    )


def spends(panel: Panel, unit: str) -> tuple[float | None, float | None]:
    """The least and the most that a measured setting takes."""
    return spread(panel, unit)


def walk(panel: Panel, spend: float, unit: str) -> Walk | Unknown:
    return iso_cost(panel, spend, unit)


def reaching(panel: Panel, level: float, unit: str) -> Walk | Unknown:
    return iso_quality(panel, level, unit)


def cheapest(panel: Panel, unit: str) -> tuple[Step, ...] | Unknown:
    return path(panel, unit)


def next_units(panel: Panel, unit: str) -> list[Next]:
    """Where the next unit goes from every measured cell."""
    return every_next(panel, unit)


def verdict(
    found: Spent, panel: Panel, at_search: int | None = None, at_think: int | None = None
) -> tuple[Verdict, Evidence | Unknown]:
    """The verdict on one surface by hops, with its evidence."""
    return _verdict(found.key, str(panel.group), found.unit, (at_search, at_think), panel)


@st.cache_resource(max_entries=32, show_spinner="Fitting curves")
def _verdict(
    key: str,  # noqa: ARG001  (the key of the cache)
    group: str,  # noqa: ARG001
    unit: str,
    at: tuple[int | None, int | None],
    _panel: Panel,
) -> tuple[Verdict, Evidence | Unknown]:
    said = judge(_panel, unit, ("hops",), *at)
    if said.placed is None:
        return said, Unknown(said.mixture.why)
    return said, evidence(*said.placed)


def iterated(found: Spent) -> tuple[Process, ...]:
    """Everything that was done more and more often."""
    return _iterated(found.key, found.unit, found.panels)


@st.cache_resource(max_entries=8, show_spinner="Reading every process")
def _iterated(
    key: str,  # noqa: ARG001  (the key of the cache)
    unit: str,
    _panels: tuple[Panel, ...],
) -> tuple[Process, ...]:
    return processes(_panels, unit)


def axis(found: Spent, panel: Panel, name: BudgetAxis, at: int | None = None) -> Read | Unknown:
    return _axis(found.key, str(panel.group), name, found.unit, at, panel)


@st.cache_resource(max_entries=64, show_spinner="Fitting curves")
def _axis(
    key: str,  # noqa: ARG001  (the key of the cache)
    group: str,  # noqa: ARG001
    name: BudgetAxis,
    unit: str,
    at: int | None,
    _panel: Panel,
) -> Read | Unknown:
    return read(_panel, name, at, unit)
