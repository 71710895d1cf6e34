"""What a page shows, as blocks that need no store: for snapshots and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from budgetscape.freezing import Progress, runs_behind
from engine.analysis.traces import FEWEST, Comparison, compared
from engine.figures.blocks import Block, Lanes, Numbers, Surface, Words
from engine.figures.lanes import lanes_info
from engine.figures.palette import Identity, Key
from engine.figures.summary import Shown as Example
from engine.figures.summary import SummaryInfo
from engine.figures.surface import METRICS
from pages.parts import comparing, guide, resources, state, summarising
from pages.parts.controls import words
from pages.parts.filtering import Filters
from pages.parts.sheet import Sheet, block
from pages.parts.steps import Shown

if TYPE_CHECKING:
    from pages.parts.picture import Picture
    from store.configurations import Cells


def surface(
    chosen: Filters,
    found: Cells,
    seen: Picture,
    group: str,
    sheet: Sheet,
    progress: Progress,
) -> tuple[Block, ...]:
    """The surface where it stands, its cell and run that are open, the runs behind its cells, and what is beside it."""
    where, run = resources.slice_of(chosen), resources.shown_run(state.shown_run())
    opened = None if run is None else run.run
    runs = runs_behind(resources.application().store, found.rows, where, progress, opened)
    at = state.session().at.get(group) or state.linked_at() or resources.start(seen.info)
    cell = state.chosen_cell()
    small = guide.small_model(found.rows, resources.application().on_board())
    return (
        Words(what(chosen), "quiet"),
        Surface(
            seen.info,
            seen.readings,
            at,
            state.camera(),
            runs,
            seen.signs,
            () if cell is None else (cell.strategy, cell.model, cell.search, cell.think),
        ),
        *sheet.blocks,
        *(Words(said, "quiet") for said in small),
    )


def lanes(shown: Sequence[Shown], looks: Mapping[Key, Identity]) -> tuple[Block, ...]:
    """Runs side by side as the controls stand, with the bodies of all their steps."""
    axis, folded = comparing.ways(shown)
    told = comparing.comparison(shown, axis)
    opened = tuple(f"{lane}:{step}" for lane, step in state.opened())
    return (Lanes(lanes_info(told, looks, _every_step(told)), folded, opened),)


def summary(info: SummaryInfo) -> tuple[Block, ...]:
    """The summary as it is read, its examples as two runs side by side with all their steps."""
    at = info.at or resources.start(info.surface)
    card = info.card
    return (
        Words(info.question, "heading"),
        Words(f"Sweep {info.sweep}. {info.measured}", "quiet"),
        Surface(info.surface, info.dials, at),
        Words(summarising.drawn(info), "quiet"),
        Words("Recommendation", "heading"),
        Words(card.sentence),
        Numbers(tuple((fact.name, fact.value) for fact in card.facts)),
        Words(card.note, "quiet"),
        block("Evidence: every setting against the best", summarising.standings(info)),
        *(Words(f"{one.question} {one.answer}") for one in info.said),
        Words("What more of each budget bought", "heading"),
        Words(f"{info.examples_of}. {info.rule}", "quiet"),
        *(shown for one in info.examples for shown in _example(one)),
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
