"""Which worker does which job: pulled one by one, given back when a worker is gone, done once.

A plain machine without clock or network: whoever drives it says what happened (a worker asks, has done, is gone), so
the same code runs on a cluster and on virtual time. Jobs are small and pulled, so a slow worker takes fewer of them;
one that was given back goes first. One over which workers died twice is under suspicion: it gets a worker for itself,
so that what dies with it is not blamed; and when that one dies too, it is given up and cannot take all.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from typing import Generic, Protocol, TypeVar

SUSPECT, MOST_DEATHS = 2, 3
"""Workers lost over one job, after which it gets one for itself, and after which it is given up."""


class Identified(Protocol):
    """Anything with an id of its own."""

    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=Identified)


class Assignment(Generic[T]):
    """The jobs of one round; each is in exactly one place: waiting, with one worker, done, or given up."""

    def __init__(self, jobs: Iterable[T], lane: Callable[[T], str] = lambda _: "") -> None:
        self._lane = lane
        self._waiting: dict[str, deque[T]] = {}
        for job in jobs:
            self._waiting.setdefault(lane(job), deque()).append(job)
        self._suspects: dict[str, deque[T]] = {name: deque() for name in self._waiting}
        self._with: dict[str, dict[str, T]] = {}
        self._deaths: Counter[str] = Counter()

    @property
    def lanes(self) -> tuple[str, ...]:
        """What kinds of jobs there are, such as the models that they ask."""
        return tuple(self._waiting)

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting.values())) + sum(map(len, self._suspects.values()))

    @property
    def over(self) -> bool:
        return not self.waiting and not any(self._with.values())

    def under_way(self, worker: str | None = None, lane: str | None = None) -> int:
        """How many jobs a worker, or all of them, have."""
        held = self._with.values() if worker is None else [self._with.get(worker, {})]
        if lane is None:
            return sum(map(len, held))
        return sum(self._lane(job) == lane for jobs in held for job in jobs.values())

    def first(self, worker: str, lane: str = "") -> T | None:
        """The job that this worker would be given next; None where none waits that may join what it has."""
        queue = self._queue(worker, lane)
        return queue[0] if queue else None

    def next(self, worker: str, lane: str = "") -> T | None:
        """A job for this worker, its own from now on."""
        queue = self._queue(worker, lane)
        if not queue:
            return None
        job = queue.popleft()
        self._with.setdefault(worker, {})[job.id] = job
        return job

    def _queue(self, worker: str, lane: str) -> deque[T] | None:
        mine = self._with.get(worker)
        if mine and any(self._deaths[id] >= SUSPECT for id in mine):
            return None
        suspects = self._suspects.get(lane)
        return suspects if suspects and not mine else self._waiting.get(lane)

    def done(self, worker: str, id: str) -> bool:
        """A worker says that a job is done; False where the job is not its own any more, so that it counts once."""
        return self._with.get(worker, {}).pop(id, None) is not None

    def gone(self, worker: str, recorded: Collection[str] = ()) -> list[T]:
        """A worker will never answer again. What it had recorded is done, the rest waits again; the jobs given up."""
        given_up = []
        for job in reversed(self._with.pop(worker, {}).values()):
            if job.id in recorded:
                continue
            self._deaths[job.id] += 1
            if self._deaths[job.id] >= MOST_DEATHS:
                given_up.append(job)
                continue
            back = self._suspects if self._deaths[job.id] >= SUSPECT else self._waiting
            back[self._lane(job)].appendleft(job)
        return given_up
