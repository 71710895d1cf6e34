"""Every cell of one question, run largest first behind one memo.

Nothing here knows which strategy it runs: cells share what they have in common because the memo finds it. Each run is
charged what it would have cost alone; what was really paid stays on the trajectory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from engine.errors import EndpointError, InputError
from engine.grading import scores
from engine.identity import run_id, trajectory_id
from engine.run.driver import Driver
from engine.run.memo import Found, Memo, Recorded
from engine.run.ports import Performer, Retriever
from engine.strategies import knobs_of, prompt_hash, reachable, start
from engine.types import Budget, Question, Run, RunConfig, Trace, Usage

Price = Callable[[Usage], float | None]


@dataclass(frozen=True, slots=True)
class Failure:
    """A cell that has no answer, and why."""

    budget: Budget
    error: str
    kind: str = ""
    """One word: `busy`, `bad reply`, `cap`, ..."""


@dataclass(frozen=True, slots=True)
class Trajectory:
    """All runs of one question under one configuration, with the calls they share."""

    id: str
    sweep: str
    """Name of the sweep, or `live`."""
    question: Question
    config: RunConfig
    """Its budget is the largest cell; the runs tell theirs."""
    runs: tuple[Run, ...]
    failures: tuple[Failure, ...] = ()
    calls: tuple[Recorded, ...] = ()
    found: tuple[Found, ...] = ()
    paid: Usage = Usage()
    paid_cost: float | None = None


def completed(config: RunConfig) -> RunConfig:
    """The configuration with all knobs spelled out and the hash of the prompts they lead to."""
    checked = knobs_of(config.strategy, config.knobs)
    knobs = checked.model_dump()
    inner = str(knobs.get("strategy", ""))
    asked = prompt_hash(config.strategy, inner, checked.texts)
    return replace(config, knobs=knobs, prompt_hash=asked)


def id_of(question: Question, config: RunConfig, scope: str) -> str:
    """The trajectory's id; `config` must be completed. The budget and the model's name are no part of it."""
    return trajectory_id(
        question=[question.id, question.text, question.answers],
        index_recipe=config.index_recipe,
        strategy=config.strategy,
        knobs=config.knobs,
        prompt_hash=config.prompt_hash,
        fingerprint=config.fingerprint,
        decoding=config.decoding,
        seed=config.seed,
        scope=scope,
    )


def largest_first(budgets: Iterable[Budget]) -> list[Budget]:
    """The order in which most is shared: much search before little, within it much thinking before little."""
    return sorted(set(budgets), reverse=True)


async def run_cells(
    question: Question,
    config: RunConfig,
    budgets: Iterable[Budget],
    model: Performer,
    retriever: Retriever | None,
    price: Price = lambda _: None,
    *,
    sweep: str = "live",
    share: bool = True,
    before: Trajectory | None = None,
) -> Trajectory:
    """Run the reachable cells; a cell whose endpoint fails is listed with its reason and the others go on.

    With `share` off every cell gets a memo of its own, for comparison. `before` is an earlier try that was cut off:
    what it recorded is not asked again, and not paid again.
    """
    config = completed(config)
    order = [b for b in largest_first(budgets) if reachable(config.strategy, b, config.knobs)]
    if retriever is None and any(b.search for b in order):
        raise InputError("a search budget above 0 needs an index; name one or set search to 0")
    identity = id_of(question, config, sweep)
    known = (before.calls, before.found) if before and share else ((), ())
    memos = [Memo(model, retriever, *known)]
    runs, failures = [], []
    for budget in order:
        if not share:
            memos.append(Memo(model, retriever))
        cell = replace(config, budget=budget)
        try:
            trace = await run_cell(question, cell, memos[-1])
        except EndpointError as error:
            failures.append(Failure(budget, str(error), error.kind))
            continue
        runs.append(as_run(identity, question, cell, trace, price))
    paid = sum((m.paid for m in memos), Usage())
    return Trajectory(
        id=identity,
        sweep=sweep,
        question=question,
        config=replace(config, budget=order[0] if order else config.budget),
        runs=tuple(runs),
        failures=tuple(failures),
        calls=tuple(c for m in memos for c in m.calls),
        found=tuple(f for m in memos for f in m.found),
        paid=paid,
        paid_cost=price(paid),
    )


async def run_cell(question: Question, config: RunConfig, memo: Memo) -> Trace:
    """One cell by its own generator under its own budget."""
    driver = Driver(
        memo, memo, config.budget, question.id, config.seed, config.decoding, agent=memo
    )
    knobs = knobs_of(config.strategy, config.knobs)
    return await driver.run(start(config.strategy, question, knobs))


def as_run(identity: str, question: Question, config: RunConfig, trace: Trace, price: Price) -> Run:
    """A trace with its id, scores and charged cost."""
    return Run(
        id=run_id(identity, config.budget),
        trajectory_id=identity,
        question=question,
        config=config,
        trace=trace,
        scores=scores(question, trace.answer, trace.steps),
        cost=price(trace.usage),
    )


def replay_memo(trajectory: Trajectory) -> Memo:
    """A memo that may not call out: every smaller cell it can serve, it serves exactly."""
    return Memo(None, None, trajectory.calls, trajectory.found)
