"""Perform jobs, several at once, and hand each trajectory over as it is done."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace

from engine.retrieval.remembered import Looking, Remembered
from engine.run.ports import Agent, Performer, Retriever
from engine.sweeps.jobs import Job
from engine.sweeps.pace import Pace, Paced
from engine.sweeps.paced_agent import PacedAgent
from engine.sweeps.spend import Ledger
from engine.sweeps.trajectory import Price, Trajectory, run_cells
from engine.types import Usage

LOOK_S = 1.0
"""How often it is looked whether the ledger was closed, where nothing else happens."""
DRAIN_S = 5.0
"""How long jobs may take to end by themselves when the ledger was closed."""


@dataclass
class Hands:
    """What jobs are performed with."""

    model: Callable[[str], Performer]
    """By name."""
    retriever: Retriever | None
    price: Callable[[str], Price]
    """By model name."""
    at_once: Callable[[str], int] = lambda _: 1
    """Trajectories under way at once, by model name."""
    paces: dict[str, Pace] = field(default_factory=dict)
    """By model name; a model without one has as many places as trajectories."""
    ledger: Ledger = field(default_factory=Ledger)
    share: bool = True
    room: Callable[[Job, int], bool] = lambda _, __: True
    """Whether one more job may start beside so many."""
    before: Callable[[str], Trajectory | None] = lambda _: None
    """What an earlier try of a trajectory recorded, by id."""

    def __post_init__(self) -> None:
        self._shared = None if self.retriever is None else Remembered(self.retriever)

    def pace(self, name: str) -> Pace:
        if name not in self.paces:
            self.paces[name] = Pace(most=10_000, first=10_000)
        return self.paces[name]

    def looking(self, name: str) -> Looking | None:
        """The index for one trajectory, its look-ups on the account."""
        if self._shared is None:
            return None
        return Looking(self._shared, lambda n: self.ledger.add(name, Usage(queries=n)))


Executor = Callable[[Iterable[Job], Hands], AsyncIterator[list[Trajectory]]]
"""How jobs are performed: in this process (`perform`), or by others."""


async def perform(jobs: Iterable[Job], hands: Hands) -> AsyncIterator[list[Trajectory]]:
    """Trajectories as they are done, those of one moment together; each model has places of its own.

    Closing the iterator cancels what is under way. A fault of ours in a job is raised here. Where there is no room
    beside those under way, the next job waits for them; where there is none at all, or the ledger is closed, no other
    starts and those under way are handed over as far as they came.
    """
    lanes = _lanes(jobs)
    under_way: dict[asyncio.Task[Trajectory], str] = {}
    try:
        while True:
            _start(lanes, under_way, hands)
            if not under_way:
                return
            patience = DRAIN_S if hands.ledger.closed else LOOK_S
            when = asyncio.ALL_COMPLETED if hands.ledger.closed else asyncio.FIRST_COMPLETED
            done, _ = await asyncio.wait(under_way, timeout=patience, return_when=when)
            for task in done:
                del under_way[task]
            if done:
                yield [task.result() for task in done]
            if patience == DRAIN_S:
                return
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


def _lanes(jobs: Iterable[Job]) -> dict[str, deque[Job]]:
    lanes: dict[str, deque[Job]] = {}
    for job in jobs:
        lanes.setdefault(job.config.model, deque()).append(job)
    return lanes


def _start(
    lanes: dict[str, deque[Job]], under_way: dict[asyncio.Task[Trajectory], str], hands: Hands
) -> None:
    """Fill every model's places, as far as there is room; where nothing is under way any more, none will come."""
    for name, lane in lanes.items():
        free = hands.at_once(name) - sum(model == name for model in under_way.values())
        while lane and free > 0:
            if hands.ledger.closed or not hands.room(lane[0], len(under_way)):
                if hands.ledger.closed or not under_way:
                    for others in lanes.values():
                        others.clear()
                return
            job = lane.popleft()
            task = asyncio.create_task(perform_one(job, hands, hands.before(job.id)))
            under_way[task] = name
            free -= 1


def _paced(name: str, hands: Hands) -> Paced | PacedAgent:
    """What the name stands for, at its pace and on the account."""
    inner = hands.model(name)
    if isinstance(inner, Agent):
        return PacedAgent(inner, name, hands.pace(name), hands.ledger)
    return Paced(inner, name, hands.pace(name), hands.ledger)


async def perform_one(job: Job, hands: Hands, before: Trajectory | None) -> Trajectory:
    """One job with these hands; `before` is what an earlier try recorded."""
    name = job.config.model
    model = _paced(name, hands)
    index = hands.looking(name)
    done = await run_cells(
        job.question,
        job.config,
        job.budgets,
        model,
        index,
        hands.price(name),
        sweep=job.sweep,
        share=hands.share,
        before=before,
    )
    asked = replace(done.paid, queries=index.asked if index else 0) + model.wasted
    return replace(done, paid=asked, paid_cost=hands.price(name)(asked))
