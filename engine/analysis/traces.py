"""Several runs side by side: where they part, what each saw of the evidence, and what each extra unit bought.

Rows in, named values out. Runs of one question are compared on its gold; runs of different questions only on what they
did. Shares and differences are of these runs alone: one question says nothing about the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from typing import Literal

from engine.analysis import alignment
from engine.analysis.alignment import Row
from engine.types import Reading, Run, Search, Step, Usage

Axis = Literal["step", "seconds", "tokens", "cost"]
Price = Callable[[Usage], float | None]
FEWEST, MOST = 2, 6
"""How many runs can be compared."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Where a run first saw evidence."""

    step: int
    """Its place among the steps, from 0."""
    search: int
    """Which search brought it, from 1."""
    rank: int
    passage_id: str
    title: str


@dataclass(frozen=True, slots=True)
class Look:
    """What one search brought that the run had not seen before."""

    search: int
    query: str
    new: int
    seen: int
    """Passages that an earlier search had already shown."""
    new_gold: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one run saw."""

    passages: frozenset[str]
    first_gold: Sight | None
    all_gold: Sight | None
    """Where the last missing supporting passage was first seen; None while one is missing."""
    looks: tuple[Look, ...]


@dataclass(frozen=True, slots=True)
class Parting:
    """The first step at which not all runs do the same."""

    step: int
    """From 0; the steps before are alike."""
    groups: tuple[tuple[int, ...], ...]
    """Lanes that do the same there, the first lane's group first; a lane that has ended is in a group of its own."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """How many passages two runs both saw, of those that either saw."""

    shared: int
    either: int

    @property
    def share(self) -> float | None:
        """None where neither saw any."""
        return self.shared / self.either if self.either else None


@dataclass(frozen=True, slots=True)
class Gain:
    """What the dearer of two runs used more than the cheaper one, and what it got for it."""

    cheaper: int
    dearer: int
    queries: int
    thinking: int
    tokens: int
    seconds: float
    cost: float | None
    f1: float | None
    em: float | None
    evidence: float | None
    """Difference in evidence recall."""
    new_passages: int


@dataclass(frozen=True, slots=True)
class Comparison:
    runs: tuple[Run, ...]
    axis: Axis
    rows: tuple[Row, ...]
    starts: tuple[tuple[float, ...], ...]
    """Where each step of each lane begins on the axis."""
    lengths: tuple[tuple[float, ...], ...]
    one_question: bool
    parting: Parting | None
    """None when the runs are the same step by step."""
    evidence: tuple[Evidence, ...]
    overlap: tuple[tuple[Overlap, ...], ...]
    gains: tuple[Gain, ...]
    """From each run to the next dearer one."""


def compared(runs: Sequence[Run], axis: Axis = "step", prices: Sequence[Price] = ()) -> Comparison:
    """The runs as lanes, in the order given. `prices` are needed for the axis `cost` alone, one for each run."""
    lanes = [run.trace.steps for run in runs]
    sizes = [
        tuple(_amounts(lane, axis, price))
        for lane, price in zip(lanes, prices or [_unpriced] * len(runs), strict=True)
    ]
    starts = [
        tuple(_parallel(lane, size)) if axis == "seconds" else tuple(_serial(size))
        for lane, size in zip(lanes, sizes, strict=True)
    ]
    held = tuple(evidence(run) for run in runs)
    return Comparison(
        runs=tuple(runs),
        axis=axis,
        rows=alignment.by_step(lanes) if axis == "step" else alignment.by_amount(starts),
        starts=tuple(starts),
        lengths=tuple(sizes),
        one_question=len({run.question.id for run in runs}) < 2,
        parting=parting(lanes),
        evidence=held,
        overlap=tuple(tuple(_overlap(a, b) for b in held) for a in held),
        gains=gains(runs, held),
    )


def parting(lanes: Sequence[Sequence[Step]]) -> Parting | None:
    """Where the lanes first part; None when they are the same to the end."""
    shared = alignment.in_common(lanes)
    if all(len(lane) == shared for lane in lanes):
        return None
    groups: dict[alignment.Sign | int, list[int]] = {}
    for number, lane in enumerate(lanes):
        there = alignment.sign(lane[shared]) if shared < len(lane) else number
        groups.setdefault(there, []).append(number)
    return Parting(shared, tuple(tuple(group) for group in groups.values()))


# ------------------------------------------------------------------------------------------------ evidence


