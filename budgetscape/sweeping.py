"""A sweep in this process: what is left of its plan, a quote, a pilot, and then trajectory after trajectory.

A trajectory counts once its line is on disk. Starting the same plan again does only what is missing; another plan under
the same name is refused. A sweep writes journals only, so it needs no hold on the store and runs beside the open
dashboard. It can be paused, and stopped: then no further call is made, and what was under way is kept as far as it is.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from filelock import FileLock

from budgetscape.sweep_control import Status
from budgetscape.sweep_records import Recorded, part_bodies, spend_body
from engine.errors import EndpointError
from engine.identity import plain
from engine.sweeps.jobs import Job
from engine.sweeps.plan import Plan
from engine.sweeps.quote import Measured, Quote, measured, pilot, quote
from engine.sweeps.record import to_body
from engine.sweeps.run import Executor, Hands, perform
from engine.sweeps.spend import Ledger, Spend
from engine.sweeps.trajectory import Trajectory
from engine.types import Usage
from store.journal import Journal

if TYPE_CHECKING:
    from budgetscape.wiring import Parts

MOST_FAILURES_IN_A_ROW = 5
PILOT = 2
"""Questions of each strategy and model that nothing is known of."""
LATELY_S = 60.0
"""The rate is that of the last so many seconds."""
MOST_KNOWN = 2000


@dataclass
class Sweep:
    """One plan on this machine, made ready."""

    plan: Plan
    parts: Parts
    wanted: dict[str, Job]
    """What is left, by trajectory id."""
    done: int
    """Trajectories recorded."""
    known: deque[Measured]
    hands: Hands
    journal: Journal
    before: Recorded
    lock: FileLock
    executor: Executor = perform
    elsewhere: bool = False
    """The executor's workers put trajectories on disk themselves, each in a journal of its own."""
    runs: int = 0
    """Cells of the whole plan."""
    runs_done: int = 0
    paid: Usage = Usage()
    charged: Usage = Usage()
    """What the runs of this start would have taken alone; of finished trajectories, as `paid`."""
    failed: int = 0
    """Trajectories with a cell that has no answer; they are tried again when the plan is started again."""
    failures: Counter[str] = field(default_factory=Counter)
    reason: str = ""
    wrapped_up: str = ""
    """Why no other trajectory was started, when a cap came near."""
    _in_a_row: int = field(default=0, repr=False)
    _typical: Spend = field(default_factory=Spend, repr=False)
    _walls: int = field(default=0, repr=False)
    _lately: deque[tuple[float, int]] = field(default_factory=deque, repr=False)
    _recorded: Spend = field(default_factory=Spend, repr=False)
    _closed: bool = field(default=False, repr=False)

    @property
    def todo(self) -> list[Job]:
        return list(self.wanted.values())

    @property
    def at_once(self) -> int:
        return sum(p.most for p in self.hands.paces.values())

    @property
    def ledger(self) -> Ledger:
        return self.hands.ledger

    # ------------------------------------------------------------------------------------- before

    def pilot(self, each: int = PILOT) -> list[Job]:
        """The first jobs of every strategy and model that nothing is known of."""
        return pilot(self.wanted.values(), self.known, each)

    def quote(self) -> Quote:
        return quote(self.todo, list(self.known), lambda name: self.hands.pace(name).most)

    def keep_quote(self, given: Quote) -> None:
        """Put the first quote into the journal, so that what was really spent can be laid beside it."""
        if self.before.quote is None and given.trajectories and not given.blind:
            spent = spend_body(self.ledger.total)
            body = {"quote": plain(given), "spent": spent, "parts": part_bodies(self.before.parts)}
            self.before.quote = body
            self.journal.append("quote", self.plan.name, body)
            self.journal.flush()

    # ------------------------------------------------------------------------------------- during

    async def run(self, some: Iterable[Job]) -> AsyncIterator[Trajectory]:
        """Perform jobs; each trajectory is on disk before it is handed over."""
        if not self.paused:
            self.ledger.start()
        try:
            async for batch in self.executor(some, self.hands):
                kept = [t for t in batch if t.runs or t.calls or not self.ledger.closed]
                if not self.elsewhere:
                    await asyncio.to_thread(self._keep, kept)
                for trajectory in kept:
                    self._count(trajectory)
                    yield trajectory
                    self._watch(trajectory)
        finally:
            self.ledger.pause()

    def pause(self) -> None:
        """No further call until `resume`; those under way end."""
        self._running.clear()
        self.ledger.pause()

    def resume(self) -> None:
        self._running.set()
        self.ledger.start()

    @property
    def paused(self) -> bool:
        return not self._running.is_set()

    def stop(self, why: str) -> None:
        """No further call, and those under way are cut; what was recorded of them is not asked again."""
        self.ledger.close(why)
        self._running.set()

    @property
    def stopped(self) -> str:
        """Why it ended before it was done; empty when it did not."""
        return self.ledger.closed or self.wrapped_up

    @property
    def _running(self) -> asyncio.Event:
        running = next(iter(self.hands.paces.values())).running
        assert running is not None
        return running

    def room(self, job: Job, under_way: int) -> bool:
        """Whether one more trajectory fits under the caps beside so many under way."""
        self.wrapped_up = self.ledger.wraps_up(self._expected(job), under_way)
        return not self.wrapped_up

    def _expected(self, job: Job) -> Spend:
        """A trajectory like those of its strategy and model so far."""
        group = (job.config.strategy, job.config.model)
        like = [m for m in self.known if m.group == group][-50:] if self.plan.caps.any else []
        if not like:
            return Spend()
        tokens, seconds = (
            sum(v) / len(like) for v in zip(*((m.tokens, m.seconds) for m in like), strict=True)
        )
        costs = [m.cost for m in like if m.cost is not None]
        return Spend(Usage(int(tokens)), sum(costs) / len(costs) if costs else 0.0, seconds)

    def _keep(self, batch: Sequence[Trajectory]) -> None:
        for trajectory in batch:
            kind = "failed" if trajectory.failures else "trajectory"
            self.journal.append(kind, trajectory.id, to_body(trajectory))
        if batch:
            self.journal.flush()

    def _count(self, trajectory: Trajectory) -> None:
        spend = Spend(trajectory.paid, trajectory.paid_cost)
        self._recorded += spend
        self.before.add((trajectory.config.strategy, trajectory.config.model), spend)
        self.failures.update(f.kind or "failed" for f in trajectory.failures)
        self.failed += bool(trajectory.failures)
        if trajectory.failures:
            self.reason = trajectory.failures[-1].error
            return
        self.paid += trajectory.paid
        self.charged += sum((r.trace.usage for r in trajectory.runs), Usage())
        job = self.wanted.pop(trajectory.id, None)
        self.done += job is not None
        self.runs_done += len(trajectory.runs)
        self.known.append(measured(trajectory, self.parts.price(trajectory.config.model)))
        self._lately.append((time.monotonic(), len(trajectory.runs)))

    def _watch(self, trajectory: Trajectory) -> None:
        self._in_a_row = self._in_a_row + 1 if trajectory.failures else 0
        if self._in_a_row >= MOST_FAILURES_IN_A_ROW and not self.ledger.closed:
            raise EndpointError(
                f"{self._in_a_row} questions in a row failed, the last one because: "
                f"{trajectory.failures[-1].error}; start the same plan again to go on"
            )

    # ------------------------------------------------------------------------------------- what it says

    def status(self) -> Status:
        """Counts for whoever watches; the caller says in which state it is."""
        total, rate = self.ledger.total, self._rate()
        return Status(
            name=self.plan.name,
            trajectories=self.done + len(self.wanted),
            done=self.done,
            runs=self.runs,
            runs_done=self.runs_done,
            failed=self.failed,
            failures=dict(self.failures),
            faults=dict(sum((p.faults for p in self.hands.paces.values()), Counter[str]())),
            reason=self.reason,
            tokens=total.tokens,
            calls=total.usage.calls,
            queries=total.usage.queries,
            cost=total.cost,
            seconds=total.seconds,
            charged_tokens=self.charged.input_tokens + self.charged.completion_tokens,
            paid_tokens=self.paid.input_tokens + self.paid.completion_tokens,
            caps=self.plan.caps.model_dump(),
            rate=rate,
            left_s=60 * (self.runs - self.runs_done) / rate if rate else None,
            places={n: int(p.limit) for n, p in self.hands.paces.items()},
            quote=self.before.quote,
            parts=tuple(part_bodies(self.before.parts)),
        )

    def _rate(self) -> float:
        """Runs a minute over the last minute."""
        now = time.monotonic()
        while self._lately and now - self._lately[0][0] > LATELY_S:
            self._lately.popleft()
        span = min(LATELY_S, self.ledger.seconds)
        return 60 * sum(n for _, n in self._lately) / span if span > 0 else 0.0

    def close(self) -> None:
        """Write what was spent on nothing, and let others run it. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        try:
            ledger = self.ledger
            if ledger.seconds > 0:
                self.journal.append("spent", self.plan.name, spend_body(self._lost()))
            self.journal.close()
        finally:
            self.lock.release()

    def _lost(self) -> Spend:
        """This start's time, and what was asked for and is on no trajectory."""
        spent, kept = self.ledger.spent, self._recorded
        names = (
            "input_tokens",
            "cached_input_tokens",
            "completion_tokens",
            "reasoning_tokens",
            "queries",
            "calls",
        )
        left = {n: max(0, getattr(spent.usage, n) - getattr(kept.usage, n)) for n in names}
        cost = None if spent.cost is None or kept.cost is None else max(0.0, spent.cost - kept.cost)
        return Spend(Usage(**left), cost, self.ledger.seconds)
