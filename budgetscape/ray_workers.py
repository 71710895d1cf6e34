"""Workers on a Ray cluster: an actor each, with its own endpoints or embedded server, and its own journal.

An actor opens the same data folder by the same path, so the folder must be shared where machines differ. It refuses a
job when its model or index is not the one that the plan was made for. Ray is an optional extra.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from budgetscape.crew import Crew, Gone, Worker
from engine.errors import BudgetscapeError, EndpointError, InputError
from engine.run.ports import Performer, Retriever
from engine.sweeps.jobs import Job
from engine.sweeps.pace import Pace
from engine.sweeps.record import to_body
from engine.sweeps.run import Hands, perform_one
from engine.sweeps.trajectory import Trajectory
from store.home import Home
from store.journal import Journal

if TYPE_CHECKING:
    from budgetscape.wiring import Parts

PATIENCE_S = 600.0
"""How long a worker may take to come up."""
START_S = 180
"""How long a cluster of this machine may take to start; Ray's own 30 s are short for a busy one."""
OBJECTS_BYTES = 150 * 2**20
Opened = Callable[[Path], "Parts"]
"""What a worker performs with, from its data folder; importable where it runs."""


def opened(root: Path) -> Parts:
    """As the command line opens it, with one child for the models on board: a worker has one core."""
    from budgetscape.wiring import Parts

    return Parts.open({**os.environ, "BUDGETSCAPE_HOME": str(root)}, children=1)


class Desk:
    """What stands in an actor's process: the same parts as on one machine, and a journal."""

    def __init__(
        self, root: str, sweep: str, name: str, share: bool, at_once: int | None, open: Opened
    ) -> None:
        self._parts = open(Path(root))
        self._journal = Journal.open(Home(Path(root)), sweep, name)
        self._share, self._at_once = share, at_once
        self._hands: dict[tuple[str, str | None], Hands] = {}
        self._models: dict[str, Performer] = {}
        self._opening = asyncio.Lock()
        self._stopped = ""

    async def ready(self) -> int:
        """The process that this is."""
        return os.getpid()

    async def run(self, job: Job, before: Trajectory | None) -> Trajectory:
        """Perform a job and put it on disk."""
        hands = await self._made(job)
        done = await perform_one(job, hands, before)
        if done.runs or done.calls or not self._stopped:
            await asyncio.to_thread(self._keep, done)
        return done

    async def stop(self, why: str) -> None:
        self._stopped = self._stopped or why
        for hands in self._hands.values():
            hands.ledger.close(why)

    def _keep(self, done: Trajectory) -> None:
        self._journal.append("failed" if done.failures else "trajectory", done.id, to_body(done))
        self._journal.flush()

    async def _made(self, job: Job) -> Hands:
        """Model and index of a job, opened once, and looked at: they must be what the plan was made for."""
        parts, name = self._parts, job.config.model
        index = job.config.index if any(b.search for b in job.budgets) else None
        async with self._opening:
            if (name, index) not in self._hands:
                model = self._models[name] = await parts.model(name)
                if leave := getattr(model, "leave_retries", None):
                    leave()
                hands = self._with(name, await parts.retriever(index) if index else None)
                if self._stopped:
                    hands.ledger.close(self._stopped)
                self._hands[name, index] = hands
        _same("model", name, parts.registry.fingerprint(name), job.config.fingerprint)
        if index:
            _same("index", index, parts.recipe(index), job.config.index_recipe)
        return self._hands[name, index]

    def _with(self, name: str, retriever: Retriever | None) -> Hands:
        places = self._at_once or self._parts.registry.concurrency(name)
        return Hands(
            model=self._models.__getitem__,
            retriever=retriever,
            price=self._parts.price,
            paces={name: Pace(places)},
            share=self._share,
        )


def _same(what: str, name: str, here: str, planned: str) -> None:
    if here != planned:
        raise InputError(
            f"a worker has another {what} behind '{name}' than this machine; give all the same"
        )


# ----------------------------------------------------------------------------------------- the cluster


class _Actor:
    """A desk in another process, as a Worker."""

    def __init__(self, ray: Any, handle: Any) -> None:
        self._ray, self._handle = ray, handle

    async def run(self, job: Job, before: Trajectory | None) -> Trajectory:
        try:
            done: Trajectory = await self._handle.run.remote(job, before)
        except self._ray.exceptions.RayActorError as error:
            raise Gone from error
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, BudgetscapeError):
                raise error.cause from None
            raise
        return done

    async def stop(self, why: str) -> None:
        await self._handle.stop.remote(why)

    def end(self) -> None:
        self._ray.kill(self._handle, no_restart=True)


@asynccontextmanager
async def ray_crew(
    home: Home,
    sweep: str,
    size: int,
    *,
    address: str | None = None,
    share: bool = True,
    at_once: int | None = None,
    open: Opened = opened,
) -> AsyncIterator[Crew]:
    """A crew of actors on the cluster at `address`, or on one of this machine alone that ends with it."""
    ray = await asyncio.to_thread(_joined, address, size)
    desk = ray.remote(num_cpus=1, max_restarts=0, max_concurrency=1000)(Desk)

    async def hire(name: str) -> Worker:
        handle = desk.remote(str(home.root), sweep, name, share, at_once, open)
        try:
            await asyncio.wait_for(handle.ready.remote(), PATIENCE_S)
        except TimeoutError:
            raise EndpointError(
                f"no worker came up within {PATIENCE_S:.0f} s; has the cluster free CPUs?"
            ) from None
        except ray.exceptions.RayActorError as error:
            why = " ".join(str(error).split())[-300:]
            raise EndpointError(f"a worker could not start: {why}") from error
        return _Actor(ray, handle)

    crew = Crew(home, sweep, hire, size)
    try:
        yield crew
    finally:
        await crew.close()
        await asyncio.to_thread(ray.shutdown)


def _joined(address: str | None, size: int) -> Any:
    """Ray, connected; InputError where it is not installed or the cluster is not there."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report its use
    os.environ.setdefault("RAY_raylet_start_wait_time_s", str(START_S))
    try:
        ray = import_module("ray")
    except ImportError as error:
        raise InputError(
            "the engine ray is not installed: it is optional, make extras brings it"
        ) from error
    alone: Mapping[str, Any] = {
        "num_cpus": size,
        "include_dashboard": False,
        "object_store_memory": OBJECTS_BYTES,
        "_node_ip_address": "127.0.0.1",
    }
    try:
        ray.init(
            address=address or "local",
            log_to_driver=False,
            logging_level="ERROR",
            **({} if address else alone),
        )
    except Exception as error:  # Ray raises plain ones
        raise InputError(
            f"the Ray cluster cannot be reached: {' '.join(str(error).split())[:200]}"
        ) from error
    return ray
