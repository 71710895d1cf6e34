"""Where the next unit goes: lines of equal spend and equal quality, the cheapest path, marginal gains.

Spending is what a mean run of a cell was charged. It is taken as known: its own noise is small beside that of quality,
and it is the same on both sides of every paired difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.analysis.estimate import DRAWS, Estimate, contrast, draws, quality
from engine.analysis.grid import Point, at, crossings
from engine.analysis.panel import Axis, Floats, Panel, Unknown


@dataclass(frozen=True, slots=True)
class Mix:
    """One split of a fixed spend, or of a fixed quality."""

    point: Point
    quality: Estimate | Unknown
    spend: float


@dataclass(frozen=True, slots=True)
class Walk:
    """All splits of one spend, from the most thinking to the most searching."""

    spend: float
    unit: str
    mixes: tuple[Mix, ...]

    @property
    def best(self) -> Mix | None:
        known = [m for m in self.mixes if isinstance(m.quality, Estimate)]
        return max(known, key=_value, default=None)


@dataclass(frozen=True, slots=True)
class Step:
    """One point of the cheapest path."""

    spend: float
    search: float
    think: float
    quality: Estimate
    search_low: float
    search_high: float
    """Nine in ten resampled sets of questions put the best split between these."""


@dataclass(frozen=True, slots=True)
class Gain:
    """What the next level of one budget adds."""

    axis: Axis
    to: int
    quality: Estimate
    spend: float
    """Added per run."""
    per_unit: Estimate | Unknown


@dataclass(frozen=True, slots=True)
class Next:
    """Where the next unit goes from one cell."""

    search: int
    think: int
    gains: tuple[Gain, ...]
    apart: Estimate | Unknown
    """Gain per unit of searching minus that of thinking."""
    word: Literal["search", "think", "tied", "neither is shown to help", "unknown"]


def _value(mix: Mix) -> float:
    assert isinstance(mix.quality, Estimate)
    return mix.quality.value


def walk(panel: Panel, spend: float, unit: str) -> Walk | Unknown:
    """The iso-cost line."""
    costs = panel.mean(unit)
    if not np.isfinite(costs).any():
        return Unknown(f"{unit} is unknown here")
    points = crossings(costs, panel, spend)
    if not points:
        low, high = float(np.nanmin(costs)), float(np.nanmax(costs))
        return Unknown(f"no measured mix takes {spend:g} {unit}; they take {low:.4g} to {high:.4g}")
    return Walk(spend, unit, tuple(Mix(p, _quality(panel, p), spend) for p in points))


def iso_quality(panel: Panel, level: float, unit: str) -> Walk | Unknown:
    """All mixes that reach a quality, each with its spend."""
    points = crossings(panel.quality(), panel, level)
    if not points:
        return Unknown(f"no measured mix lies at quality {level:g}")
    costs = panel.mean(unit)
    mixes = tuple(Mix(p, _quality(panel, p), float(at(costs, p))) for p in points)
    return Walk(level, unit, mixes)


def _quality(panel: Panel, point: Point) -> Estimate | Unknown:
    return quality(at(panel.y, point))


def path(panel: Panel, unit: str, steps: int = 12) -> tuple[Step, ...] | Unknown:
    """The expansion path: the best split at each of some spends, from the cheapest to the dearest."""
    costs = panel.mean(unit)
    known = costs[np.isfinite(costs)]
    if len(known) < 3 or known.min() <= 0 or known.max() <= known.min():
        return Unknown("a cheapest path needs three cells of different spend")
    complete = np.isfinite(panel.y[:, np.isfinite(costs)]).all(axis=1)
    if complete.sum() < 2:
        return Unknown("fewer than two questions ran in every cell")
    scores = panel.y[complete]
    if not np.nanstd(scores):
        return Unknown("every run scores the same, so that no path is better than another")
    weights = draws(len(scores), DRAWS)
    spends = np.geomspace(known.min(), known.max(), steps)
    found = [_step(panel, scores, weights, costs, float(s)) for s in spends]
    return tuple(s for s in found if s is not None)


def _step(
    panel: Panel, scores: Floats, weights: Floats, costs: Floats, spend: float
) -> Step | None:
    points = crossings(costs, panel, spend)
    if not points:
        return None
    values = np.stack([at(scores, p) for p in points], axis=1)
    best = int(values.mean(axis=0).argmax())
    reached = quality(values[:, best])
    if isinstance(reached, Unknown):
        return None
    searched = np.array([p.search for p in points])[(weights @ values).argmax(axis=1)]
    low, high = np.quantile(searched, (0.05, 0.95), method="inverted_cdf")
    return Step(spend, points[best].search, points[best].think, reached, float(low), float(high))


def next_unit(panel: Panel, search: int, think: int, unit: str) -> Next | Unknown:
    """Marginal gains at a cell in both directions, and which is larger."""
    if search not in panel.search or think not in panel.think:
        return Unknown(f"search {search}, think {think} was not measured")
    here = panel.search.index(search), panel.think.index(think)
    if not (panel.n[:, here[0], here[1]] > 0).any():
        return Unknown(f"search {search}, think {think} was not measured")
    gains = tuple(
        g for axis in ("search", "think") if (g := _gain(panel, here, axis, unit)) is not None
    )
    apart = _apart(panel, here, gains)
    return Next(search, think, gains, apart, _word(gains, apart))


def every_next(panel: Panel, unit: str) -> list[Next]:
    """Where the next unit goes from every measured cell."""
    places = zip(*np.nonzero(panel.ran()), strict=True)
    found = (next_unit(panel, panel.search[i], panel.think[j], unit) for i, j in places)
    return [n for n in found if isinstance(n, Next)]


def spread(panel: Panel, unit: str) -> tuple[float | None, float | None]:
    """The least and the most that a measured cell takes; None where that is unknown."""
    costs = panel.mean(unit)
    known = costs[np.isfinite(costs)]
    return (float(known.min()), float(known.max())) if len(known) else (None, None)


def _further(panel: Panel, here: tuple[int, int], axis: Axis) -> tuple[int, int] | None:
    """The next measured cell along an axis."""
    i, j = here
    ran = panel.ran()
    if axis == "search":
        return next(((u, j) for u in range(i + 1, len(panel.search)) if ran[u, j]), None)
    return next(((i, v) for v in range(j + 1, len(panel.think)) if ran[i, v]), None)


def _gain(panel: Panel, here: tuple[int, int], axis: Axis, unit: str) -> Gain | None:
    there = _further(panel, here, axis)
    if there is None:
        return None
    apart = panel.y[:, there[0], there[1]] - panel.y[:, here[0], here[1]]
    gained = contrast(apart[np.isfinite(apart)])
    if isinstance(gained, Unknown):
        return None
    costs = panel.mean(unit)
    spend = float(costs[there] - costs[here])
    to = panel.search[there[0]] if axis == "search" else panel.think[there[1]]
    per_unit: Estimate | Unknown = Unknown(f"it adds no {unit}")
    if spend > 0:
        per_unit = gained.scaled(1 / spend)
    elif not np.isfinite(spend):
        per_unit = Unknown(f"{unit} is unknown here")
    return Gain(axis, to, gained, spend, per_unit)


def _apart(panel: Panel, here: tuple[int, int], gains: tuple[Gain, ...]) -> Estimate | Unknown:
    """The difference of the two gains per unit, by question."""
    if len(gains) < 2 or any(isinstance(g.per_unit, Unknown) for g in gains):
        return Unknown("there is no measured step in both directions that adds spending")
    parts = []
    for gain in gains:
        there = _further(panel, here, gain.axis)
        assert there is not None
        added = panel.y[:, there[0], there[1]] - panel.y[:, here[0], here[1]]
        parts.append(added / gain.spend)
    values = parts[0] - parts[1]
    return contrast(values[np.isfinite(values)], reach=1 / gains[0].spend + 1 / gains[1].spend)


def _word(
    gains: tuple[Gain, ...], apart: Estimate | Unknown
) -> Literal["search", "think", "tied", "neither is shown to help", "unknown"]:
    if not gains:
        return "unknown"
    helps = [g.axis for g in gains if g.quality.low > 0]
    if not helps:
        return "neither is shown to help"
    if isinstance(apart, Unknown):
        return helps[0] if len(gains) == 1 or len(helps) == 1 else "unknown"
    if apart.tied:
        return "tied"
    return "search" if apart.value > 0 else "think"
