"""What reads of the history hand out, cells and heads of runs, and the slice that asks for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.types import EFFORTS, ThinkMode


@dataclass(frozen=True, slots=True)
class CellRow:
    """One cell of a sweep's surface, or of a stratum of it."""

    sweep: str
    strategy: str
    model: str
    index: str
    config: str
    """Hash of everything else that must be equal on one surface: knobs, decoding, fingerprints."""
    knobs: Mapping[str, Any]
    search: int
    think: int
    search_mode: str
    think_mode: str
    """`effort`: the cell is one of levels, and `think` is what the level used on average."""
    by: tuple[Any, ...]
    """The values of the strata asked for, in their order."""
    n: int
    questions: int
    mean: float
    low: float
    high: float
    cut_off: float
    """Share of runs whose answer a limit forced."""
    search_used: float
    think_used: float
    tokens: float | None
    """Mean input and completion tokens of a run, as charged; None where none were told."""
    seconds: float | None
    cost: float | None
    well_formed: float | None = None
    """Share of the model's texts that had the form the protocol asks for; None where that was not recorded."""
    search_compliance: float | None = None
    """Mean use of the search budget over what was requested; None where nothing was."""
    think_compliance: float | None = None
    effort: str = ""
    """The level, where there is one."""
    rounds: float | None = None
    """Mean number of times that a run went to the index; queries sent at once are one round. None where unknown."""
    passages: float | None = None
    """Mean number of passages that a run was shown, those shown before included; None where unknown."""
    generated: float | None = None
    """Mean completion tokens of a run; None where unknown."""

    @property
    def asked(self) -> int:
        """The reasoning budget as it was asked for and is stored: tokens, or the number of a level."""
        return EFFORTS.index(self.effort) + 1 if self.effort else self.think


@dataclass(frozen=True, slots=True)
class RunHead:
    """What a table of runs shows; `Store.run` has the rest."""

    id: str
    sweep: str
    question_id: str
    question: str
    hops: int | None
    operations: int | None
    strategy: str
    model: str
    index: str
    search: int
    think: int
    seed: int
    answer: str
    stopped_by: str
    cut_off: bool
    search_used: int
    think_used: int
    tokens: int
    seconds: float
    cost: float | None
    em: float | None
    f1: float | None
    contains: float | None
    evidence_recall: float | None
    judge: float | None
    citation_support: float | None
    think_mode: ThinkMode = "cap"
    well_formed: float | None = None
    """Share of the model's texts that had the form the protocol asks for; None where that was not recorded."""


@dataclass(frozen=True, slots=True)
class SweepRow:
    """What a sweep holds so far."""

    name: str
    trajectories: int
    runs: int
    questions: int
    failures: int
    paid_tokens: int
    charged_tokens: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that has runs."""

    id: str
    text: str
    hops: int | None
    operations: int | None
    runs: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Which runs to look at; None means all. The sums behind surfaces know no single runs and questions."""

    sweeps: tuple[str, ...] | None = None
    strategies: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    indexes: tuple[str, ...] | None = None
    hops: tuple[int, ...] | None = None
    operations: tuple[int, ...] | None = None
    phrasing: tuple[str, ...] | None = None
    search: int | None = None
    think: int | None = None
    config: str | None = None
    questions: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    search_mode: str | None = None
    think_mode: str | None = None

    def where(self) -> tuple[str, list[Any]]:
        """A condition with bound parameters."""
        columns: dict[str, Iterable[Any] | None] = {
            "sweep": self.sweeps,
            "strategy": self.strategies,
            "model": self.models,
            "index_name": self.indexes,
            "hops": self.hops,
            "operations": self.operations,
            "phrasing": self.phrasing,
            "search": None if self.search is None else (self.search,),
            "think": None if self.think is None else (self.think,),
            "config": None if self.config is None else (self.config,),
            "question_id": self.questions,
            "id": self.ids,
            "search_mode": None if self.search_mode is None else (self.search_mode,),
            "think_mode": None if self.think_mode is None else (self.think_mode,),
        }
        asked = {k: list(v) for k, v in columns.items() if v is not None}
        text = " AND ".join(f"list_contains(?, {k})" for k in asked)
        return text or "true", list(asked.values())


ALL = Slice()
