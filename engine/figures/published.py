"""Curves of one paper as they are, or scaled to their own best with ours laid over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.analysis.published import Axis, PublishedCurve, over_best
from engine.figures.lines import LinesInfo, Series, shades
from engine.figures.palette import COLOURS, SYMBOLS, Identity, Key
from engine.figures.sheets import Cell


def source_info(some: Sequence[PublishedCurve]) -> LinesInfo:
    """Curves of one source, unit and metric as published."""
    if not some:
        return LinesInfo(
            "", "", (), reason="No curve of at least three budgets is among these figures."
        )
    looks = shades([label(c) for c in some], COLOURS, SYMBOLS)
    series = tuple(Series(label(c), looks[label(c)], c.x, c.y) for c in some)
    above = all(x > 0 for c in some for x in c.x)
    return LinesInfo(some[0].unit.replace("_", " "), some[0].metric, series, log=above)


def overlay_info(
    some: Sequence[PublishedCurve], cells: Sequence[Cell], looks: Mapping[Key, Identity]
) -> LinesInfo:
    """The same scaled to their own best and largest budget, and ours likewise, dotted."""
    if not some:
        return LinesInfo(
            "", "", (), reason="No curve of at least three budgets is among these figures."
        )
    papers = shades([label(c) for c in some], COLOURS, SYMBOLS)
    series = [Series(label(c), papers[label(c)], *c.scaled()) for c in some]
    ours = [
        Series(f"ours: {looks[key].label}", looks[key], *over_best(x, y), kind="interpolated")
        for key, (x, y) in slices(cells, some[0].axis).items()
        if len(x) >= 2
    ]
    drawn = tuple(s for s in (*series, *ours) if s.x)
    return LinesInfo(
        "budget over the curve's own largest", "score over the curve's own best", drawn, log=True
    )


def slices(
    cells: Sequence[Cell], axis: Axis
) -> dict[Key, tuple[tuple[float, ...], tuple[float, ...]]]:
    """Our cells along one budget, the other at its largest: budgets and means by strategy and model."""
    found: dict[Key, tuple[tuple[float, ...], tuple[float, ...]]] = {}
    for key in sorted({(c.strategy, c.model) for c in cells}):
        own = [c for c in cells if (c.strategy, c.model) == key and c.mean is not None]
        most = max((_other(c, axis) for c in own), default=0)
        line = sorted((_own(c, axis), c.mean or 0.0) for c in own if _other(c, axis) == most)
        found[key] = tuple(float(x) for x, _ in line), tuple(y for _, y in line)
    return found


def _own(cell: Cell, axis: Axis) -> int:
    return cell.search if axis == "search" else cell.think


def _other(cell: Cell, axis: Axis) -> int:
    return cell.think if axis == "search" else cell.search


def label(curve: PublishedCurve) -> str:
    return f"{curve.name} · {curve.dataset}"
