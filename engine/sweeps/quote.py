"""How long the rest of a sweep will take, from trajectories already run: measured, never assumed.

Minutes are endpoint seconds of trajectories (what was paid, one after another) over the number that run at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine.sweeps.plan import Job
from engine.sweeps.trajectory import Trajectory

Group = tuple[str, str]
DRAWS = 400


@dataclass(frozen=True, slots=True)
class Quote:
    """What is still to come, with the spread that the pilot shows."""

    trajectories: int
    runs: int
    seconds_p50: float
    seconds_p90: float
    tokens_p50: float
    from_trajectories: int
    """How many measured trajectories stand behind it."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one trajectory really took of an endpoint."""

    group: Group
    seconds: float
    tokens: int


def measured(trajectory: Trajectory) -> Measured:
    """What the recorded calls took; where there are none, as with an agent outside, what the runs took."""
    shared = sum(r.reply.seconds for r in trajectory.calls)
    seconds = shared or sum(r.trace.seconds for r in trajectory.runs)
    group = (trajectory.config.strategy, trajectory.config.model)
    paid = trajectory.paid
    return Measured(group, seconds, paid.input_tokens + paid.completion_tokens)


def groups(jobs: Iterable[Job]) -> Mapping[Group, list[Job]]:
    """Jobs by strategy and model."""
    found: dict[Group, list[Job]] = defaultdict(list)
    for job in jobs:
        found[job.config.strategy, job.config.model].append(job)
    return found


def pilot(jobs: Sequence[Job], known: Iterable[Measured], each: int = 1) -> list[Job]:
    """The first jobs of every strategy and model that nothing is known of yet."""
    have = {m.group for m in known}
    return [job for group, some in groups(jobs).items() if group not in have for job in some[:each]]


def quote(jobs: Sequence[Job], known: Sequence[Measured], at_once: int = 1) -> Quote:
    """P50 and P90 of the remaining time, drawing each trajectory's cost from the measured ones of its group."""
    rng = np.random.default_rng(0)
    seconds, tokens = np.zeros(DRAWS), np.zeros(DRAWS)
    for group, some in groups(jobs).items():
        like = [m for m in known if m.group == group] or list(known)
        if not like:
            continue
        drawn = rng.integers(len(like), size=(DRAWS, len(some)))
        seconds += np.array([m.seconds for m in like])[drawn].sum(axis=1)
        tokens += np.array([m.tokens for m in like], dtype=float)[drawn].sum(axis=1)
    seconds /= max(1, at_once)
    return Quote(
        trajectories=len(jobs),
        runs=sum(len(j.budgets) for j in jobs),
        seconds_p50=float(np.median(seconds)),
        seconds_p90=float(np.quantile(seconds, 0.9)),
        tokens_p50=float(np.median(tokens)),
        from_trajectories=len(known),
    )
