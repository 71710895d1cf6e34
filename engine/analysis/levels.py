"""Which levels of a budget are drawn and weighed where there are very many: some, evenly spread, with both ends."""

from __future__ import annotations

from collections.abc import Sequence

MOST_LEVELS = 32
"""Of one budget: a sheet or an analysis over more would show no more and take very long."""


def some(levels: Sequence[int]) -> tuple[int, ...]:
    """some(range(100)) -> (0, 3, 6, 10, ..., 93, 96, 99)"""
    if len(levels) <= MOST_LEVELS:
        return tuple(levels)
    last = len(levels) - 1
    places = sorted({round(i * last / (MOST_LEVELS - 1)) for i in range(MOST_LEVELS)})
    return tuple(levels[i] for i in places)


def counted(search: tuple[int, int], think: tuple[int, int]) -> str:
    """How many of how many: counted((32, 1000), (5, 5)) -> "32 of 1,000 levels of the search budget"; empty for all."""
    each = (("search", *search), ("reasoning", *think))
    said = [
        f"{few} of {all_:,} levels of the {name} budget" for name, few, all_ in each if few < all_
    ]
    return " and ".join(said)
