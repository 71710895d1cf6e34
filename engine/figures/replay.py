"""A run and its checkpoints -> the strip of answers if stopped earlier, and what each would have looked like.

Everything for every stop of the dials is here, so that dragging replays at once and asks nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.figures.amounts import money, span
from engine.figures.trace import StepInfo, Summary, summary, trace_info
from engine.grading import normalised
from engine.types import Run

MOST_TEXT = 600_000
"""Characters of all steps together; beyond, a checkpoint comes with its answer alone."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One cell of the strip."""

    search: int
    think: int
    summary: Summary
    facts: tuple[str, ...]
    steps: tuple[StepInfo, ...] | None
    """None where they would be too much to send."""
    agrees: bool | None = None
    """Whether it is the answer of the run itself; told where no gold is known."""


@dataclass(frozen=True, slots=True)
class ReplayInfo:
    searches: tuple[int, ...]
    thinks: tuple[int, ...]
    own: tuple[int, int]
    """The budget of the run itself."""
    reach: int
    """The most queries its strategy can use; dials beyond mean this many."""
    stops: tuple[Stop, ...]
    note: str
    """What is still to come and what the checkpoints took."""


def replay_info(run: Run, others: Iterable[Run], reach: int, note: str = "") -> ReplayInfo:
    """The run with those of `others` that lie below it; other modes than its own are left out."""
    budget = run.config.budget
    held = {_cell(other): other for other in others if _below(other, run)} | {_cell(run): run}
    weight = sum(_weight(r) for r in held.values())
    stops = tuple(_stop(r, run, weight <= MOST_TEXT or r is run) for _, r in sorted(held.items()))
    return ReplayInfo(
        searches=tuple(sorted({search for search, _ in held})),
        thinks=tuple(sorted({think for _, think in held})),
        own=(budget.search, budget.think),
        reach=reach,
        stops=stops,
        note=note,
    )


def progress(taken: int, wanted: int, tokens: int, cost: float | None, stopped: str = "") -> str:
    """How far the checkpoints are, and what they took beside the run."""
    far = f"{taken} of {wanted} answers taken so far" if taken < wanted and not stopped else ""
    why = f"{taken} of {wanted} answers taken: {stopped}" if stopped else ""
    spent = f"the forced answers took {tokens:,} tokens beside the run" if tokens else ""
    paid = money(cost) if tokens and cost is not None else ""
    told = " · ".join(part for part in (far, why, spent, paid) if part)
    return told[:1].upper() + told[1:]


def _cell(run: Run) -> tuple[int, int]:
    return run.config.budget.search, run.config.budget.think


def _below(other: Run, run: Run) -> bool:
    mine, its = run.config.budget, other.config.budget
    modes = (its.search_mode, its.think_mode) == (mine.search_mode, mine.think_mode)
    return modes and its.search <= mine.search and its.think <= mine.think


def _stop(run: Run, own: Run, whole: bool) -> Stop:
    trace = run.trace
    facts = (
        f"{trace.search.used} of {trace.search.limit} queries",
        f"{trace.think.used:,} of {trace.think.limit:,} thinking tokens",
        f"{trace.usage.completion_tokens:,} tokens generated",
        span(trace.seconds),
    )
    steps = trace_info(trace.steps, run.question.supporting_ids) if whole else None
    agrees = None
    if run.scores.em is None:
        agrees = normalised(trace.answer) == normalised(own.trace.answer) != ""
    return Stop(*_cell(run), summary=summary(run), facts=facts, steps=steps, agrees=agrees)


def _weight(run: Run) -> int:
    steps: Sequence[StepInfo] = trace_info(run.trace.steps)
    return sum(
        len(s.text) + sum(len(p.text) + len(p.title) for p in s.passages) + 80 for s in steps
    )
