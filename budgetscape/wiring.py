"""Opens what one process needs, once, and closes it.

`Parts` is what any run needs: models, retrievers, prices. `App` adds what the dashboard needs: the store it owns and
the live runs. The command line uses Parts alone, so that it works while the app is open.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Mapping
from concurrent.futures import wait
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from budgetscape.endpoints import Registry
from budgetscape.library import Library
from budgetscape.live import LiveRequest, LiveRuns
from budgetscape.loop import Loop
from budgetscape.sweep_opening import quoted
from budgetscape.sweep_runs import SweepRuns
from engine.analysis.checkpoints import Trained
from engine.errors import BudgetscapeError, StoreHeld, UnknownName
from engine.pricing import cost
from engine.retrieval.batching import Batched
from engine.retrieval.embedding import MiniLM
from engine.run.ports import Performer, Retriever
from engine.strategies import outside
from engine.sweeps.record import to_body
from engine.sweeps.trajectory import Price, Trajectory
from engine.types import Question, RunConfig, ThinkControl, Usage
from store.bundles import install_bundles
from store.corpora import load_questions, question_names, questions_stamp
from store.history import Store
from store.home import Home
from store.index_record import index_names
from store.journal import Journal
from store.samples import install_samples

KEEP_UP_S = 3.0
CHECKOUT = Path(__file__).parents[1]
SAMPLES = CHECKOUT / "sample_runs"
SAMPLE = "sample"
"""The name of the shipped corpus, its index and its questions."""


class Parts:
    """Models, retrievers and prices by name, each opened at its first use."""

    def __init__(self, home: Home, registry: Registry) -> None:
        self.home, self.registry = home, registry
        self._retrievers: dict[str, Retriever] = {}
        self._recipes: dict[str, str] = {}
        self._opening = threading.Lock()
        """Held while an index is opened, so that two first runs do not open it twice."""
        self._saving = threading.Lock()
        """Held while a line is written: live runs that end together share one journal."""
        self._journals: dict[str, Journal] = {}
        self._questions: dict[str, tuple[tuple[int, int], tuple[Question, ...]]] = {}

    @classmethod
    def open(cls, env: Mapping[str, str] | None = None, children: int | None = None) -> Self:
        """`children` is how many processes the models on board may have; one a core where it is not said."""
        home = Home.find(env).ensure()
        install_samples(home, samples_folder(env), MiniLM)
        install_bundles(home, samples_folder(env) / "sweeps")
        return cls(
            home, Registry.load(home, env=env, adapters=SAMPLES / "adapters", children=children)
        )

    async def model(self, name: str) -> Performer:
        """A model, or an agent of the user's own."""
        if name in self.registry.agents():
            return self.registry.agent(name)
        return await self.registry.open(name)

    async def retriever(self, index: str) -> Retriever:
        """The index as it is now: one that was built anew is opened anew, one that was deleted is not known."""
        await asyncio.to_thread(self._open_retriever, index)
        return self._retrievers[index]

    def _open_retriever(self, index: str) -> None:
        from store.index import index_recipe, open_retriever  # takes a second: Chroma

        with self._opening:
            recipe = index_recipe(self.home, index)
            if self._recipes.get(index) != recipe:
                embedder = None if index.endswith(":bm25") else MiniLM()
                self._retrievers[index] = Batched(open_retriever(self.home, index, embedder))
                self._recipes[index] = recipe

    def recipe(self, index: str | None) -> str:
        """The hash of corpus, embedding and settings behind an index that was opened."""
        return self._recipes.get(index or "", "")

    def config(self, request: LiveRequest) -> RunConfig:
        return RunConfig(
            strategy=request.strategy,
            model=request.model,
            index=request.index if request.budget.search else None,
            budget=request.budget,
            knobs=request.knobs,
            seed=request.seed,
            fingerprint=self.registry.fingerprint(request.model),
            index_recipe=self.recipe(request.index) if request.budget.search else "",
        )

    def price(self, model: str) -> Price:
        card = self.registry.prices(model)

        def charged(usage: Usage) -> float | None:
            return cost(usage, card)

        return charged

    def currency(self, model: str) -> str:
        """Of its prices; raises UnknownName."""
        return self.registry.prices(model).currency

    def save(self, trajectory: Trajectory) -> None:
        """Write a finished run to this process's journal of its sweep; it counts once this returns."""
        with self._saving:
            if trajectory.sweep not in self._journals:
                self._journals[trajectory.sweep] = Journal.open(self.home, trajectory.sweep)
            journal = self._journals[trajectory.sweep]
            journal.append("trajectory", trajectory.id, to_body(trajectory))
            journal.flush()

    async def aclose(self) -> None:
        await self.registry.aclose()
        for journal in self._journals.values():
            journal.close()

    # --------------------------------------------------------------------------------- what is there

    def models(self) -> list[str]:
        return self.registry.names()

    def agents(self) -> list[str]:
        return self.registry.agents()

    def trained(self) -> dict[str, Trained]:
        """What the training of models took, where it is known."""
        return self.registry.trained()

    def on_board(self) -> list[str]:
        """The small models that come with Budgetscape: of what they measure the shape is to be read, not the level."""
        return self.registry.on_board()

    def performer(self, strategy: str, knobs: Mapping[str, Any], named: str | None = None) -> str:
        """Who answers: the model or agent that is named, else the default one; UnknownName where it cannot."""
        if not outside(strategy, knobs):
            name = named or self.default_model
            self.registry.spec(name)
            return name
        agents = self.agents()
        if named in agents or (named is None and agents):
            return named or agents[0]
        hint = "(the strategy external needs one: docs/external.md)"
        raise UnknownName("agent", named or "", agents, hint)

    def think_control(self, model: str) -> ThinkControl:
        """Whether its thinking is budgeted in tokens or by effort levels."""
        return self.registry.think_control(model)

    def indexes(self) -> list[str]:
        return index_names(self.home)

    def question_sets(self) -> list[str]:
        return question_names(self.home)

    def questions(self, name: str) -> list[Question]:
        """Read again only when the file is another: a set may hold a hundred thousand."""
        stamp = questions_stamp(self.home, name)
        kept = self._questions.get(name)
        if kept is None or kept[0] != stamp:
            kept = self._questions[name] = (stamp, load_questions(self.home, name).questions)
        return list(kept[1])

    @property
    def default_model(self) -> str:
        return self.registry.default

    @property
    def default_index(self) -> str | None:
        return _preferred(self.indexes())

    @property
    def default_questions(self) -> str | None:
        return _preferred(self.question_sets())


