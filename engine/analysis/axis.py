"""One axis of one surface, read whole: its line, whether it rises, which curve it follows, where more stops helping."""

from __future__ import annotations

from dataclasses import dataclass

from engine.analysis.curves import Curves, curves, ordered
from engine.analysis.estimate import Estimate, quality
from engine.analysis.lines import Line, line
from engine.analysis.panel import Axis, Panel, Unknown
from engine.analysis.trend import Trend, Turn, trend, turn


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """What one axis says at one slice."""

    line: Line
    quality: tuple[Estimate, ...]
    """Of each level, with its interval."""
    trend: Trend
    zero: Estimate | None
    """The intercept of level 0, which is on no curve."""
    curves: Curves | Unknown
    turn: Turn | Unknown

    @property
    def caution(self) -> str:
        """Why the shape is shown but nothing is claimed about it, or nothing."""
        return self.line.short


def read(panel: Panel, axis: Axis, at: int | None = None, unit: str = "tokens") -> Read | Unknown:
    """The axis over its requested levels, at a slice of the other budget."""
    found = line(panel, axis, at, unit)
    if isinstance(found, Unknown):
        return found
    each = (quality(found.y[:, k]) for k in range(len(found.levels)))
    cells = tuple(e for e in each if isinstance(e, Estimate))
    points = ordered(found.levels, found.y)
    fitted = points if isinstance(points, Unknown) else curves(points)
    turned = points if isinstance(points, Unknown) else turn(points)
    zero = cells[0] if found.levels[0] == 0 else None
    return Read(found, cells, trend(found.y), zero, fitted, turned)
