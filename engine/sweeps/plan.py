"""A sweep before it runs: what a TOML file asks for, checked line by line.

name = "first-look"
strategies = ["closed_book", "corag"]
models = ["smollm2-135m"]
index = "shipped"
questions = "shipped"
search = [0, 1, 2, 4]        # queries
think = [0, 32, 128]         # thinking tokens
effort = ["low", "high"]     # for models that take levels in the place of thinking tokens
think_mode = "cap"           # or "force": a dose instead of a permission; search_mode likewise
seeds = [0]
samples = 1                  # draws of each question and seed; worth more than 1 where the model samples
limit = 60                   # questions, a fair spread of them
[strata]                     # all of it optional
hops = [1, 2]
operations = [0, 1]
tags = ["open"]
each = 10                    # questions of each pair of hops and operations
draw = 7                     # seed to draw them by
[knobs.corag]
top_k = 3
[caps]                       # the sweep stops before it spends more; not part of what the plan is
cost = 5.0                   # in the currency of the models' prices
tokens = 2_000_000           # input and generated
minutes = 90

Equal plans have equal hashes. Caps are left out of the hash, since they change what may be spent and not what is run:
a sweep that stopped at its cap goes on under a higher one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from engine.errors import InputError
from engine.identity import content_hash
from engine.run.budgets import MOST_SEARCHES, MOST_THINKING, checked, controlled
from engine.strategies import STRATEGIES, knobs_of, reachable, strategy
from engine.sweeps.lines import line_of
from engine.sweeps.picking import Strata
from engine.sweeps.spend import Caps
from engine.types import EFFORTS, Budget, Mode, ThinkControl

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
LATER = ("samples", "strata", "search_mode", "think_mode", "effort")
"""Fields that came after the first plans: while they say nothing they are not in the hash, so old plans keep theirs."""


class Plan(BaseModel):
    """What a sweep will run; equal plans have equal hashes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    strategies: tuple[str, ...] = Field(min_length=1, max_length=64)
    models: tuple[str, ...] = Field(min_length=1, max_length=64)
    index: str | None = None
    questions: str
    search: tuple[int, ...] = Field(min_length=1, max_length=256)
    think: tuple[int, ...] = Field((), max_length=256)
    effort: tuple[Literal["low", "medium", "high"], ...] = Field((), max_length=3)
    search_mode: Mode = "cap"
    think_mode: Mode = "cap"
    seeds: tuple[int, ...] = Field((0,), min_length=1, max_length=1024)
    samples: int = Field(1, ge=1, le=1024)
    limit: int | None = Field(None, ge=1)
    strata: Strata | None = None
    temperature: float = Field(0.0, ge=0, le=2)
    top_p: float = Field(1.0, gt=0, le=1)
    knobs: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    caps: Caps = Caps()

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
        return _once(values, "a budget")

    @field_validator("strategies", "models", "seeds", "effort")
    @classmethod
    def _no_repeats(cls, values: tuple[Any, ...], info: Any) -> tuple[Any, ...]:
        return _once(values, f"one of the {info.field_name}")

    @property
    def content(self) -> dict[str, Any]:
        """What the plan is, as JSON types: all but its caps, and but later fields that say nothing."""
        body = self.model_dump(mode="json", exclude={"caps"})
        silent = {k for k in LATER if getattr(self, k) == type(self).model_fields[k].default}
        return {k: v for k, v in body.items() if k not in silent}

    @property
    def hash(self) -> str:
        return content_hash(self.content, 16)

    def budgets(self, control: ThinkControl = "hard", model: str = "") -> tuple[Budget, ...]:
        """The whole grid, as an endpoint can keep it; InputError where it can keep none of it."""
        modes = (self.search_mode, self.think_mode)
        tokens = (Budget(s, r, *modes) for s in self.search for r in self.think)
        numbers = [EFFORTS.index(level) + 1 for level in self.effort]
        levels = (Budget(s, n, self.search_mode, "effort") for s in self.search for n in numbers)
        return tuple(
            controlled(b, control, model) for b in (levels if control == "effort" else tokens)
        )

    @property
    def draws(self) -> tuple[int, ...]:
        """One seed a sample: the plan's own first, then others that follow from them. They never coincide."""
        return tuple(_seed(seed, n) for n in range(self.samples) for seed in self.seeds)

    def cells(
        self, name: str, control: ThinkControl = "hard", model: str = ""
    ) -> tuple[Budget, ...]:
        """The cells that a strategy of the plan can reach."""
        knobs = knobs_of(name, self.knobs.get(name, {})).model_dump()
        return tuple(b for b in self.budgets(control, model) if reachable(name, b, knobs))

    def to_toml(self) -> str:
        """The plan as a file that reads back equal."""
        import tomlkit

        body = self.model_dump(mode="json", exclude_defaults=True)
        return tomlkit.dumps({k: v for k, v in _without_none(body).items() if v not in ({}, None)})


