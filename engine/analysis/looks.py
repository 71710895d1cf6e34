"""Search by search: did it bring something new, look again at what was there, or ask the same once more?

    new         it showed a passage that the run had not seen
    validating  other words, and nothing that was not seen before
    repeat      the same words as an earlier search of the run

Counted at the largest search budget: over the reasoning budgets, which are set and so a cause; by difficulty; and by
the place of the search in its run, where new evidence thins out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Literal

import numpy as np

from engine.analysis.cells import Sums, interval
from engine.analysis.estimate import Estimate, average
from engine.analysis.panel import Unknown
from engine.analysis.traces import evidence
from engine.grading import normalised
from engine.types import Run

Label = Literal["new", "validating", "repeat"]
LABELS: tuple[Label, Label, Label] = ("new", "validating", "repeat")
PLACES = 8
"""Searches of a run that are told one by one; the rest are told together."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The searches that one run sent."""

    question: str
    hops: int | None
    search: int
    think: int
    labels: tuple[Label, ...]
    gold: tuple[int, ...] | None
    """Supporting passages that each of them was the first to show; None where the evidence is not known."""


@dataclass(frozen=True, slots=True)
class Searched:
    """Some runs, by what was asked for."""

    at: int
    """A reasoning budget, a number of hops, or the place of a search from 1."""
    questions: int
    searches: Estimate | Unknown
    """Of a mean run."""
    shares: dict[Label, Estimate | Unknown]
    gold: Estimate | Unknown
    """New supporting passages per search."""


def sent(run: Run) -> Sent:
    seen: set[str] = set()
    labels: list[Label] = []
    looks = evidence(run).looks
    for look in looks:
        words = normalised(look.query)
        labels.append("repeat" if words in seen else "new" if look.new else "validating")
        seen.add(words)
    asked = run.question
    gold = tuple(look.new_gold for look in looks) if asked.supporting_ids else None
    budget = run.config.budget
    return Sent(asked.id, asked.hops, budget.search, budget.think, tuple(labels), gold)


def by_think(runs: Iterable[Sent]) -> tuple[Searched, ...]:
    """Over the reasoning budgets, at the largest search budget."""
    return _by(_most_searches(runs), lambda run: run.think)


def by_hops(runs: Iterable[Sent]) -> tuple[Searched, ...]:
    """By difficulty, at the largest budgets."""
    far = _most_searches(runs)
    most = max((run.think for run in far), default=0)
    return _by([run for run in far if run.think == most], lambda run: run.hops)


def by_place(runs: Iterable[Sent]) -> tuple[Searched, ...]:
    """The first search of a run, the second, and so on, at the largest budgets."""
    far = _most_searches(runs)
    most = max((run.think for run in far), default=0)
    cut = [_only(run, n) for run in far if run.think == most for n in range(len(run.labels))]
    return tuple(_searched(n + 1, held) for n in range(PLACES) if (held := _at(cut, n)))


def _at(cut: Sequence[tuple[int, Sent]], n: int) -> list[Sent]:
    return [run for place, run in cut if place == n]


def _only(run: Sent, n: int) -> tuple[int, Sent]:
    gold = None if run.gold is None else run.gold[n : n + 1]
    return n, Sent(run.question, run.hops, run.search, run.think, run.labels[n : n + 1], gold)


def _most_searches(runs: Iterable[Sent]) -> list[Sent]:
    held = list(runs)
    most = max((run.search for run in held), default=0)
    return [run for run in held if run.search == most]


def _by(runs: Sequence[Sent], value: Callable[[Sent], int | None]) -> tuple[Searched, ...]:
    levels = sorted({v for run in runs if (v := value(run)) is not None})
    return tuple(_searched(level, [r for r in runs if value(r) == level]) for level in levels)


def _searched(at: int, runs: Sequence[Sent]) -> Searched:
    asked: dict[str, list[Sent]] = {}
    for run in runs:
        asked.setdefault(run.question, []).append(run)
    each = list(asked.values())
    sends = np.array([np.mean([len(r.labels) for r in some]) for some in each])
    counts = [sum(len(r.labels) for r in some) for some in each]
    shares = {
        label: _share([sum(r.labels.count(label) for r in some) for some in each], counts)
        for label in LABELS
    }
    per_search = np.array(
        [
            sum(sum(r.gold or ()) for r in some) / n
            for some, n in zip(each, counts, strict=True)
            if n and all(r.gold is not None for r in some)
        ]
    )
    gold: Estimate | Unknown = Unknown("no question here was searched for and has known evidence")
    if len(per_search):
        gold = average(per_search, max(1.0, float(per_search.max())))
    most = max(1.0, float(sends.max())) if len(sends) else 1.0
    return Searched(at, len(each), average(sends, most), shares, gold)


def _share(some: Sequence[int], of: Sequence[int]) -> Estimate | Unknown:
    """A share of all searches, with the question as the unit."""
    s, n = np.array(some, dtype=np.float64), np.array(of, dtype=np.float64)
    kept = n > 0
    s, n = s[kept], n[kept]
    sums = Sums(len(n), int(n.sum()), float(s.sum()), float(s @ s), float(s @ n), float(n @ n))
    found = interval(sums)
    return Unknown("no search was sent") if found is None else Estimate(*astuple(found))
