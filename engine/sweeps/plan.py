"""A sweep before it runs: what a TOML file asks for, checked, and the jobs that follow from it.

name = "first-look"
strategies = ["closed_book", "corag"]
models = ["smollm2-135m"]
index = "shipped"
questions = "shipped"
search = [0, 1, 2, 4]        # queries
think = [0, 32, 128]         # thinking tokens
search_mode = "cap"          # or "force": a dose that is to be spent; so for think_mode
seeds = [0]
limit = 60                   # questions, a fair spread of them
[knobs.corag]
top_k = 3
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from engine.errors import InputError
from engine.identity import content_hash
from engine.run.budgets import MOST_SEARCHES, MOST_THINKING
from engine.strategies import knobs_of, outside, reachable, strategy
from engine.sweeps.trajectory import completed, id_of
from engine.types import Budget, Decoding, Mode, Question, RunConfig

LATER: dict[str, Any] = {"search_mode": "cap", "think_mode": "cap"}
"""Fields that earlier plans did not have, and what they mean where they are not given."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class Plan(BaseModel):
    """What a sweep will run; equal plans have equal hashes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    strategies: tuple[str, ...] = Field(min_length=1, max_length=64)
    models: tuple[str, ...] = Field(min_length=1, max_length=64)
    index: str | None = None
    questions: str
    search: tuple[int, ...] = Field(min_length=1, max_length=256)
    think: tuple[int, ...] = Field(min_length=1, max_length=256)
    search_mode: Mode = "cap"
    think_mode: Mode = "cap"
    seeds: tuple[int, ...] = Field((0,), min_length=1, max_length=1024)
    limit: int | None = Field(None, ge=1)
    temperature: float = Field(0.0, ge=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    knobs: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError("use letters, digits, - and _ only, 64 at most")
        return value

    @field_validator("search", "think")
    @classmethod
    def _budgets(cls, values: tuple[int, ...], info: Any) -> tuple[int, ...]:
        most = MOST_SEARCHES if info.field_name == "search" else MOST_THINKING
        if any(v < 0 or v > most for v in values):
            raise ValueError(f"budgets lie between 0 and {most}")
        if len(set(values)) < len(values):
            raise ValueError("a budget is listed twice")
        return values

    @property
    def hash(self) -> str:
        """Of what is asked for; what was added to plans later counts only where it is used."""
        body = self.model_dump(mode="json")
        return content_hash({k: v for k, v in body.items() if LATER.get(k, ...) != v}, 16)

    @property
    def budgets(self) -> tuple[Budget, ...]:
        modes = self.search_mode, self.think_mode
        return tuple(Budget(s, r, *modes) for s in self.search for r in self.think)


def read_plan(text: str, where: str = "the plan") -> Plan:
    """A plan from TOML; InputError names the field, and the line where it stands."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where} is not valid TOML: {error}") from None
    try:
        plan = Plan(**raw)
        for name in plan.strategies:
            strategy(name)
        for name, knobs in plan.knobs.items():
            knobs_of(name, knobs)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "plan"
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"{where}{_line(text, first['loc'])}: {field}: {message}") from None
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if max(plan.search) > 0 and plan.index is None:
        raise InputError(f"{where}: index: a search budget above 0 needs an index")
    return plan


def _line(text: str, location: Sequence[int | str]) -> str:
    """`, line 7`, when the first named key can be found in the text."""
    for number, row in enumerate(text.splitlines(), 1):
        if location and re.match(rf"\s*\[?{re.escape(str(location[0]))}\b", row):
            return f", line {number}"
    return ""


@dataclass(frozen=True, slots=True)
class Job:
    """One trajectory to run: all reachable cells of one question under one configuration."""

    id: str
    sweep: str
    question: Question
    config: RunConfig
    budgets: tuple[Budget, ...]


@dataclass(frozen=True, slots=True)
class Ground:
    """What the names in a plan stand for on this machine, as hashes."""

    fingerprints: Mapping[str, str]
    """Per model name."""
    index_recipe: str = ""
    agents: frozenset[str] = frozenset()
    """The model names that stand for agents of the user's own."""


def jobs(plan: Plan, questions: Sequence[Question], ground: Ground) -> Iterator[Job]:
    """All jobs of a plan, a spread of questions first: every strategy sees question 1 before any sees question 2.

    Agents of the user's own play `external`, models everything else; InputError for a strategy that nobody plays.
    """
    players = {name: _players(plan, name, ground) for name in plan.strategies}
    for seed in plan.seeds:
        for question in questions[: plan.limit]:
            for model in plan.models:
                for name in (s for s in plan.strategies if model in players[s]):
                    yield _job(plan, question, name, model, seed, ground)


def _players(plan: Plan, name: str, ground: Ground) -> list[str]:
    """The models, or the agents, of a plan that can play a strategy."""
    own = outside(name, plan.knobs.get(name, {}))
    found = [m for m in plan.models if (m in ground.agents) == own]
    if not found:
        what = "an agent of the endpoints file" if own else "a model"
        raise InputError(f"the strategy {name} needs {what} among the plan's models")
    return found


def _job(plan: Plan, question: Question, name: str, model: str, seed: int, ground: Ground) -> Job:
    config = completed(
        RunConfig(
            strategy=name,
            model=model,
            index=plan.index,
            budget=max(plan.budgets),
            knobs=plan.knobs.get(name, {}),
            decoding=Decoding(plan.temperature, plan.top_p),
            seed=seed,
            fingerprint=ground.fingerprints[model],
            index_recipe=ground.index_recipe,
        )
    )
    budgets = tuple(b for b in plan.budgets if reachable(name, b, config.knobs))
    return Job(id_of(question, config, plan.name), plan.name, question, config, budgets)
