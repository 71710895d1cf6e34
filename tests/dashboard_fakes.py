"""A small application for the dashboard's tests: an invented sweep in a real store, live runs on a toy model."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from budgetscape.endpoints import Registry
from budgetscape.library import Library
from budgetscape.live import LiveRequest, LiveRuns
from budgetscape.loop import Loop
from budgetscape.sweep_opening import quoted
from budgetscape.sweep_runs import SweepRuns
from engine.analysis.checkpoints import Trained
from engine.models.agent import CommandAgent
from engine.run.ports import Call, Performer, Query
from engine.run.requests import Reply
from engine.sweeps.record import to_body
from engine.sweeps.trajectory import Trajectory, completed
from engine.types import (
    Answer,
    Budget,
    Passage,
    Question,
    Ranked,
    Reading,
    Run,
    RunConfig,
    Scores,
    Search,
    Spent,
    Stopped,
    Thought,
    Trace,
    Usage,
)
from store.history import Store
from store.home import Home
from store.journal import Journal
from tests.sweep_fakes import HOLD, ToyParts

MODEL, SLOW = "smollm2", "slow"
SEARCH, THINK = (0, 1, 2, 4), (0, 32, 128)
REACH = {"closed_book": 0, "single_retrieval": 1, "iterative": 99, "corag": 99}
NASTY = "<img src=x onerror=\"document.title='owned'\"> **bold** ![i](http://example.invalid/a.png) $E=mc^2$"


PAYLOADS = (
    NASTY,
    "</script><script>document.title='owned'</script>",
    "<svg onload=\"document.title='owned'\">",
    "[x](javascript:document.title='owned')",
    "![i](http://example.invalid/a.png)",
    '=cmd|" /C calc"!A0',
    "../../endpoints.toml",
    "'; DROP TABLE runs; --",
    "<|im_start|>system",
    "{{7*7}}${7*7}%s{0}",
    "\u202egnp.exe",
    "a\x00b",
)
"""What a question, a passage, a title, a file, a link or an answer may say; all of it is text."""


def question(n: int) -> Question:
    return Question(
        id=f"q{n}",
        text=f"In which town was the author of novel number {n} born?",
        answers=("Varnholm",),
        supporting_ids=(f"p{n}-0",),
        hops=n % 3 + 1,
        operations=n % 2,
    )


QUESTIONS = [question(n) for n in range(12)]


def quality(strategy: str, search: int, think: int) -> float:
    """An invented truth with diminishing returns on both budgets."""
    lift = {"closed_book": 0.0, "single_retrieval": 0.3, "iterative": 0.42, "corag": 0.5}[strategy]
    return 0.04 + lift * (1 - 0.45**search) + 0.16 * (1 - 0.985**think)


def trace(answer: str, budget: Budget, right: bool) -> Trace:
    passages = tuple(
        Ranked(
            Passage(f"p0-{i}", f"Passage {i}", f"{answer} is a town on the river. " * 3),
            i + 1,
            0.81 - i / 9,
        )
        for i in range(3)
    )
    steps = [
        Thought(
            path=(0,), tokens=min(budget.think, 12), seconds=0.4, text="I need the author first."
        )
    ]
    for n in range(min(budget.search, 2)):
        steps.append(
            Search(path=(1 + n,), tokens=7, seconds=0.2, query=f"author of novel {n}", top_k=3)
        )
        steps.append(Reading(path=(1 + n, 1), seconds=0.01, query="author", passages=passages))
    steps.append(Answer(path=(9,), tokens=3, seconds=0.2, text=answer))
    steps.append(Stopped(path=(99,), by="answer" if right else "search"))
    thinking, query = steps[0].tokens, 7 * min(budget.search, 2)
    return Trace(
        steps=tuple(steps),
        answer=answer,
        stopped_by="answer" if right else "search",
        cut_off=not right,
        search=Spent(min(budget.search, 2), budget.search),
        think=Spent(thinking, budget.think),
        thinking_tokens=thinking,
        query_tokens=query,
        answer_tokens=3,
        usage=Usage(input_tokens=412, completion_tokens=thinking + query + 3, queries=2, calls=4),
        seconds=1.3,
    )


def run(strategy: str, budget: Budget, asked: Question) -> Run:
    digest = hashlib.sha256(f"{strategy}{budget.search}{asked.id}".encode()).digest()[0] / 256
    right = digest < quality(strategy, budget.search, budget.think)
    answer = "Varnholm" if right else NASTY
    return Run(
        id=f"run-{strategy}-{budget.search}-{budget.think}-{asked.id}",
        trajectory_id=f"trajectory-{strategy}-{asked.id}",
        question=asked,
        config=completed(RunConfig(strategy, MODEL, "sample", budget)),
        trace=trace(answer, budget, right),
        scores=Scores(em=float(right), f1=float(right), contains=float(right)),
        cost=None,
    )


def all_runs() -> list[Run]:
    return [
        run(strategy, Budget(s, t), q)
        for strategy, most in REACH.items()
        for s in SEARCH
        for t in THINK
        for q in QUESTIONS
        if s <= most
    ]


def long_runs(steps: int) -> list[Run]:
    """Two runs of one question that part at their hundredth step."""
    made = []
    for strategy, parts in (("corag", "here"), ("iterative", "there")):
        one = run(strategy, Budget(4, 128), question(1))
        thoughts = [f"Thought {n} {parts if n >= 99 else ''} " + "word " * 40 for n in range(steps)]
        held = tuple(Thought(path=(n,), tokens=3, text=text) for n, text in enumerate(thoughts))
        ids = {"id": f"long-{strategy}", "trajectory_id": f"long-trajectory-{strategy}"}
        made.append(replace(one, **ids, trace=replace(one.trace, steps=held)))
    return made


def hostile_runs() -> list[Run]:
    """Two runs of one question in which every text is a payload."""
    made, every = [], " ".join(PAYLOADS)
    asked = replace(question(1), text=every, answers=(every,))
    passages = tuple(
        Ranked(Passage(p, p, f"{p} {every}"), i + 1, 0.5) for i, p in enumerate(PAYLOADS)
    )
    for strategy in ("corag", "iterative"):
        one = run(strategy, Budget(4, 128), asked)
        steps = (
            Thought(path=(0,), tokens=3, text=every),
            Search(path=(1,), tokens=7, query=every, top_k=len(PAYLOADS)),
            Reading(path=(1, 1), query=every, passages=passages),
            Answer(path=(9,), tokens=3, text=f"{strategy} {every}"),
            Stopped(path=(99,), by="answer"),
        )
        ids = {"id": f"hostile-{strategy}", "trajectory_id": f"hostile-trajectory-{strategy}"}
        told = replace(one.trace, steps=steps, answer=f"{strategy} {every}")
        made.append(replace(one, **ids, trace=told))
    return made


def trajectories(runs: Sequence[Run], sweep: str = "grid") -> list[Trajectory]:
    """The runs of each question and strategy as one trajectory of a sweep."""
    ordered = sorted(runs, key=lambda r: r.trajectory_id)
    made = []
    for identity, group in groupby(ordered, key=lambda r: r.trajectory_id):
        held = tuple(group)
        made.append(Trajectory(identity, sweep, held[0].question, held[-1].config, held))
    return made


def journalled(home: Home, runs: Sequence[Run], sweep: str = "grid") -> Home:
    """Write the runs to the home's journals, as a sweep does."""
    journal = Journal.open(home.ensure(), sweep)
    for trajectory in trajectories(runs, sweep):
        journal.append("trajectory", trajectory.id, to_body(trajectory))
    journal.close()
    return home


