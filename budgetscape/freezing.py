"""The runs behind a surface, for a snapshot: whole questions, spread over difficulty, as long as there is room."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import chain, zip_longest

from engine.figures.held import HeldRuns, Holding, Placed
from engine.types import Run
from store.history import Asked, CellRow, Slice, Store

MOST_QUESTIONS = 300
Progress = Callable[[float, str], None]
"""Is told a share from 0 to 1 and what is being done."""
_Place = tuple[str, str, int, int, str, str]
"""Strategy, model, both budgets as they were asked for, and the modes of both."""


def runs_behind(
    store: Store,
    rows: Sequence[CellRow],
    where: Slice,
    progress: Progress = lambda *_: None,
    opened: Run | None = None,
) -> HeldRuns:
    """The runs of the shown cells with all their steps, of the question of the `opened` run first; the note says when
    some are left out."""
    cells = {_place_of(row): row for row in rows}
    asked = spread(store.asked(where))
    asked.sort(key=lambda question: opened is None or question.id != opened.question.id)
    trajectories = _trajectories(store, rows, where, asked[:MOST_QUESTIONS])
    holding, taken = Holding(), 0
    for done, question in enumerate(asked[:MOST_QUESTIONS]):
        progress(done / len(asked), f"Gathering the runs of {len(asked)} questions")
        found = (
            _placed(run, cells)
            for trajectory, wanted in trajectories.get(question.id, {}).items()
            for run in store.trajectory(trajectory).runs
            if run.id in wanted
        )
        if not holding.take(placed for placed in found if placed is not None):
            break
        taken += 1
    return holding.held(_note(taken, len(asked)), opened.id if opened else "")


def _trajectories(
    store: Store, rows: Iterable[CellRow], where: Slice, asked: Sequence[Asked]
) -> dict[str, dict[str, set[str]]]:
    """By question: the trajectories of the shown configurations, each with its runs under the filters."""
    found: dict[str, dict[str, set[str]]] = {}
    questions = tuple(question.id for question in asked)
    for strategy, model, config in sorted({(r.strategy, r.model, r.config) for r in rows}):
        own = replace(
            where, strategies=(strategy,), models=(model,), config=config, questions=questions
        )
        for question, trajectory, run in store.places(own):
            found.setdefault(question, {}).setdefault(trajectory, set()).add(run)
    return found


def spread(asked: Sequence[Asked]) -> list[Asked]:
    """Questions of every difficulty in turns, so that the first few are already a fair part of all."""
    strata: dict[tuple[int | None, int | None], list[Asked]] = {}
    for question in asked:
        strata.setdefault((question.hops, question.operations), []).append(question)
    return [q for q in chain.from_iterable(zip_longest(*strata.values())) if q is not None]


def _place_of(row: CellRow) -> _Place:
    return (row.strategy, row.model, row.search, row.asked, row.search_mode, row.think_mode)


def _placed(run: Run, cells: dict[_Place, CellRow]) -> Placed | None:
    config, budget = run.config, run.config.budget
    place = (
        config.strategy,
        config.model,
        budget.search,
        budget.think,
        budget.search_mode,
        budget.think_mode,
    )
    row = cells.get(place)
    return None if row is None else (run, (row.strategy, row.model), row.search, row.think)


def _note(taken: int, all_: int) -> str:
    if taken == all_:
        return ""
    return (
        f"The runs of {taken} of the {all_} questions are kept here, spread over all difficulties."
    )
