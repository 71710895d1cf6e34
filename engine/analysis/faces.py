"""Lines of one value on a grid of cells, face by face: where four neighbours are measured, and nowhere else.

Along an edge everything is straight in ln(1 + budget), as in `grid`. A face with a missing corner has no line.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import expm1, isfinite, log1p

from engine.analysis.panel import Floats

Budgets = tuple[float, float]
"""Search, think."""


def contour(
    values: Floats, search: Sequence[int], think: Sequence[int], level: float
) -> list[tuple[Budgets, Budgets]]:
    """The pieces of the line; values are search x think, NaN where nothing was measured.

    contour([[0, 0], [2, 2]], (0, 1), (0, 3), 1) -> [((0.41, 0.0), (0.41, 3.0))]
    """
    pieces = []
    for i in range(len(search) - 1):
        for j in range(len(think) - 1):
            corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)]
            heights = [float(values[c]) for c in corners]
            if not all(map(isfinite, heights)):
                continue
            budgets = [(search[a], think[b]) for a, b in corners]
            pieces += _pieces(budgets, heights, level)
    return pieces


def _pieces(
    corners: Sequence[tuple[int, int]], heights: Sequence[float], level: float
) -> list[tuple[Budgets, Budgets]]:
    """The pieces within one face, whose corners go round."""
    found: list[Budgets] = []
    for k in range(4):
        a, b = heights[k], heights[(k + 1) % 4]
        if (a < level) != (b < level):
            found.append(_between(corners[k], corners[(k + 1) % 4], (level - a) / (b - a)))
    if len(found) == 4 and (sum(heights) / 4 < level) != (heights[0] < level):
        found = [*found[1:], found[0]]
    return [(found[k], found[k + 1]) for k in range(0, len(found), 2)]


def _between(one: tuple[int, int], two: tuple[int, int], share: float) -> Budgets:
    return _mixed(one[0], two[0], share), _mixed(one[1], two[1], share)


def _mixed(a: int, b: int, share: float) -> float:
    return float(a) if a == b else expm1((1 - share) * log1p(a) + share * log1p(b))