class App(Parts):
    """What the dashboard's process holds: parts, store, background loop and live runs."""

    def __init__(self, home: Home, registry: Registry) -> None:
        super().__init__(home, registry)
        self.loop = Loop()
        self.live = LiveRuns(self, self.loop)
        self.sweeps = SweepRuns(home, lambda plan: asyncio.run(quoted(plan, self)))
        self.library = Library(home, registry, self._in_use, lambda: self.store.ingest())
        try:
            self.store = Store.open(home)
            self.owner = True
        except StoreHeld:
            self.store = Store.scratch(home)
            self.owner = False
        self.store.ingest()
        self.loop.submit(self._keep_up())

    def save(self, trajectory: Trajectory) -> None:
        super().save(trajectory)
        self.store.ingest()

    def _in_use(self, name: str) -> str | None:
        """The running sweep that asks these questions or this index."""
        for sweep in self.sweeps.names():
            if self.sweeps.running(sweep):
                plan = self.sweeps.plan(sweep)
                if name in (plan.questions, (plan.index or "").partition(":")[0]):
                    return sweep
        return None

    async def _keep_up(self) -> None:
        """Take in what sweeps in other processes have written, every few seconds."""
        while True:
            await asyncio.sleep(KEEP_UP_S)
            try:
                await asyncio.to_thread(self.store.ingest)
            except BudgetscapeError as error:
                logging.getLogger(__name__).warning("%s", error)

    def warm_up(self) -> None:
        """Open the default index and wake the default model, so that the first question need not wait; returns when
        they are there, or failed."""
        opening = [self.loop.submit(self.model(self.default_model))]
        if self.default_index:
            opening.append(self.loop.submit(self.retriever(self.default_index)))
        import_module(
            "engine.models.openai"
        )  # takes a second, and the first call would wait for it
        wait(opening)

    def close(self) -> None:
        self.library.close()
        self.sweeps.close()
        self.loop.call(self.aclose(), 20)
        self.loop.close()
        self.store.close()


def open_app(env: Mapping[str, str] | None = None) -> App:
    """The application as one process needs it; raises BudgetscapeError with one line when it cannot start."""
    return App.open(env)


def samples_folder(env: Mapping[str, str] | None = None) -> Path:
    """`sample_runs/` of the checkout, or what BUDGETSCAPE_SAMPLES names in its place."""
    named = (os.environ if env is None else env).get("BUDGETSCAPE_SAMPLES", "").strip()
    return Path(named).expanduser() if named else SAMPLES


def _preferred(names: list[str]) -> str | None:
    return SAMPLE if SAMPLE in names else next(iter(names), None)
