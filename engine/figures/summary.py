"""A sweep in a minute, as one frozen value: what was asked and measured, the surface, what to run, examples, caveats.

Everything that is drawn, exported or published of a summary is in `SummaryInfo`, as finite numbers, text and tuples:
it goes through JSON and back unharmed (`to_json`, `from_json`), and whoever has it needs no store, model or network.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from engine.errors import InputError
from engine.figures.dials import DialsInfo
from engine.figures.sheets import SurfaceInfo
from engine.identity import canonical_json


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure with its name and what it means."""

    name: str
    value: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """One setting against the best, which was chosen on other questions; differences as shares, not points."""

    setting: str
    spend: float
    quality: float
    difference: float
    low: float
    high: float
    state: str
    tied: bool


@dataclass(frozen=True, slots=True)
class Card:
    """The recommendation with what it rests on; without facts it is a reason why there is none."""

    sentence: str
    facts: tuple[Fact, ...] = ()
    margin: float = 0.0
    """A share."""
    unit: str = ""
    note: str = ""
    """How it was chosen and judged."""
    standings: tuple[Standing, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """One run of an example."""

    run_id: str
    budget: str
    used: str
    answer: str
    verdict: str
    right: bool | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One example: what a step bought over all questions, and one of them; without sides a reason why there is none."""

    title: str
    step: str
    bought: str
    question: str = ""
    difficulty: str = ""
    gold: str = ""
    before: Side | None = None
    after: Side | None = None

    @property
    def run_ids(self) -> tuple[str, ...]:
        return tuple(side.run_id for side in (self.before, self.after) if side is not None)


@dataclass(frozen=True, slots=True)
class Said:
    """A question that people have, and its answer in a sentence."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class SummaryInfo:
    """All of it. Texts are what they are, never markup."""

    sweep: str
    question: str
    measured: str
    quality: str
    unit: str
    surface: SurfaceInfo
    dials: DialsInfo
    card: Card
    at: tuple[int, int] | None = None
    """The budgets that are marked on the surface: those of the recommended setting."""
    said: tuple[Said, ...] = ()
    examples_of: str = ""
    """The strategy and model that the examples are of."""
    rule: str = ""
    """How the examples were chosen."""
    examples: tuple[Shown, ...] = ()
    caveats: tuple[str, ...] = ()
    reason: str = ""
    """Why there is nothing to sum up, when there is nothing."""

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The runs whose traces the examples open."""
        return tuple(dict.fromkeys(i for one in self.examples for i in one.run_ids))


_ADAPTER = TypeAdapter(SummaryInfo)


def to_json(info: SummaryInfo) -> str:
    """Canonical, so that equal summaries are equal text."""
    return canonical_json(info)


def from_json(text: str) -> SummaryInfo:
    """The value that `to_json` wrote; InputError for anything else."""
    try:
        return _ADAPTER.validate_json(text, strict=False)
    except (ValidationError, json.JSONDecodeError, RecursionError) as error:
        where = error.errors()[0]["loc"] if isinstance(error, ValidationError) else ()
        raise InputError(f"this is no summary: {'.'.join(map(str, where)) or 'not JSON'}") from None
