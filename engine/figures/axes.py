"""Axes of a surface: the budgets as they were asked for, or what runs of each requested cell used on average.

Runs are never regrouped by what they used: a cell stays the cell of its request and only moves to its mean use.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

Scale = Literal["even", "log", "true"]
SEARCH = ("search budget", "queries")
THINK = ("reasoning budget", "thinking tokens")
REQUESTED = "requested"
MOST_TICKS, NEAREST_TICKS = 8, 0.07


class Quantity(NamedTuple):
    """What an axis can show beside the budget that was requested."""

    title: str
    unit: str
    attribute: str
    """Of a cell: the mean of its runs; None where unknown."""


SEARCHED = {
    "queries": Quantity("queries used", "queries", "search_used"),
    "rounds": Quantity("rounds of searching", "rounds", "rounds"),
    "passages": Quantity("passages read", "passages", "passages"),
}
THOUGHT = {
    "thinking": Quantity("thinking tokens used", "thinking tokens", "think_used"),
    "generated": Quantity("tokens generated", "generated tokens", "generated"),
    "tokens": Quantity("tokens read and generated", "tokens", "tokens"),
}


@dataclass(frozen=True, slots=True)
class Axis:
    """The budget levels of one axis and where they stand, from 0 to 1."""

    title: str
    unit: str
    """What the levels count; stands for the title where there is little room."""
    levels: tuple[int, ...]
    positions: tuple[float, ...]

    def at(self, level: float) -> float:
        """Where a level stands; between measured ones in proportion, beyond them at the end."""
        return float(np.interp(level, self.levels, self.positions))


@dataclass(frozen=True, slots=True)
class Drawn:
    """What stands at an axis: a title, and numbers at positions from 0 to 1."""

    title: str
    unit: str
    ticks: tuple[tuple[float, str], ...]


def axis(named: tuple[str, str], levels: Iterable[int], scale: Scale = "even") -> Axis:
    """Sorted levels with positions from 0 to 1: evenly spaced, by log(1 + level), or as they are."""
    ordered = tuple(sorted(set(levels)))
    spread: dict[Scale, Callable[[int], float]] = {
        "even": ordered.index,
        "log": math.log1p,
        "true": float,
    }
    raw = [spread[scale](level) for level in ordered]
    span = (raw[-1] - raw[0]) if len(raw) > 1 else 1.0
    return Axis(
        f"{named[0]} ({named[1]})", named[1], ordered, tuple((r - raw[0]) / span for r in raw)
    )


def labelled(one: Axis) -> Drawn:
    """The levels of an axis as its numbers; where many stand close, only some are written."""
    return Drawn(one.title, one.unit, _apart(one.positions, [f"{level:,}" for level in one.levels]))


def realised(
    quantity: Quantity, values: Sequence[float], scale: Scale
) -> tuple[Drawn, Callable[[float], float]]:
    """The axis for what was used, and where a value stands on it. Even steps have no meaning here: log is taken."""
    spread: Callable[[float], float] = float if scale == "true" else math.log1p
    low, high = min(values, default=0.0), max(values, default=1.0)
    span = spread(high) - spread(low) or 1.0

    def place(value: float) -> float:
        return (spread(value) - spread(low)) / span

    ticks = nice(low, high, 40)
    places = [place(t) for t in ticks]
    title = f"{quantity.title}, mean of each cell"
    return Drawn(title, quantity.unit, _apart(places, [f"{t:,.4g}" for t in ticks])), place


def value(cell: Any, quantity: Quantity) -> float | None:
    """What the runs of a cell used on average; None where unknown."""
    found = getattr(cell, quantity.attribute, None)
    return float(found) if found is not None and math.isfinite(found) else None


def nice(low: float, high: float, most: int) -> list[float]:
    """Round numbers from low to high, at most so many of them: nice(90, 1200, 5) -> [100, 200, 500, 1000]"""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low] if math.isfinite(low) else []
    if low <= 0:
        rest = nice(high / 100, high, most - 1)
        return [0.0, *rest]
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [s * 10.0**d for d in decades for s in steps if low <= s * 10.0**d <= high]
        if len(found) <= most:
            break
    return found[:most] or [low, high]


def _apart(places: Sequence[float], labels: Sequence[str]) -> tuple[tuple[float, str], ...]:
    """Numbers that do not run into each other; the last one is always written."""
    kept: list[tuple[float, str]] = []
    for place, label in zip(places, labels, strict=True):
        if not kept or place - kept[-1][0] >= NEAREST_TICKS:
            kept.append((place, label))
        elif place == places[-1]:
            kept[-1] = (place, label)
    return tuple(kept)