class ToyModel:
    """Says the same sentence with a number that differs by call, one word a tick; after the second it may be held."""

    def __init__(self, tick_s: float, held: Callable[[], bool] = lambda: False) -> None:
        self.tick_s, self.held = tick_s, held

    async def generate(self, call: Call, on_piece: Callable[[str], None] | None = None) -> Reply:
        pieces = [w + " " for w in f"look for **novel** {call.seed % 997} in Varnholm".split()]
        pieces = pieces[: call.cap]
        for n, piece in enumerate(pieces):
            await asyncio.sleep(self.tick_s)
            if on_piece is not None:
                on_piece(piece)
            while n == 1 and self.held():
                await asyncio.sleep(0.02)
        usage = Usage(input_tokens=40, completion_tokens=len(pieces), calls=1)
        text = "".join(pieces)
        return Reply(text, tuple(pieces), "stop", len(pieces), usage, 0.1)


class ToyRetriever:
    """Finds the same three passages, whose text would do harm if it were markup."""

    async def search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]:
        found = tuple(
            Ranked(Passage(f"p1-{i}", f"{NASTY} {i}", f"{NASTY} is a town."), i + 1, 0.8 - i / 10)
            for i in range(3)
        )
        return [found[: q.top_k] for q in queries]


EXAMPLE = CommandAgent(
    "example", [sys.executable, str(Path(__file__).parents[1] / "docs" / "external_agent.py")]
)
"""The agent of the documents, as it is."""


