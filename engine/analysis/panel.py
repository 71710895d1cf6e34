"""Scores of one strategy and model as arrays: questions by search levels by thinking levels, NaN where nothing ran.

Everything here is paired by question, so a row is one question in one cell: the sums over its runs (seeds). A question
counts once, however often it ran. What the data cannot tell is an `Unknown` with its reason, never a number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.analysis import levels

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Axis = Literal["search", "think"]
OTHER: Mapping[Axis, Axis] = {"search": "think", "think": "search"}
SPENT = ("tokens", "seconds", "cost", "search_used", "think_used", "recall")
ABSURD = 1e15
"""Tokens, seconds or money of one question beyond which it is a damaged record."""
UNITS = ("cost", "tokens", "seconds")
Stratum = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why there is no number."""

    why: str


class Group(NamedTuple):
    """What must be equal on one surface."""

    strategy: str
    model: str
    index_name: str = ""
    config: str = ""
    search_mode: str = "cap"
    think_mode: str = "cap"
    width: int | None = None
    """Queries a round may send at once, where the strategy has that knob."""
    most_searches: int | None = None
    """What the strategy can reach with its knobs; None where that is not known."""
    forcible: tuple[Axis, ...] = ()
    """Budgets that the strategy can be made to spend."""
    content: str = ""
    """Everything that `config` is the hash of, as JSON."""

    @property
    def name(self) -> str:
        modes = (f"{axis} {mode}" for axis, mode in self._modes() if mode != "cap")
        width = () if self.width is None else (f"width {self.width}",)
        return " · ".join((self.strategy, self.model, *width, *modes))

    def _modes(self) -> tuple[tuple[str, str], ...]:
        return ("search", self.search_mode), ("think", self.think_mode)


class Row(NamedTuple):
    """One question in one cell; all figures are sums over its `n` scored runs, None where one is unknown."""

    group: Group
    question: str
    search: int
    think: int
    n: int
    y: float | None
    tokens: float | None = None
    seconds: float | None = None
    cost: float | None = None
    search_used: float | None = None
    think_used: float | None = None
    recall: float | None = None
    hops: int | None = None
    operations: int | None = None
    phrasing: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One surface, question by question."""

    group: Group
    questions: tuple[str, ...]
    strata: tuple[Mapping[str, object], ...]
    """hops, operations and phrasing of each question."""
    search: tuple[int, ...]
    think: tuple[int, ...]
    n: Floats
    """Runs, questions x search x think."""
    y: Floats
    """Mean score, the same shape."""
    spent: Mapping[str, Floats]
    """Means per run of what `SPENT` names, the same shape."""
    refused: int = 0
    """Rows whose score was missing, or not between 0 and 1."""
    thinned: str = ""
    """How many of its levels are weighed, where there are too many to weigh all."""

    def levels(self, axis: Axis) -> tuple[int, ...]:
        return self.search if axis == "search" else self.think

    def ran(self) -> Bools:
        """Where any question ran, search x think."""
        return np.asarray((self.n > 0).any(axis=0), dtype=np.bool_)

    def mean(self, name: str) -> Floats:
        """What a mean question spends in each cell; NaN where unknown for any question that ran there."""
        values, ran = self.spent[name], self.n > 0
        unknown = (ran & np.isnan(values)).any(axis=0) | ~ran.any(axis=0)
        sums = np.where(ran, values, 0.0).sum(axis=0) / np.maximum(1, ran.sum(axis=0))
        return np.where(unknown, np.nan, sums)

    def quality(self) -> Floats:
        """The mean over questions of each cell; NaN where nothing ran."""
        ran = self.n > 0
        sums = np.where(ran, self.y, 0.0).sum(axis=0) / np.maximum(1, ran.sum(axis=0))
        return np.where(ran.any(axis=0), sums, np.nan)

    def part(self, keep: Bools) -> Panel:
        """The same surface over some of its questions."""
        at = np.flatnonzero(keep)
        return Panel(
            self.group,
            tuple(self.questions[i] for i in at),
            tuple(self.strata[i] for i in at),
            self.search,
            self.think,
            self.n[at],
            self.y[at],
            {k: v[at] for k, v in self.spent.items()},
            self.refused,
            self.thinned,
        )


def panels(rows: Iterable[Row]) -> tuple[Panel, ...]:
    """One panel a group, by name; rows of one question in one cell are added up."""
    groups: dict[Group, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    return tuple(_panel(group, groups[group]) for group in sorted(groups, key=str))


def _panel(group: Group, rows: Sequence[Row]) -> Panel:
    scored = [r for r in rows if _scored(r)]
    every = sorted({r.search for r in scored}), sorted({r.think for r in scored})
    search, think = (levels.some(one) for one in every)
    at_s = {v: i for i, v in enumerate(search)}
    at_t = {v: i for i, v in enumerate(think)}
    good = [r for r in scored if r.search in at_s and r.think in at_t]
    questions = {q: i for i, q in enumerate(sorted({r.question for r in good}))}
    shape = len(questions), len(search), len(think)
    names = ("n", "y", *SPENT)
    sums = {name: np.zeros(shape) for name in names}
    strata: list[Mapping[str, object]] = [{} for _ in questions]
    for r in good:
        at = questions[r.question], at_s[r.search], at_t[r.think]
        for name in names:
            sums[name][at] += _known(getattr(r, name))
        strata[at[0]] = {"hops": r.hops, "operations": r.operations, "phrasing": r.phrasing}
    n = sums.pop("n")
    with np.errstate(invalid="ignore", divide="ignore"):
        means = {k: np.where(n > 0, v / n, np.nan) for k, v in sums.items()}
    y = means.pop("y")
    refused = len(rows) - len(scored)
    thinned = levels.counted((len(search), len(every[0])), (len(think), len(every[1])))
    return Panel(
        group, tuple(questions), tuple(strata), search, think, n, y, means, refused, thinned
    )


def _known(value: float | None) -> float:
    """NaN where it is not known, or no amount that anything was ever measured to take."""
    return float("nan") if value is None or not abs(value) < ABSURD else value


def _scored(row: Row) -> bool:
    return row.n > 0 and row.y is not None and isfinite(row.y) and 0 <= row.y <= row.n


def stratum_of(values: Mapping[str, object], by: Sequence[str]) -> Stratum:
    return tuple((name, values.get(name)) for name in by)


def strata(panel: Panel, by: Sequence[str]) -> dict[Stratum, Panel]:
    """The panel of each stratum, by its values; one panel for all when nothing is asked for."""
    of = [stratum_of(values, by) for values in panel.strata]
    names = sorted(Counter(of), key=str)
    return {name: panel.part(np.array([o == name for o in of], dtype=bool)) for name in names}


def unit_of(some: Sequence[Panel]) -> str:
    """What to count spending in: cost where every price is known, otherwise tokens."""
    known = bool(some) and all(np.isfinite(p.mean("cost")[p.ran()]).all() for p in some)
    return "cost" if known and any(np.nansum(p.mean("cost")) > 0 for p in some) else "tokens"
