"""What the rest of a sweep will take, from trajectories already run: measured, never assumed.

Three places tell: what the sweep itself has recorded, what other sweeps have (replayed over this plan's cells, which
asks nothing of anybody), and a pilot of a few questions. Minutes are endpoint seconds over the calls that run at once,
each endpoint beside the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.run.memo import Memo, NotRecorded
from engine.run.ports import Call, Query
from engine.run.requests import Reply
from engine.strategies import outside
from engine.sweeps.jobs import Job
from engine.sweeps.trajectory import Price, Trajectory, replay_memo, run_cells
from engine.types import Budget, Ranked, Usage

Group = tuple[str, str]
Floats = NDArray[np.float64]
DRAWS = 400


@dataclass(frozen=True, slots=True)
class Measured:
    """What one trajectory really took of an endpoint."""

    group: Group
    """Strategy and model."""
    seconds: float
    tokens: int
    calls: int = 0
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """An amount that is not known yet."""

    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class Part:
    """What one strategy on one model will take; amounts are None while nothing like it was measured."""

    strategy: str
    model: str
    trajectories: int
    runs: int
    measured: int
    """Trajectories that stand behind it."""
    calls: Spread | None
    tokens: Spread | None
    cost: Spread | None
    """None as well while a price is unknown."""
    seconds: Spread | None
    """Until it is done, were it alone at its endpoint."""


@dataclass(frozen=True, slots=True)
class Quote:
    """What is still to come, with the spread that the measured ones show."""

    trajectories: int
    runs: int
    seconds_p50: float
    seconds_p90: float
    tokens_p50: float
    from_trajectories: int
    """How many measured trajectories stand behind it."""
    tokens_p90: float = 0.0
    calls_p50: float = 0.0
    calls_p90: float = 0.0
    cost_p50: float | None = None
    """None while any price is unknown."""
    cost_p90: float | None = None
    parts: tuple[Part, ...] = ()

    @property
    def blind(self) -> tuple[Part, ...]:
        """The parts that nothing is known of."""
        return tuple(p for p in self.parts if p.trajectories and not p.measured)


def measured(trajectory: Trajectory, price: Price = lambda _: None) -> Measured:
    """What a trajectory took, failed calls included; of one that was resumed, what all its tries recorded."""
    recorded = sum(r.reply.seconds for r in trajectory.calls)
    seconds = recorded or sum(r.trace.seconds for r in trajectory.runs)  # an agent tells no calls
    asked = sum((r.reply.usage for r in trajectory.calls), Usage(queries=len(trajectory.found)))
    asked = max(asked, trajectory.paid, key=lambda usage: usage.calls)
    group = (trajectory.config.strategy, trajectory.config.model)
    tokens = asked.input_tokens + asked.completion_tokens
    return Measured(group, seconds, tokens, asked.calls, price(asked))


@dataclass(frozen=True, slots=True)
class _Told:
    """A record as a ChatModel and a Retriever."""

    memo: Memo

    async def generate(self, call: Call, on_piece: Callable[[str], None] | None = None) -> Reply:
        return await self.memo.generate(call, on_piece)

    async def search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]:
        return await self.memo.search(queries)


async def as_if(
    trajectory: Trajectory, budgets: Sequence[Budget], price: Price = lambda _: None
) -> Measured | None:
    """What these cells would have taken on a recorded trajectory; None where it does not reach them.

    An agent outside records nothing that could.
    """
    if outside(trajectory.config.strategy, trajectory.config.knobs):
        return None
    told = _Told(replay_memo(trajectory))
    try:
        again = await run_cells(trajectory.question, trajectory.config, budgets, told, told)
    except NotRecorded:
        return None
    return None if again.failures else measured(again, price)


def groups(jobs: Iterable[Job]) -> Mapping[Group, list[Job]]:
    """Jobs by strategy and model."""
    found: dict[Group, list[Job]] = defaultdict(list)
    for job in jobs:
        found[job.config.strategy, job.config.model].append(job)
    return found


def pilot(jobs: Iterable[Job], known: Iterable[Measured], each: int = 1) -> list[Job]:
    """The first jobs of every strategy and model that nothing is known of yet."""
    have = {m.group for m in known}
    return [job for group, some in groups(jobs).items() if group not in have for job in some[:each]]


def quote(
    jobs: Iterable[Job],
    known: Sequence[Measured],
    at_once: int | Callable[[str], int] = 1,
) -> Quote:
    """P50 and P90 of what remains: how the measured trajectories would vary if they were measured again, and drawn
    from for every job. A part that nothing is known of adds nothing, and says so.
    """
    rng = np.random.default_rng(0)
    places = at_once if callable(at_once) else lambda _: at_once
    parts, total = [], np.zeros((4, DRAWS))
    by_model: dict[str, Floats] = defaultdict(lambda: np.zeros(DRAWS))
    unpriced = False
    for (strategy, model), some in groups(jobs).items():
        like = [m for m in known if m.group == (strategy, model)]
        runs = sum(len(j.budgets) for j in some)
        drawn = _drawn(like, len(some), rng)
        drawn[3] /= max(1, places(model))
        priced = all(m.cost is not None for m in like)
        unpriced |= bool(like) and not priced
        total += drawn
        by_model[model] += drawn[3]
        shown = [_spread(row) if like else None for row in drawn]
        cost = shown[2] if priced else None
        parts.append(
            Part(strategy, model, len(some), runs, len(like), shown[0], shown[1], cost, shown[3])
        )
    seconds = np.max(list(by_model.values()), axis=0) if by_model else np.zeros(DRAWS)
    calls, tokens, cost_all, time = (_spread(row) for row in (*total[:3], seconds))
    return Quote(
        trajectories=sum(p.trajectories for p in parts),
        runs=sum(p.runs for p in parts),
        seconds_p50=time.p50,
        seconds_p90=time.p90,
        tokens_p50=tokens.p50,
        tokens_p90=tokens.p90,
        calls_p50=calls.p50,
        calls_p90=calls.p90,
        cost_p50=None if unpriced or not known else cost_all.p50,
        cost_p90=None if unpriced or not known else cost_all.p90,
        from_trajectories=sum(p.measured for p in parts),
        parts=tuple(parts),
    )


def _drawn(like: Sequence[Measured], count: int, rng: np.random.Generator) -> Floats:
    """Calls, tokens, cost and seconds of `count` jobs, in every draw: a Bayesian bootstrap of the measured ones."""
    if not like:
        return np.zeros((4, DRAWS))
    values = np.array([[m.calls, m.tokens, m.cost or 0.0, m.seconds] for m in like], dtype=float)
    weights = rng.dirichlet(np.ones(len(like)), size=DRAWS)
    counts = rng.multinomial(count, weights)
    drawn: Floats = (counts @ values).T
    return drawn


def _spread(row: Floats) -> Spread:
    return Spread(float(np.median(row)), float(np.quantile(row, 0.9)))
