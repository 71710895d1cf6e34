"""What a page shows, as blocks that need no store: for snapshots and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from budgetscape.freezing import Progress, runs_behind
from engine.analysis.panel import Panel, Unknown
from engine.analysis.sentences import sentence
from engine.analysis.traces import FEWEST, Comparison, compared
from engine.figures.blocks import Block, Chart, Lanes, Numbers, Surface, Table, Words
from engine.figures.dials import DialsInfo
from engine.figures.lanes import lanes_info
from engine.figures.palette import Identity, Key
from engine.figures.spending import front_info
from engine.figures.summary import Shown as Example
from engine.figures.summary import SummaryInfo
from engine.figures.surface import METRICS, SurfaceInfo
from pages.parts import (
    allocating,
    comparing,
    drill,
    guide,
    judging,
    resources,
    state,
    summarising,
    weighing,
)
from pages.parts.controls import words
from pages.parts.filtering import Filters, Spending
from pages.parts.steps import Shown

if TYPE_CHECKING:
    from pages.parts.weighing import Spent
    from store.configurations import Cells


def surface(
    chosen: Filters,
    found: Cells,
    info: SurfaceInfo,
    readings: DialsInfo,
    group: str,
    progress: Progress,
) -> tuple[Block, ...]:
    """The surface where it stands, the runs behind its cells, and the cells as a table."""
    where = resources.slice_of(chosen)
    runs = runs_behind(resources.application().store, found.rows, where, progress)
    at = state.session().at.get(group) or resources.start(info)
    remarks = (guide.doses(found.rows), found.left_out and guide.left_out(found.left_out))
    return (
        Words(what(chosen), "quiet"),
        Surface(info, readings, at, state.camera(), runs),
        table("All cells", drill.rows_of(found.rows, info.quality)),
        *(Words(remark, "quiet") for remark in remarks if remark),
        Words(guide.SMALL_MODEL, "quiet"),
    )


def lanes(shown: Sequence[Shown], looks: Mapping[Key, Identity]) -> tuple[Block, ...]:
    """Runs side by side as the controls stand, with the bodies of all their steps."""
    axis, folded = comparing.ways(shown)
    told = comparing.comparison(shown, axis)
    opened = tuple(f"{lane}:{step}" for lane, step in state.opened())
    return (Lanes(lanes_info(told, looks, _every_step(told)), folded, opened),)


def allocation(
    found: Spent, panel: Panel, looks: Mapping[Key, Identity], chosen: Spending
) -> tuple[Block, ...]:
    """The recommendation with its evidence, the front, and the verdict in words."""
    front = front_info(found.table, found.front, looks, METRICS[chosen.metric])
    said, _ = weighing.verdict(found, panel, *judging.levels(panel))
    return (
        Words(what(chosen.filters), "quiet"),
        Words("Recommendation", "heading"),
        *_recommended(found),
        Words("What is worth its price", "heading"),
        Chart(front, "Quality of every setting over its spending, with the Pareto front"),
        Words("Does search scale like reasoning here?", "heading"),
        Words(f"Read for {panel.group.name}.", "quiet"),
        Words(sentence(said)),
    )


def _recommended(found: Spent) -> tuple[Block, ...]:
    choice = found.choice
    if isinstance(choice, Unknown):
        return (Words(f"None: {choice.why}."),)
    saving = "unknown" if choice.saving is None else f"{choice.saving:.0%}"
    figures = (
        ("Quality of the pick", f"{choice.pick_quality:.3f}"),
        ("Quality of the best", f"{choice.best_quality:.3f}"),
        (f"Saves of the {choice.unit}", saving),
        ("Folds that agree", f"{choice.same} of {choice.folds}"),
    )
    evidence = table("Evidence: every setting against the best", allocating.standings(choice))
    return Words(choice.sentence), Numbers(figures), evidence


def summary(info: SummaryInfo) -> tuple[Block, ...]:
    """The summary as it is read, its examples as two runs side by side with all their steps."""
    at = info.at or resources.start(info.surface)
    card = info.card
    return (
        Words(info.question, "heading"),
        Words(f"Sweep {info.sweep}. {info.measured}", "quiet"),
        Surface(info.surface, info.dials, at),
        Words("Recommendation", "heading"),
        Words(card.sentence),
        Numbers(tuple((fact.name, fact.value) for fact in card.facts)),
        Words(card.note, "quiet"),
        table("Evidence: every setting against the best", summarising.standings(info)),
        *(Words(f"{one.question} {one.answer}") for one in info.said),
        Words("What more of each budget bought", "heading"),
        Words(f"{info.examples_of}. {info.rule}", "quiet"),
        *(block for one in info.examples for block in _example(one)),
        Words("Before quoting a number", "heading"),
        *(Words(caveat) for caveat in info.caveats),
    )


def _example(one: Example) -> tuple[Block, ...]:
    said = (
        Words(one.title, "heading"),
        Words(f"{one.step}. {one.bought}" if one.step else one.bought),
    )
    runs = [found for name in one.run_ids if (found := resources.stored(name)) is not None]
    if len(runs) < FEWEST:
        return said
    told = compared(runs)
    return (*said, Lanes(lanes_info(told, resources.looks(), _every_step(told))))


def _every_step(told: Comparison) -> set[tuple[int, int]]:
    return {(i, n) for i, run in enumerate(told.runs) for n in range(len(run.trace.steps))}


def what(chosen: Filters) -> str:
    """Which runs these are, in words: searcher · exact match · corag · 2 hops"""
    parts = [f"Sweep {chosen.sweep}", METRICS.get(chosen.metric, chosen.metric)]
    parts += [", ".join(map(words, chosen.strategies))] if chosen.strategies else []
    parts += [", ".join(chosen.models)] if chosen.models else []
    for name, levels in (("hops", chosen.hops), ("operations", chosen.operations)):
        parts += [f"{', '.join(map(str, levels))} {name}"] if levels else []
    return " · ".join(parts)


def table(title: str, frame: pd.DataFrame) -> Table:
    """A frame as it would be shown; what is unknown stays empty."""
    rows = tuple(tuple(_value(v) for v in row) for row in frame.itertuples(index=False))
    return Table(title, tuple(map(str, frame.columns)), rows)


def _value(value: Any) -> str | int | float | None:
    if value is None or (not isinstance(value, str) and pd.isna(value)):
        return None
    return value if isinstance(value, str) else value.item() if hasattr(value, "item") else value
