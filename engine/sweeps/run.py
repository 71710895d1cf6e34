"""Perform jobs, several at once, and hand each trajectory over as it is done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

from engine.run.ports import Performer, Retriever
from engine.sweeps.plan import Job
from engine.sweeps.trajectory import Price, Trajectory, run_cells


@dataclass(frozen=True, slots=True)
class Hands:
    """What jobs are performed with."""

    model: Callable[[str], Performer]
    """By name; called once per job."""
    retriever: Retriever | None
    price: Callable[[str], Price]
    """By model name."""
    at_once: int = 1
    share: bool = True


async def perform(jobs: Iterable[Job], hands: Hands) -> AsyncIterator[Trajectory]:
    """Trajectories in the order in which they are done; never more than `at_once` under way.

    Closing the iterator cancels what is under way. A fault of ours in a job is raised here.
    """
    todo = iter(jobs)
    under_way: set[asyncio.Task[Trajectory]] = set()
    try:
        while True:
            while len(under_way) < hands.at_once and (job := next(todo, None)) is not None:
                under_way.add(asyncio.create_task(_one(job, hands)))
            if not under_way:
                return
            done, under_way = await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


async def _one(job: Job, hands: Hands) -> Trajectory:
    name = job.config.model
    return await run_cells(
        job.question,
        job.config,
        job.budgets,
        hands.model(name),
        hands.retriever,
        hands.price(name),
        sweep=job.sweep,
        share=hands.share,
    )