def evidence(run: Run) -> Evidence:
    """Passages in the order they were seen, against the question's supporting ones."""
    wanted = frozenset(run.question.supporting_ids)
    seen: set[str] = set()
    first = last = None
    looks = []
    queries = {step.path: step.query for step in run.trace.steps if isinstance(step, Search)}
    for search, (step, reading) in enumerate(_readings(run.trace.steps), start=1):
        before = len(wanted & seen)
        brought = {p.passage.id: p for p in reversed(reading.passages)}
        new = brought.keys() - seen
        for ranked in sorted((brought[i] for i in new & wanted), key=lambda p: p.rank):
            last = Sight(step, search, ranked.rank, ranked.passage.id, ranked.passage.title)
            first = first or last
        seen |= new
        query = queries.get(reading.path[:-1], reading.query)
        gold = len(wanted & seen) - before
        looks.append(Look(search, query, len(new), len(brought) - len(new), gold))
    whole = last if wanted and wanted <= seen else None
    return Evidence(frozenset(seen), first, whole, tuple(looks))


def _readings(steps: Iterable[Step]) -> Iterator[tuple[int, Reading]]:
    return ((place, step) for place, step in enumerate(steps) if isinstance(step, Reading))


def _overlap(a: Evidence, b: Evidence) -> Overlap:
    return Overlap(len(a.passages & b.passages), len(a.passages | b.passages))


# --------------------------------------------------------------------------------------------------- gains


def gains(runs: Sequence[Run], held: Sequence[Evidence]) -> tuple[Gain, ...]:
    """Steps up from the cheapest run to the dearest, by queries, then thinking, then all tokens."""
    order = sorted(range(len(runs)), key=lambda i: (*_spent(runs[i]), i))
    same = len({run.question.id for run in runs}) < 2
    return tuple(_gain(runs, held, a, b, same) for a, b in pairwise(order))


def _spent(run: Run) -> tuple[int, int, int]:
    usage = run.trace.usage
    tokens = usage.input_tokens + usage.completion_tokens
    return run.trace.search.used, run.trace.think.used, tokens


def _gain(runs: Sequence[Run], held: Sequence[Evidence], a: int, b: int, same: bool) -> Gain:
    before, after = runs[a], runs[b]
    more = [y - x for x, y in zip(_spent(before), _spent(after), strict=True)]
    scores = before.scores, after.scores

    def change(name: str) -> float | None:
        return _minus(*(getattr(s, name) if same else None for s in scores))

    return Gain(
        cheaper=a,
        dearer=b,
        queries=more[0],
        thinking=more[1],
        tokens=more[2],
        seconds=after.trace.seconds - before.trace.seconds,
        cost=_minus(before.cost, after.cost),
        f1=change("f1"),
        em=change("em"),
        evidence=change("evidence_recall"),
        new_passages=len(held[b].passages - held[a].passages),
    )


def _minus(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


# ------------------------------------------------------------------------------------------------- the axis


def _unpriced(_: Usage) -> float | None:
    return None


def priced(run: Run, price: Price) -> bool:
    """Whether every step of the run has a price."""
    return run.cost is not None and all(price(_usage(step)) is not None for step in run.trace.steps)


def _amounts(steps: Sequence[Step], axis: Axis, price: Price) -> Iterator[float]:
    """What each step takes on the axis; a step without a price takes nothing."""
    for step in steps:
        match axis:
            case "step":
                yield 1.0
            case "seconds":
                yield step.seconds
            case "tokens":
                yield float(step.input_tokens + step.tokens)
            case "cost":
                yield price(_usage(step)) or 0.0


def _usage(step: Step) -> Usage:
    return Usage(
        input_tokens=step.input_tokens,
        completion_tokens=step.tokens,
        queries=int(isinstance(step, Search) and not step.refused),
        calls=int(step.tokens > 0),
    )


def _serial(sizes: Sequence[float]) -> Iterator[float]:
    return accumulate(sizes[:-1], initial=0.0) if sizes else iter(())


def _parallel(steps: Sequence[Step], seconds: Sequence[float]) -> list[float]:
    """When each step began; branches that ran beside each other begin together."""
    began = [0.0] * len(steps)

    def play(places: list[int], depth: int, at: float) -> float:
        for _, group in groupby(places, key=lambda i: steps[i].path[depth : depth + 1]):
            at = request(list(group), depth, at)
        return at

    def request(places: list[int], depth: int, at: float) -> float:
        if any(len(steps[i].path) <= depth + 1 for i in places):
            return one_by_one(places, at)
        branches = groupby(places, key=lambda i: steps[i].path[depth + 1 : depth + 2])
        return max(branch(list(group), depth + 1, at) for _, group in branches)

    def branch(places: list[int], depth: int, at: float) -> float:
        own = any(len(steps[i].path) <= depth + 1 for i in places)
        return one_by_one(places, at) if own else play(places, depth + 1, at)

    def one_by_one(places: list[int], at: float) -> float:
        """A request and its reading."""
        for i in places:
            began[i] = at
            at += seconds[i]
        return at

    play(list(range(len(steps))), 0, 0.0)
    return began