def _once(values: tuple[Any, ...], what: str) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError(f"{what} is listed twice")
    return values


def _seed(seed: int, sample: int) -> int:
    """Sample 0 has the seed itself; the others are 48 bits of a hash, far from anything a person types."""
    return seed if sample == 0 else 2**48 + int(content_hash([seed, sample], 12), 16)


def _without_none(body: dict[str, Any]) -> dict[str, Any]:
    """TOML has no null: what is not said is left out."""
    inner = {k: _without_none(v) if isinstance(v, dict) else v for k, v in body.items()}
    return {k: v for k, v in inner.items() if v is not None}


# ------------------------------------------------------------------------------------------- reading


def read_plan(text: str, where: str = "the plan") -> Plan:
    """A plan from TOML; InputError names the field, and the line where it stands."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where} is not valid TOML: {error}") from None
    try:
        plan = Plan(**raw)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "plan"
        message = first["msg"].removeprefix("Value error, ")
        value = first["input"] if first["loc"] and isinstance(first["loc"][-1], int) else None
        raise InputError(_said(text, where, first["loc"], f"{field}: {message}", value)) from None
    for location, value, check in _checks(plan):
        try:
            check()
        except InputError as error:
            raise InputError(_said(text, where, location, str(error), value)) from None
    return plan


def _said(
    text: str, where: str, location: Sequence[int | str], message: str, value: object = None
) -> str:
    line = line_of(text, location, value)
    return f"{where}{f', line {line}' if line else ''}: {message}"


def _checks(plan: Plan) -> Iterator[tuple[tuple[str, ...], object, Any]]:
    """What only the strategies can tell: where it stands, the value, and a check that raises InputError."""
    for name in plan.strategies:
        yield ("strategies",), name, lambda name=name: strategy(name)
    for name, knobs in plan.knobs.items():
        yield (
            ("knobs", name, *_wrong_knob(name, knobs)),
            None,
            lambda n=name, k=knobs: _knobs(plan, n, k),
        )
    for mode, modes in (
        ("search_mode", (plan.search_mode, "cap")),
        ("think_mode", ("cap", plan.think_mode)),
    ):
        yield (mode,), None, lambda m=modes: checked(Budget(0, 0, *m))
    yield ("think",), None, lambda: _has_thinking(plan)
    for name in plan.strategies:
        yield ("strategies",), name, lambda name=name: _reaches(plan, name)
    yield ("search",), None, lambda: _needs_index(plan)


def _wrong_knob(name: str, knobs: Mapping[str, Any]) -> tuple[str, ...]:
    """The first knob that is refused by itself, so that its own line is named."""
    for knob, value in knobs.items() if name in STRATEGIES else ():
        try:
            knobs_of(name, {knob: value})
        except InputError:
            return (knob,)
    return ()


def _knobs(plan: Plan, name: str, knobs: Mapping[str, Any]) -> None:
    strategy(name)
    if name not in plan.strategies:
        raise InputError(
            f"knobs.{name}: the plan does not run {name}; add it to strategies or drop the table"
        )
    knobs_of(name, knobs)


def _reaches(plan: Plan, name: str) -> None:
    if not plan.cells(name) and not plan.cells(name, "effort"):
        forced = "force" in (plan.search_mode, plan.think_mode)
        way = "set search_mode and think_mode to cap" if forced else "add a smaller search budget"
        raise InputError(f"strategies: {name} reaches no cell of this grid; {way}, or drop it")


def _has_thinking(plan: Plan) -> None:
    if not plan.think and not plan.effort:
        raise InputError("think: list thinking tokens, or `effort` levels")


def _needs_index(plan: Plan) -> None:
    if max(plan.search) > 0 and plan.index is None:
        raise InputError("index: a search budget above 0 needs an index")
