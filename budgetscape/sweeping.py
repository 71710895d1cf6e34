"""A sweep in this process: what is left of its plan, a pilot, a quote, and then trajectory after trajectory.

A trajectory counts once its line is on disk. Starting the same plan again does only what is missing; another plan under
the same name is refused. A sweep writes journals only, so it needs no lock and runs beside the open dashboard.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from budgetscape.wiring import Parts
from engine.errors import EndpointError, InputError
from engine.identity import plain
from engine.run.ports import Performer
from engine.sweeps.plan import Ground, Job, Plan, jobs
from engine.sweeps.quote import Measured, Quote, measured, pilot, quote
from engine.sweeps.record import from_body, to_body
from engine.sweeps.run import Hands, perform
from engine.sweeps.trajectory import Trajectory
from engine.types import Usage
from store.journal import Journal, Line, read_sweep

MOST_FAILURES_IN_A_ROW = 5


@dataclass
class Sweep:
    """One plan on this machine, made ready."""

    plan: Plan
    parts: Parts
    todo: list[Job]
    done: int
    """Trajectories found recorded."""
    known: list[Measured]
    hands: Hands
    journal: Journal
    paid: Usage = Usage()
    failed: int = 0
    """Trajectories with a cell that has no answer; they are tried again when the plan is started again."""
    _in_a_row: int = field(default=0, repr=False)

    @property
    def at_once(self) -> int:
        return self.hands.at_once

    def pilot(self) -> list[Job]:
        return pilot(self.todo, self.known)

    def quote(self) -> Quote:
        return quote(self.todo, self.known, self.at_once)

    async def run(self, some: Sequence[Job]) -> AsyncIterator[Trajectory]:
        """Perform jobs; each trajectory is on disk before it is handed over."""
        async for trajectory in perform(some, self.hands):
            await asyncio.to_thread(self._keep, trajectory)
            self.todo = [j for j in self.todo if j.id != trajectory.id]
            self.paid += trajectory.paid
            yield trajectory
            self._watch(trajectory)

    def _keep(self, trajectory: Trajectory) -> None:
        kind = "failed" if trajectory.failures else "trajectory"
        self.journal.append(kind, trajectory.id, to_body(trajectory))
        self.journal.flush()
        if not trajectory.failures:
            self.known.append(measured(trajectory))

    def _watch(self, trajectory: Trajectory) -> None:
        self._in_a_row = self._in_a_row + 1 if trajectory.failures else 0
        self.failed += bool(trajectory.failures)
        if self._in_a_row >= MOST_FAILURES_IN_A_ROW:
            raise EndpointError(
                f"{self._in_a_row} questions in a row failed, the last one because: "
                f"{trajectory.failures[-1].error}; start the same plan again to go on"
            )

    def close(self) -> None:
        self.journal.close()


async def ready(
    plan: Plan, parts: Parts, *, share: bool = True, at_once: int | None = None
) -> Sweep:
    """Open what the plan names, find what is already recorded, and list what is left."""
    questions = parts.questions(plan.questions)
    models: dict[str, Performer] = {}
    for name in plan.models:
        models[name] = await parts.model(name)
    retriever = await parts.retriever(plan.index) if plan.index and max(plan.search) else None
    ground = Ground(
        {m: parts.registry.fingerprint(m) for m in plan.models},
        parts.recipe(plan.index),
        frozenset(parts.agents()),
    )
    recorded = list(read_sweep(parts.home, plan.name))
    _same_plan(plan, recorded)
    finished = [x for x in recorded if x.kind == "trajectory"]
    have = {x.id for x in finished}
    wanted = list(jobs(plan, questions, ground))
    journal = Journal.open(parts.home, plan.name)
    if not any(x.kind == "sweep" for x in recorded):
        journal.append(
            "sweep", plan.name, {"hash": plan.hash, "plan": plan.model_dump(mode="json")}
        )
        journal.flush()
    return Sweep(
        plan=plan,
        parts=parts,
        todo=[j for j in wanted if j.id not in have],
        done=sum(j.id in have for j in wanted),
        known=[measured(from_body(x.body)) for x in finished],
        hands=Hands(
            model=models.__getitem__,
            retriever=retriever,
            price=parts.price,
            at_once=at_once or min(parts.registry.concurrency(m) for m in plan.models),
            share=share,
        ),
        journal=journal,
    )


def _same_plan(plan: Plan, recorded: Sequence[Line]) -> None:
    """Refuse another plan under a name that is taken, and say where they differ."""
    for line in recorded:
        if line.kind != "sweep" or line.body["hash"] == plan.hash:
            continue
        now, then = plain(plan.model_dump(mode="json")), line.body["plan"]
        differ = [f"{k}: was {then.get(k)}, is {now[k]}" for k in now if now[k] != then.get(k)]
        raise InputError(
            f"sweep '{plan.name}' was started with another plan ({'; '.join(differ)[:400]}); "
            "give this plan a new name"
        )
