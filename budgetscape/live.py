"""Live runs on one background loop: they outlive the page that started them.

A page starts a run, keeps its id, and reads the run's events by index whenever it is drawn. The
loop's thread appends to a run's list of events and never changes what is there, so that readers
need no lock.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from budgetscape.loop import Loop
from engine.errors import BudgetscapeError, InputError
from engine.models.capabilities import control_of
from engine.run.books import Begun, Log, Piece
from engine.run.budgets import checked, controlled, doses
from engine.run.driver import Driver
from engine.run.memo import Memo
from engine.run.ports import Performer, Retriever
from engine.strategies import knobs_of, reachable, start
from engine.sweeps.checkpoints import MOST as MOST_CHECKPOINTS
from engine.sweeps.checkpoints import take
from engine.sweeps.trajectory import Price, Trajectory, as_run, completed, id_of
from engine.types import Budget, Question, Run, RunConfig, Step, Usage

State = Literal["starting", "running", "done", "stopped", "failed"]
LONGEST_QUESTION = 4_000
MOST_REMEMBERED = 500
MOST_BEGUN = 100
"""More branches than these do not begin at once."""
TICK_S = 0.01
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiveRequest:
    """What a person asked for."""

    question: Question
    strategy: str
    model: str
    index: str | None
    budget: Budget
    knobs: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    checkpoints: tuple[Budget, ...] = ()
    """Smaller cells whose answers are taken once the run is over."""


@dataclass(slots=True)
class Checkpoints:
    """The answers that a run would have given had it been stopped earlier, as far as they have been taken."""

    wanted: int = 0
    runs: list[Run] = field(default_factory=list)
    taking: bool = False
    paid: Usage = Usage()
    """What they took, beside the run itself."""
    cost: float | None = None
    note: str = ""


@dataclass(slots=True)
class LiveRun:
    """A run under way or over. Only the loop writes to it."""

    id: str
    request: LiveRequest
    state: State = "starting"
    events: list[Begun | Piece | Step] = field(default_factory=list)
    run: Run | None = None
    error: str | None = None
    note: str = "starting"
    checkpoints: Checkpoints = field(default_factory=Checkpoints)

    @property
    def spoke(self) -> bool:
        """Whether any of its words have come; what only says that a step began is no word."""
        return any(not isinstance(event, Begun) for event in self.events[:MOST_BEGUN])

    @property
    def over(self) -> bool:
        return self.state in ("done", "stopped", "failed")

    def says(self, note: str) -> None:
        self.note = note
        if not note:
            self.state = "running"


class Parts(Protocol):
    """What live runs need of the application."""

    async def model(self, name: str) -> Performer: ...
    async def retriever(self, index: str) -> Retriever: ...
    def config(self, request: LiveRequest) -> RunConfig: ...
    def price(self, model: str) -> Price: ...
    def save(self, trajectory: Trajectory) -> None: ...


class LiveRuns:
    """Start, watch and stop runs; the last ones are remembered until the process ends."""

    def __init__(self, parts: Parts, loop: Loop) -> None:
        self._parts, self._loop = parts, loop
        self._runs: OrderedDict[str, LiveRun] = OrderedDict()
        self._tasks: dict[str, Future[Any]] = {}
        self._guard = threading.Lock()
        """Protects the two tables against pages that start runs at the same time."""

    def start(self, request: LiveRequest) -> str:
        """Check everything a browser could have made up, then start; returns the id at once."""
        check_request(request)
        live = LiveRun(id="live-" + uuid.uuid4().hex[:16], request=request)
        with self._guard:
            self._runs[live.id] = live
            while len(self._runs) > MOST_REMEMBERED:
                self._forget_oldest()
            self._tasks[live.id] = self._loop.submit(self._perform(live))
        return live.id

    def get(self, run_id: str) -> LiveRun | None:
        return self._runs.get(run_id)

    def stop(self, run_id: str) -> None:
        """Cancel the run's calls; what it had done so far is kept on the run."""
        task = self._tasks.get(run_id)
        if task is not None:
            task.cancel()

    def await_words(self, run_id: str, most_s: float) -> None:
        """Return when the run has said its first words, is over, or that many seconds have passed."""
        live, until = self._runs.get(run_id), time.monotonic() + most_s
        while live and not live.over and not live.spoke and time.monotonic() < until:
            time.sleep(TICK_S)

    def of_run(self, run_id: str) -> LiveRun | None:
        """The live run that was saved under this id."""
        with self._guard:
            runs = list(self._runs.values())
        return next((r for r in reversed(runs) if r.run is not None and r.run.id == run_id), None)

    def recent(self, limit: int = 20) -> list[LiveRun]:
        with self._guard:
            return list(self._runs.values())[-limit:][::-1]

    def _forget_oldest(self) -> None:
        for key, live in self._runs.items():
            if live.over:
                del self._runs[key]
                self._tasks.pop(key, None)
                return
        raise InputError("too many runs are under way; stop some first")

    # ------------------------------------------------------------------------------ on the loop

    async def _perform(self, live: LiveRun) -> None:
        try:
            trajectory = await perform(self._parts, live.request, live.events, live.id, live.says)
            try:
                await asyncio.to_thread(self._parts.save, trajectory)
            except BudgetscapeError as error:
                live.note = f"answered, but not saved: {error}"
            live.checkpoints.taking = bool(live.request.checkpoints)
            live.run, live.state = trajectory.runs[0], "done"
        except asyncio.CancelledError:
            live.state, live.note = "stopped", "stopped by you"
        except BudgetscapeError as error:
            live.state, live.error, live.note = "failed", str(error), ""
        except Exception:
            _log.exception("a live run failed")
            live.state, live.note = "failed", ""
            live.error = "something went wrong inside; the log of the app says what"
        else:
            await self._take(live, trajectory)

    async def _take(self, live: LiveRun, trajectory: Trajectory) -> None:
        """Take the run's checkpoints; whatever becomes of them, the run stands."""
        taken = live.checkpoints
        taken.wanted = len(live.request.checkpoints)
        try:
            if taken.wanted:
                await take_checkpoints(self._parts, live.request, trajectory, taken)
        except asyncio.CancelledError:
            taken.note = "stopped by you"
        except BudgetscapeError as error:
            taken.note = str(error)
        except Exception:
            _log.exception("checkpoints failed")
            taken.note = "something went wrong inside; the log of the app says what"
        finally:
            taken.taking = False


