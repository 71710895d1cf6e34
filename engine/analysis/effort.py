"""Effort levels on a surface: each stands at the thinking tokens that its runs really used, on average.

A level is no number of tokens, so its cells are never pooled with those of a budget in tokens; they only lie on the
same axis, at their mean realised use over all search budgets of one configuration.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Used:
    """What the runs of one cell of a level used."""

    surface: Hashable
    """What must be equal for cells to lie on one surface."""
    level: int
    n: int
    tokens: float
    """Sum over the runs."""


def places(cells: Iterable[Used]) -> Mapping[tuple[Hashable, int], int]:
    """Where each level of each surface stands: whole tokens, and no two levels at one place.

    low used 40 and 60 tokens in two cells of one run each -> at 50
    """
    sums: dict[tuple[Hashable, int], tuple[int, float]] = {}
    for cell in cells:
        n, tokens = sums.get((cell.surface, cell.level), (0, 0.0))
        sums[cell.surface, cell.level] = (n + cell.n, tokens + cell.tokens)
    placed: dict[tuple[Hashable, int], int] = {}
    taken: dict[Hashable, set[int]] = {}
    for surface, level in sorted(sums, key=lambda key: key[1]):
        n, tokens = sums[surface, level]
        place = round(tokens / n) if n else 0
        while place in taken.setdefault(surface, set()):
            place += 1
        taken[surface].add(place)
        placed[surface, level] = place
    return placed
