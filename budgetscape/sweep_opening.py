"""A sweep made ready: what its plan names is opened, what is recorded is found, and what is left is listed."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from filelock import FileLock

from budgetscape.sweep_control import lock, told
from budgetscape.sweep_records import Recorded, history, larger, recorded
from budgetscape.sweeping import MOST_KNOWN, Sweep
from engine.errors import InputError
from engine.run.ports import Performer
from engine.sweeps.jobs import Ground, Job, jobs
from engine.sweeps.pace import Pace
from engine.sweeps.plan import Plan
from engine.sweeps.quote import Quote, quote
from engine.sweeps.run import Hands
from engine.sweeps.spend import Ledger, Spend
from engine.types import Usage
from store.journal import Journal

if TYPE_CHECKING:
    from budgetscape.crew import Crew
    from budgetscape.wiring import Parts


async def ready(
    plan: Plan,
    parts: Parts,
    *,
    share: bool = True,
    at_once: int | None = None,
    crew: Crew | None = None,
) -> Sweep:
    """Open what the plan names, find what is already recorded, and list what is left; StoreHeld when it runs.

    A crew opens the models itself; `at_once` is for each of its workers then.
    """
    models: dict[str, Performer] = {}
    for name in plan.models if crew is None else ():
        models[name] = await parts.model(name)
        if leave := getattr(models[name], "leave_retries", None):
            leave()
    mine = lock(parts.home, plan.name)
    try:
        sweep = await _made(plan, parts, models, mine, at_once, crew)
    except BaseException:
        mine.release()
        raise
    sweep.hands.share = share
    if crew is not None:
        sweep.executor, sweep.elsewhere = crew.execute, True
    if not share:  # what other sweeps shared tells nothing of what this one takes
        sweep.known = deque(sweep.before.measured, MOST_KNOWN)
    return sweep


async def _made(
    plan: Plan,
    parts: Parts,
    models: dict[str, Performer],
    mine: FileLock,
    at_once: int | None,
    crew: Crew | None,
) -> Sweep:
    found, wanted, every = await left_of(plan, parts)
    retriever = await parts.retriever(plan.index) if plan.index and max(plan.search) else None
    journal = Journal.open(parts.home, plan.name)
    if not found.begun:
        journal.append("sweep", plan.name, {"hash": plan.hash, "plan": plan.content})
        journal.flush()
    running = asyncio.Event()
    running.set()
    places = {n: at_once or _places(n, parts, crew) for n in plan.models}
    size = 1 if crew is None else crew.size
    hands = Hands(
        model=models.__getitem__,
        retriever=retriever,
        price=parts.price,
        at_once=lambda name: trajectories_at_once(places[name], _exact(name, parts)),
        paces={n: Pace(places[n] * size, running=running) for n in plan.models},
        ledger=Ledger(
            plan.caps, lambda name, usage: parts.price(name)(usage), _spent(found, parts, plan)
        ),
        before=found.before,
    )
    left = sum(len(j.budgets) for j in wanted)
    sweep = Sweep(
        plan=plan,
        parts=parts,
        wanted={j.id: j for j in wanted},
        done=len(every) - len(wanted),
        known=deque(found.measured, MOST_KNOWN),
        hands=hands,
        journal=journal,
        before=found,
        lock=mine,
        runs=sum(len(j.budgets) for j in every),
    )
    sweep.runs_done = sweep.runs - left
    sweep.known.extend(await history(parts.home, plan, wanted, found.measured, parts.price))
    hands.room = sweep.room
    return sweep


async def left_of(plan: Plan, parts: Parts) -> tuple[Recorded, list[Job], list[Job]]:
    """What is recorded, what is left and all there is of a plan. Asks no model for anything."""
    _priced(plan, parts)
    questions = parts.questions(plan.questions)
    if plan.index and max(plan.search):
        await parts.retriever(plan.index)
    ground = Ground(
        {m: parts.registry.fingerprint(m) for m in plan.models},
        parts.recipe(plan.index),
        frozenset(parts.agents()),
        {m: parts.think_control(m) for m in plan.models if m not in parts.agents()},
    )
    every = list(jobs(plan, questions, ground))
    if not every:
        raise InputError(f"sweep '{plan.name}': no question of '{plan.questions}' is in its strata")
    found = await asyncio.to_thread(recorded, parts.home, plan, parts.price)
    return found, [j for j in every if j.id not in found.finished], every


def _exact(name: str, parts: Parts) -> bool:
    """Whether there is nothing to gain from a trajectory that waits: on board, and with an agent of the user's own."""
    return name in parts.agents() or parts.registry.spec(name).embedded


def _places(name: str, parts: Parts, crew: Crew | None) -> int:
    """Calls at once; a worker of a crew has one core for a model on board."""
    on_board = name not in parts.agents() and parts.registry.spec(name).embedded
    return 1 if crew is not None and on_board else parts.registry.concurrency(name)


def trajectories_at_once(calls: int, exact: bool) -> int:
    """Twice as many as calls: one has a call ready while another looks something up, and the last ones end together."""
    return calls if exact else 2 * calls


def _priced(plan: Plan, parts: Parts) -> None:
    """A cap on cost needs every price; InputError says which model has none."""
    for name in plan.models if plan.caps.cost is not None else ():
        usage = Usage(1, 1, 1, 1, int(max(plan.search) > 0))
        if parts.price(name)(usage) is None or parts.price(name)(Usage(1, 0, 1)) is None:
            raise InputError(
                f"caps.cost: model {name} has no complete prices; give them in endpoints.toml or cap tokens instead"
            )


def _spent(found: Recorded, parts: Parts, plan: Plan) -> Spend:
    said = told(parts.home, plan.name)
    if said is None or not found.begun:
        return found.spent
    return larger(found.spent, said.tokens, said.cost, said.seconds)


async def quoted(plan: Plan, parts: Parts) -> tuple[Quote, int]:
    """The quote from what is recorded anywhere, and how many trajectories are done; nothing is asked or spent."""
    found, wanted, every = await left_of(plan, parts)
    told_ = await history(parts.home, plan, wanted, found.measured, parts.price)
    given = quote(wanted, [*found.measured, *told_], parts.registry.concurrency)
    return given, len(every) - len(wanted)