async def take_checkpoints(
    parts: Parts, request: LiveRequest, trajectory: Trajectory, taken: Checkpoints
) -> None:
    """Ask for the forced answers of the smaller cells and save them apart from the run."""
    retriever = await parts.retriever(request.index or "") if request.budget.search else None
    model, price = await parts.model(request.model), parts.price(request.model)

    def told(run: Run, paid: Usage) -> None:
        taken.runs.append(run)
        taken.paid, taken.cost = paid, price(paid)

    control = control_of(model)
    cells = [controlled(b, control, request.model) for b in request.checkpoints]
    held = await take(trajectory, cells, model, retriever, price, told)
    if held.runs:
        await asyncio.to_thread(parts.save, held)


async def perform(
    parts: Parts,
    request: LiveRequest,
    log: Log,
    scope: str,
    says: Callable[[str], None] = lambda _: None,
) -> Trajectory:
    """One run as a trajectory of one cell. A run that is cancelled or fails still ends its log with a Stopped."""
    retriever = None
    if request.budget.search:
        says("opening the index")
        retriever = await parts.retriever(request.index or "")
    says("waking the model")
    model = await parts.model(request.model)
    budget = controlled(request.budget, control_of(model), request.model)
    config = completed(await asyncio.to_thread(parts.config, request))
    config = replace(config, budget=budget)
    memo = Memo(model, retriever)
    question = request.question
    driver = Driver(memo, memo, budget, question.id, config.seed, config.decoding, log, memo)
    says("")
    try:
        trace = await driver.run(
            start(config.strategy, question, knobs_of(config.strategy, config.knobs))
        )
    except asyncio.CancelledError:
        driver.trace("", "user")
        raise
    except BudgetscapeError as error:
        driver.trace("", "error", str(error))
        raise
    price = parts.price(config.model)
    identity = id_of(question, config, scope)
    return Trajectory(
        id=identity,
        sweep="live",
        question=question,
        config=config,
        runs=(as_run(identity, question, config, trace, price),),
        calls=memo.calls,
        found=memo.found,
        paid=memo.paid,
        paid_cost=price(memo.paid),
    )


def check_request(request: LiveRequest) -> None:
    """Everything a browser or a shell could have made up; raises InputError."""
    text = request.question.text.strip()
    if not text:
        raise InputError("the question is empty; type one or pick one from a set")
    if len(text) > LONGEST_QUESTION:
        raise InputError(
            f"the question has {len(text):,} characters; {LONGEST_QUESTION:,} is the most"
        )
    checked(request.budget)
    if len(request.checkpoints) > MOST_CHECKPOINTS:
        raise InputError(f"at most {MOST_CHECKPOINTS} checkpoints can be taken of one run")
    knobs_of(request.strategy, request.knobs)
    for axis in sorted(doses(request.budget) - knobs_of(request.strategy, request.knobs).forcible):
        what = "searching" if axis == "search" else "thinking"
        raise InputError(f"{request.strategy}'s {what} cannot be forced; set {axis}_mode to cap")
    if not reachable(request.strategy, request.budget, request.knobs):
        raise InputError(
            f"{request.strategy} cannot use a search budget of {request.budget.search}"
        )
    if request.budget.search and not request.index:
        raise InputError("a search budget above 0 needs an index; build one or set search to 0")
