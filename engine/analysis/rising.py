"""Which question shows what searching buys: answered wrongly with few queries, and rightly from some number on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Tried:
    """One run of a question: its two budgets and its exact match, 0 or 1."""

    question: str
    search: int
    think: int
    em: float


def first_rising(rows: Iterable[Tried]) -> str | None:
    """The first question that rises at more than half of the reasoning budgets it was tried at; None without one."""
    lines: dict[str, dict[int, dict[int, float]]] = {}
    for row in rows:
        line = lines.setdefault(row.question, {}).setdefault(row.think, {})
        line[row.search] = min(row.em, line.get(row.search, 1.0))
    return next(
        (q for q, held in lines.items() if 2 * sum(map(rises, held.values())) > len(held)), None
    )


def rises(em: Mapping[int, float]) -> bool:
    """Whether exact match by search budget begins at 0, ends at 1 and never falls.

    rises({0: 0, 1: 0, 2: 1, 4: 1}) -> True
    """
    values = [em[search] for search in sorted(em)]
    return (
        bool(values)
        and values[0] == 0
        and values[-1] == 1
        and all(a <= b for a, b in pairwise(values))
    )
