"""The answers a run would have given had it been stopped earlier: its smaller cells, behind what it already generated.

The memo of the run serves all that is alike, so that only the forced answers are asked for. What they cost is theirs,
not the run's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from engine.errors import EndpointError
from engine.run.memo import Memo
from engine.run.ports import Performer, Retriever
from engine.strategies import reachable
from engine.sweeps.trajectory import (
    Failure,
    Price,
    Trajectory,
    as_run,
    id_of,
    largest_first,
    run_cell,
)
from engine.types import Budget, Run, Usage

MOST = 24
"""So many checkpoints of one run at most: those that lower one budget alone come first."""
SWEEP = "live-checkpoints"
"""The sweep they are stored under, apart from the runs they belong to."""


def smaller(run: Budget, search: Iterable[int], think: Iterable[int]) -> tuple[Budget, ...]:
    """Cells below a run's on the given levels, the largest first.

    (2, 32) on search 0, 2 and think 0, 32 -> (2, 0), (0, 32), (0, 0); an effort level has nothing below it
    """
    think = () if run.effort else think
    thinks = sorted({t for t in think if t <= run.think} | {run.think})
    searches = sorted({s for s in search if s <= run.search} | {run.search})
    cells = [replace(run, search=s, think=t) for s in searches for t in thinks]
    alone = [c for c in cells if (c.search == run.search) != (c.think == run.think)]
    both = [c for c in cells if c.search != run.search and c.think != run.think]
    return tuple(largest_first([*largest_first(alone), *largest_first(both)][:MOST]))


def checkpoint_id(run: Run) -> str:
    """The id of the trajectory that holds a run's checkpoints."""
    return id_of(run.question, run.config, f"{SWEEP} of {run.trajectory_id}")


async def take(
    whole: Trajectory,
    budgets: Iterable[Budget],
    model: Performer,
    retriever: Retriever | None,
    price: Price,
    told: Callable[[Run, Usage], object] = lambda _, __: None,
) -> Trajectory:
    """Run the cells of a live run of one cell; `told` hears of each as it is done, and what all took so far."""
    config = whole.config
    memo = Memo(model, retriever, whole.calls, whole.found)
    identity = checkpoint_id(whole.runs[0])
    runs, failures = [], []
    for budget in budgets:
        if not reachable(config.strategy, budget, config.knobs):
            continue
        cell = replace(config, budget=budget)
        try:
            trace = await run_cell(whole.question, cell, memo)
        except EndpointError as error:
            failures.append(Failure(budget, str(error)))
            continue
        runs.append(as_run(identity, whole.question, cell, trace, price))
        told(runs[-1], memo.paid)
    held = set(whole.calls), set(whole.found)
    return Trajectory(
        id=identity,
        sweep=SWEEP,
        question=whole.question,
        config=config,
        runs=tuple(runs),
        failures=tuple(failures),
        calls=tuple(c for c in memo.calls if c not in held[0]),
        found=tuple(f for f in memo.found if f not in held[1]),
        paid=memo.paid,
        paid_cost=price(memo.paid),
    )