class FakeApp:
    """Looks like budgetscape.wiring.App to the pages, with the real store and the real live runs."""

    default_model = MODEL

    def __init__(self, folder: Path, runs: Sequence[Run] = (), tick_s: float = 0.0) -> None:
        self.home = journalled(Home(folder), runs)
        self.store = Store.open(self.home)
        self.store.ingest()
        self.loop = Loop()
        self.live = LiveRuns(self, self.loop)
        toys = ToyParts(self.home, latency_s=0.02)
        command = (sys.executable, "-m", "tests.sweep_fakes", str(folder))
        self.sweeps = SweepRuns(self.home, lambda plan: asyncio.run(quoted(plan, toys)), command)
        self.library = Library(self.home, Registry.load(self.home, env={}))
        self.named = ["sample"] if runs else []
        self.toys = {MODEL: ToyModel(tick_s), SLOW: ToyModel(tick_s, (folder / HOLD).exists)}
        self.controls: dict[str, str] = {}
        self.default_index = self.default_questions = "sample" if runs else None

    async def model(self, name: str) -> Performer:
        return EXAMPLE if name == EXAMPLE.name else self.toys[name]

    async def retriever(self, index: str) -> ToyRetriever:
        return ToyRetriever()

    def config(self, request: LiveRequest) -> RunConfig:
        asked = (request.strategy, request.model, request.index, request.budget)
        return RunConfig(*asked, knobs=request.knobs, seed=request.seed)

    def price(self, model: str) -> Callable[[Usage], float | None]:
        return lambda usage: None

    def currency(self, model: str) -> str:
        return "USD"

    def save(self, trajectory: Trajectory) -> None:
        journal = Journal.open(self.home, trajectory.sweep)
        journal.append("trajectory", trajectory.id, to_body(trajectory))
        journal.close()
        self.store.ingest()

    def agents(self) -> list[str]:
        return [EXAMPLE.name]

    def models(self) -> list[str]:
        return [MODEL, SLOW]

    def trained(self) -> dict[str, Trained]:
        return {MODEL: Trained(1000, 0.0), SLOW: Trained(1000, 1e6)}

    def on_board(self) -> list[str]:
        return [MODEL]

    def think_control(self, model: str) -> str:
        return self.controls.get(model, "hard")

    def indexes(self) -> list[str]:
        return self.named

    def question_sets(self) -> list[str]:
        return self.named

    def questions(self, name: str) -> list[Question]:
        return QUESTIONS

    def warm_up(self) -> None: ...

    def close(self) -> None:
        self.library.close()
        self.sweeps.close()
        self.loop.close()
        self.store.close()
