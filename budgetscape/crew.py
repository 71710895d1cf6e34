"""A sweep's jobs on other processes or machines: workers that pull questions and keep a journal each.

It performs jobs as `engine.sweeps.run.perform` does, and is put in its place. A trajectory counts once its worker has
it on disk, in the shared folder of journals; so when a worker is gone, its journal says what it had done, and only the
rest is given to others. What starts workers, and notices that one is gone, is behind `Hire`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import uuid4

from engine.errors import Damaged
from engine.sweeps.assignment import Assignment
from engine.sweeps.jobs import Job
from engine.sweeps.record import from_body
from engine.sweeps.run import Hands
from engine.sweeps.trajectory import Failure, Trajectory
from store.home import Home
from store.journal import Line, journal_files, read

LOOK_S = 1.0
"""How often it is looked whether the ledger was closed, where nothing else happens."""
DRAIN_S = 15.0
"""How long workers may take to end what they have when the ledger was closed."""

STOP_S = 5.0
"""How long a worker may take to hear that it shall stop."""


class Gone(Exception):
    """A worker that will never answer again."""


class Worker(Protocol):
    """One process that performs jobs."""

    async def run(self, job: Job, before: Trajectory | None) -> Trajectory:
        """Perform a job; it is on disk when this returns. Raises Gone."""
        ...

    async def stop(self, why: str) -> None:
        """No further call; jobs under way end as far as they came."""
        ...

    def end(self) -> None:
        """End the process, whatever it does."""
        ...


Hire = Callable[[str], Awaitable[Worker]]
"""A worker of this name, ready to work; EndpointError where none comes."""
Doing = dict[asyncio.Task[Trajectory], tuple[str, Job]]


@dataclass
class Crew:
    """The workers of one sweep."""

    home: Home
    sweep: str
    hire: Hire
    size: int
    workers: dict[str, Worker] = field(default_factory=dict)
    lost: int = 0
    """Workers that were gone before the end."""
    _hiring: dict[asyncio.Task[Worker], str] = field(default_factory=dict)

    async def execute(self, jobs: Iterable[Job], hands: Hands) -> AsyncIterator[list[Trajectory]]:
        """As `perform`; every trajectory that is handed over is recorded already, but for those given up."""
        todo = Assignment(jobs, lambda job: job.config.model)
        doing: Doing = {}
        try:
            while True:
                if not hands.ledger.closed:
                    self._hire_missing(todo)
                    self._hand_out(todo, doing, hands)
                elif doing:
                    await self._stop(hands.ledger.closed)
                idle = not doing and (
                    not todo.waiting or hands.ledger.closed or self._no_room(todo, hands)
                )
                if idle and not self._waits(todo, hands):
                    return
                done = await self._some(doing, DRAIN_S if hands.ledger.closed else LOOK_S)
                batch = await self._taken(done, doing, todo)
                for trajectory in batch:
                    hands.ledger.add(trajectory.config.model, trajectory.paid)
                if batch:
                    yield batch
                elif hands.ledger.closed and not done:
                    return
        finally:
            for task in doing:
                task.cancel()
            await asyncio.gather(*doing, return_exceptions=True)

    async def close(self) -> None:
        """Let all workers go."""
        for task in self._hiring:
            task.cancel()
        await asyncio.gather(*self._hiring, return_exceptions=True)
        for worker in self.workers.values():
            worker.end()
        self.workers.clear()

    # ------------------------------------------------------------------------------------- the round

    def _hire_missing(self, todo: Assignment[Job]) -> None:
        wanted = min(self.size, todo.waiting + todo.under_way())
        for _ in range(wanted - len(self.workers) - len(self._hiring)):
            name = f"w{uuid4().hex[:10]}"
            self._hiring[asyncio.ensure_future(self.hire(name))] = name

    def _hand_out(self, todo: Assignment[Job], doing: Doing, hands: Hands) -> None:
        """A job for every free place; round by round, so that few jobs are spread."""
        given = True
        while given:
            given = False
            for name, worker in self.workers.items():
                for model in todo.lanes:
                    given = self._give(todo, doing, hands, name, worker, model) or given

    def _give(
        self,
        todo: Assignment[Job],
        doing: Doing,
        hands: Hands,
        name: str,
        worker: Worker,
        model: str,
    ) -> bool:
        first = todo.first(name, model)
        if first is None or todo.under_way(name, model) >= hands.at_once(model):
            return False
        if _paused(hands, model) or not hands.room(first, len(doing)):
            return False
        job = todo.next(name, model)
        assert job is first
        doing[asyncio.ensure_future(worker.run(job, hands.before(job.id)))] = name, job
        return True

    def _no_room(self, todo: Assignment[Job], hands: Hands) -> bool:
        first = next((job for lane in todo.lanes if (job := todo.first("", lane))), None)
        return first is not None and not hands.room(first, 0)

    def _waits(self, todo: Assignment[Job], hands: Hands) -> bool:
        """Whether what is left only waits for a worker, or for a pause to end."""
        return bool(todo.waiting) and not hands.ledger.closed and not self._no_room(todo, hands)

    async def _some(self, doing: Doing, patience: float) -> set[asyncio.Task[Trajectory]]:
        """Jobs that ended, once something happened; new workers are taken on."""
        waiting: set[asyncio.Task[Trajectory] | asyncio.Task[Worker]] = {*doing, *self._hiring}
        if not waiting:
            await asyncio.sleep(patience)
            return set()
        done, _ = await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        for task in [t for t in self._hiring if t in done]:
            self.workers[self._hiring.pop(task)] = task.result()
        return {task for task in doing if task in done}

    async def _taken(
        self, done: set[asyncio.Task[Trajectory]], doing: Doing, todo: Assignment[Job]
    ) -> list[Trajectory]:
        """What ended jobs gave; of workers that are gone, what they had recorded."""
        batch, gone = [], set()
        for task in done:
            name, job = doing.pop(task)
            if isinstance(task.exception(), Gone):
                gone.add(name)
            elif todo.done(name, job.id):
                batch.append(task.result())
        for name in gone:
            batch += await self._buried(name, doing, todo)
        return batch

    async def _buried(self, name: str, doing: Doing, todo: Assignment[Job]) -> list[Trajectory]:
        self.lost += 1
        self.workers.pop(name).end()
        mine = [task for task, (worker, _) in doing.items() if worker == name]
        for task in mine:
            doing.pop(task)
            task.cancel()
        await asyncio.gather(*mine, return_exceptions=True)
        found = await asyncio.to_thread(self.recorded_by, name)
        left = [t for id, t in found.items() if todo.done(name, id)]
        return left + [_given_up(job) for job in todo.gone(name)]

    async def _stop(self, why: str) -> None:
        told = (asyncio.wait_for(w.stop(why), STOP_S) for w in self.workers.values())
        await asyncio.gather(*told, return_exceptions=True)

    def recorded_by(self, name: str) -> Mapping[str, Trajectory]:
        """The finished trajectories in a worker's journal, by id; an unfinished line is none."""
        found = {}
        for path in journal_files(self.home, self.sweep):
            if f"-{name}-" in path.name:
                for line in read(path):
                    if isinstance(line, Line) and line.kind == "trajectory":
                        try:
                            found[line.id] = from_body(line.body)
                        except Damaged:
                            continue
        return found


def _paused(hands: Hands, model: str) -> bool:
    running = hands.pace(model).running
    return running is not None and not running.is_set()


def _given_up(job: Job) -> Trajectory:
    """A job over which several workers died: without an answer, to be tried again by another start."""
    why = "the workers that did this question died, one after another; look at the memory of their machines"
    failures = tuple(Failure(budget, why, "worker") for budget in job.budgets)
    return Trajectory(job.id, job.sweep, job.question, job.config, (), failures)
