"""What one stop of the two dials reads: quality with its interval, what it takes, and what the next step adds.

A stop between measured cells is interpolated from the four around it and says so; one outside has no reading.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from math import log1p
from typing import Literal

import numpy as np

from engine.analysis.allocation import Next, next_unit
from engine.analysis.estimate import Estimate, quality
from engine.analysis.panel import UNITS, Floats, Panel, Unknown


@dataclass(frozen=True, slots=True)
class Reading:
    """One stop."""

    search: int
    think: int
    kind: Literal["measured", "interpolated", "missing"]
    quality: Estimate | Unknown
    spend: dict[str, float | None]
    next: Next | Unknown


def readings(
    panel: Panel, search: Sequence[int], think: Sequence[int], unit: str
) -> tuple[Reading, ...]:
    """All stops, thinking within searching."""
    means = {u: panel.mean(u) for u in UNITS}
    return tuple(_reading(panel, means, s, t, unit) for s in search for t in think)


def _reading(panel: Panel, means: dict[str, Floats], s: int, t: int, unit: str) -> Reading:
    weights = _weights(panel, s, t)
    if isinstance(weights, Unknown):
        return Reading(s, t, "missing", weights, dict.fromkeys(UNITS), weights)
    measured = len(weights) == 1
    scores = sum(w * panel.y[:, i, j] for (i, j), w in weights.items())
    known = np.asarray(scores, dtype=np.float64)
    spend: dict[str, float | None] = {}
    for name, values in means.items():
        value = float(sum(w * values[place] for place, w in weights.items()))
        spend[name] = value if np.isfinite(value) else None
    further = next_unit(panel, s, t, unit) if measured else Unknown("between measured cells")
    kind: Literal["measured", "interpolated"] = "measured" if measured else "interpolated"
    return Reading(s, t, kind, quality(known), spend, further)


def _weights(panel: Panel, s: int, t: int) -> dict[tuple[int, int], float] | Unknown:
    """How much each surrounding cell counts, straight in ln(1 + budget)."""
    sides = _around(panel.search, s), _around(panel.think, t)
    if not sides[0] or not sides[1]:
        return Unknown("outside what was measured")
    ran = panel.ran()
    weights = {(i, j): a * b for i, a in sides[0].items() for j, b in sides[1].items()}
    if not all(ran[place] for place in weights):
        return Unknown("not measured here")
    return weights


def _around(levels: tuple[int, ...], value: int) -> dict[int, float]:
    """The levels on both sides with their weights; one where the value is a level, none outside."""
    if not levels or not levels[0] <= value <= levels[-1]:
        return {}
    i = bisect_left(levels, value)
    if levels[i] == value:
        return {i: 1.0}
    low, high = levels[i - 1], levels[i]
    share = (log1p(value) - log1p(low)) / (log1p(high) - log1p(low))
    return {i - 1: 1 - share, i: share}
