"""A surface between its cells: where a line of equal spend or equal quality crosses the grid, and what lies there.

Between two measured neighbours everything is straight in ln(1 + budget), so a point on an edge is a weighted mean
of two cells and has an interval of its own, paired by question. A missing cell breaks the line; nothing lies outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1, log1p

import numpy as np

from engine.analysis.panel import Floats, Panel

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Point:
    """Between two neighbouring cells, or on one (both the same)."""

    search: float
    think: float
    one: Place
    two: Place
    share: float
    """Of the second cell."""

    @property
    def measured(self) -> bool:
        return self.one == self.two


def crossings(values: Floats, panel: Panel, level: float) -> tuple[Point, ...]:
    """Where the values cross a level: from the most thinking to the most searching."""
    points: dict[tuple[float, float], Point] = {}
    rows, columns = values.shape
    for i in range(rows):
        for j in range(columns):
            for u, v in ((i + 1, j), (i, j + 1)):
                if u < rows and v < columns:
                    point = _crossing(values, panel, (i, j), (u, v), level)
                    if point is not None:
                        points.setdefault((round(point.search, 9), round(point.think, 9)), point)
    if not points and values.shape == (1, 1) and values[0, 0] == level:
        return (cell_point(panel, (0, 0)),)
    return tuple(sorted(points.values(), key=lambda p: (p.search, -p.think)))


def _crossing(values: Floats, panel: Panel, one: Place, two: Place, level: float) -> Point | None:
    a, b = float(values[one]), float(values[two])
    if not (np.isfinite(a) and np.isfinite(b)) or (a - level) * (b - level) > 0:
        return None
    if a == level:
        return cell_point(panel, one)
    if b == level:
        return cell_point(panel, two)
    share = (level - a) / (b - a)
    return Point(
        _between(panel.search[one[0]], panel.search[two[0]], share),
        _between(panel.think[one[1]], panel.think[two[1]], share),
        one,
        two,
        share,
    )


def cell_point(panel: Panel, place: Place) -> Point:
    return Point(panel.search[place[0]], panel.think[place[1]], place, place, 0.0)


def _between(a: int, b: int, share: float) -> float:
    return float(a) if a == b else expm1((1 - share) * log1p(a) + share * log1p(b))


def at(values: Floats, point: Point) -> Floats:
    """What the values (… x search x think) are at a point."""
    first, second = values[..., point.one[0], point.one[1]], values[..., point.two[0], point.two[1]]
    if point.measured:
        return first
    return np.asarray((1 - point.share) * first + point.share * second, dtype=np.float64)
