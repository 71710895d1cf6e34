"""Does quality rise along an axis, and does it turn: two tests with the question as the unit.

Rise: Mann and Kendall's count of rising minus falling pairs of levels, per question, over the number of pairs; its mean
is between -1 and 1. Turn: Lind and Mehlum's test that the quadratic in log budget rises at the first level and falls at
the last. A vertex alone proves nothing: any bent curve has one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.analysis.curves import Points
from engine.analysis.estimate import Estimate, contrast, draws, p_value, percentiles, reach_of
from engine.analysis.panel import Floats, Unknown


@dataclass(frozen=True, slots=True)
class Trend:
    """How steadily quality rises with the budget."""

    steadiness: Estimate | Unknown
    """1: every step up scores higher in every question; 0: as often lower."""
    p: float
    direction: str
    """rises, falls or undecided"""


@dataclass(frozen=True, slots=True)
class Turn:
    """Where more begins to hurt."""

    vertex: Estimate | Unknown
    drop: Estimate | Unknown
    """From the vertex to the last level."""
    p: float
    """That the curve does not rise at first, or does not fall at last."""
    overthinking: bool


def trend(y: Floats, level: float = 0.95) -> Trend:
    """The trend of scores, questions x levels in rising order."""
    k = y.shape[1]
    if k < 2:
        return Trend(Unknown("a trend needs two levels"), 1.0, "undecided")
    signs = sum(np.sign(y[:, j] - y[:, i]) for i in range(k) for j in range(i + 1, k))
    steady = np.asarray(signs, dtype=np.float64) / (k * (k - 1) / 2)
    found = contrast(steady, level=level)
    if isinstance(found, Unknown):
        return Trend(found, 1.0, "undecided")
    direction = "rises" if found.low > 0 else "falls" if found.high < 0 else "undecided"
    return Trend(found, p_value(steady), direction)


def turn(points: Points) -> Turn:
    """The vertex of the quadratic in log budget, called overthinking only where the fall is certain too."""
    x, y = np.log(points.x), points.y
    if len(x) < 4 or len(y) < 5:
        return Turn(
            Unknown("a vertex needs 4 levels above zero and 5 questions"), Unknown(""), 1.0, False
        )
    solver = np.linalg.pinv(np.stack([np.ones_like(x), x, x * x], axis=1))
    a, b, d = solver @ y.mean(axis=0)
    if d >= 0:
        return Turn(
            Unknown("the curve does not bend down"), Unknown("it does not fall"), 1.0, False
        )
    many = draws(len(y)) @ y @ solver.T
    with np.errstate(divide="ignore", invalid="ignore"):
        vertices = np.where(
            many[:, 2] < 0, np.exp(np.clip(-many[:, 1] / (2 * many[:, 2]), -50, 50)), np.inf
        )
    at = -b / (2 * d)
    vertex = percentiles(float(np.exp(np.clip(at, -50, 50))), vertices)
    ends = [_slope(solver, y, float(end)) for end in (x[0], x[-1])]
    p = max(_one_sided(ends[0]), _one_sided(-ends[1]))
    inside = bool(x[0] < at < x[-1])
    if not inside:
        return Turn(vertex, Unknown("the vertex lies outside what was measured"), p, False)
    fall = solver.T @ np.array([0.0, at - x[-1], at * at - x[-1] ** 2])
    drop = contrast(y @ fall, reach_of(fall))
    certain = isinstance(drop, Estimate) and drop.low > 0 and p < 0.05
    return Turn(vertex, drop, p, certain)


def _slope(solver: Floats, y: Floats, at: float) -> Floats:
    """Each question's slope of the quadratic at a log budget."""
    return np.asarray(y @ (solver.T @ np.array([0.0, 1.0, 2 * at])), dtype=np.float64)


def _one_sided(values: Floats) -> float:
    """That the mean is not above zero."""
    p = p_value(values)
    return p / 2 if values.mean() > 0 else 1 - p / 2
