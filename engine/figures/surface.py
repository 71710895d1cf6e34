"""Cells -> named surface -> Plotly figure: one sheet per strategy and model over both budgets.

All arithmetic is in `surface_info`, all of Plotly's words in `surface_figure`. A cell that was not measured stays a
hole. The figure is a plain dict whose numbers are float32, which Plotly reads as they are; nothing here imports Plotly
or knows where cells are stored.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from engine.figures.palette import Identity, Key, identities, mixed

Scale = Literal["even", "log", "true"]
Matrix = tuple[tuple[float | None, ...], ...]
"""Rows follow the reasoning budget, columns the search budget; None where nothing was measured."""
SEARCH = ("search budget", "queries")
THINK = ("reasoning budget", "thinking tokens")
METRICS = {
    "em": "exact match",
    "f1": "token F1",
    "contains": "answer contained",
    "numeric": "numeric equality",
    "evidence_recall": "evidence recall",
    "judge": "judge's score",
    "citation_support": "citation support",
}
CAMERA = {"eye": {"x": -1.2, "y": -1.3, "z": 0.7}, "center": {"x": 0, "y": 0, "z": -0.16}}


class Cell(Protocol):
    """What a cell tells about itself; the rows of the store look like this."""

    @property
    def strategy(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def search(self) -> int: ...
    @property
    def think(self) -> int: ...
    @property
    def n(self) -> int: ...
    @property
    def mean(self) -> float | None: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...


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
class Point:
    """One measured cell."""

    search: int
    think: int
    z: float
    low: float
    high: float
    text: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one strategy with one model reached, on its own levels."""

    key: Key
    look: Identity
    search: tuple[int, ...]
    think: tuple[int, ...]
    z: Matrix
    points: tuple[Point, ...]

    @property
    def flat(self) -> bool:
        """Measured along one budget only: a line, not a surface."""
        return len(self.search) < 2 or len(self.think) < 2


@dataclass(frozen=True, slots=True)
class Mark:
    """A single run on the surface; without gold `z` is None and it is a vertical line."""

    search: int
    think: int
    z: float | None
    label: str
    colour: str
    expected: float | None = None
    """What its cell let expect: the mark hangs from there, else it stands on the floor."""


@dataclass(frozen=True, slots=True)
class SurfaceInfo:
    search: Axis
    think: Axis
    quality: str
    """Title of the vertical axis."""
    top: float
    """Upper end of the vertical axis, which begins at 0."""
    sheets: tuple[Sheet, ...]
    marks: tuple[Mark, ...] = ()
    reason: str = ""
    """Why there is nothing to see, when there is nothing."""


def surface_info(
    cells: Iterable[Cell],
    metric: str = "em",
    looks: Mapping[Key, Identity] | None = None,
    scale: Scale = "even",
    marks: Sequence[Mark] = (),
    offered: Iterable[tuple[int, int]] = (),
) -> SurfaceInfo:
    """Name everything that is drawn. Cells without a mean are left out.

    The axes carry every level that was measured, marked or `offered` (as search, think).
    """
    measured = [c for c in cells if c.mean is not None and math.isfinite(c.mean)]
    looks = looks or identities((c.strategy, c.model) for c in measured)
    groups: dict[Key, list[Cell]] = {}
    for cell in measured:
        groups.setdefault((cell.strategy, cell.model), []).append(cell)
    sheets = tuple(_sheet(key, groups[key], looks[key]) for key in sorted(groups))
    budgets = [(c.search, c.think) for c in measured] + list(offered)
    budgets += [(m.search, m.think) for m in marks]
    return SurfaceInfo(
        search=axis(SEARCH, (search for search, _ in budgets), scale),
        think=axis(THINK, (think for _, think in budgets), scale),
        quality=METRICS.get(metric, metric),
        top=_top([p.high for s in sheets for p in s.points] + [m.z or 0.0 for m in marks]),
        sheets=sheets,
        marks=tuple(marks),
        reason="" if measured else "No cell of this choice has been measured yet.",
    )


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


def _sheet(key: Key, cells: Sequence[Cell], look: Identity) -> Sheet:
    by_budget = {(c.search, c.think): c for c in cells}
    search = tuple(sorted({c.search for c in cells}))
    think = tuple(sorted({c.think for c in cells}))
    z = tuple(tuple(_mean(by_budget.get((s, t))) for s in search) for t in think)
    points = tuple(_point(by_budget[b], look) for b in sorted(by_budget))
    return Sheet(key, look, search, think, z, points)


def _mean(cell: Cell | None) -> float | None:
    return None if cell is None else cell.mean


def _point(cell: Cell, look: Identity) -> Point:
    mean = cell.mean or 0.0
    low = mean if cell.low is None else cell.low
    high = mean if cell.high is None else cell.high
    text = (
        f"<b>{plain(look.label)}</b><br>{cell.search} queries, {cell.think} thinking tokens{_level(cell)}<br>"
        f"{mean:.2f} [{low:.2f}, {high:.2f}], {cell.n} questions"
    )
    return Point(cell.search, cell.think, mean, low, high, text)


def _level(cell: Cell) -> str:
    """Levels stand at what they used; said where a cell is one."""
    effort, mode = getattr(cell, "effort", ""), getattr(cell, "think_mode", "cap")
    return (
        f" used on average at {effort} effort"
        if effort
        else " (advisory)"
        if mode == "advisory"
        else ""
    )


def _top(highs: Sequence[float]) -> float:
    """The next tenth above the highest interval, at least 0.1, at most 1 for shares."""
    highest = max(highs, default=1.0)
    return max(0.1, math.ceil(round(highest * 10, 6)) / 10)


def plain(text: str) -> str:
    """Text that Plotly shows as it is: its labels know a few HTML tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def described(info: SurfaceInfo) -> str:
    """The surface for those who cannot see it: the best cell of every sheet."""
    if info.reason:
        return info.reason
    best = []
    for sheet in info.sheets:
        top = max(sheet.points, key=lambda p: p.z)
        best.append(
            f"{sheet.look.label}: best {top.z:.2f} at {top.search} queries and {top.think} tokens"
        )
    return f"{info.quality} over {info.search.title} and {info.think.title}. " + "; ".join(best)


# ------------------------------------------------------------------------------------------ Plotly's words


def surface_figure(info: SurfaceInfo, camera: Sequence[float] = ()) -> dict[str, Any]:
    """`{"data", "layout"}` for Plotly. Colours of text and grid are left to the page that draws it.

    `camera` is the eye and the centre as six numbers; without it the usual view is taken.
    """
    data: list[dict[str, Any]] = []
    for sheet in info.sheets:
        data += [_line(info, sheet)] if sheet.flat else [_sheet_trace(info, sheet)]
        data.append(_points_trace(info, sheet))
    data += [_mark_trace(info, mark) for mark in info.marks]
    layout = _layout(info)
    if len(camera) == 6:
        layout["scene"]["camera"] = {
            "eye": dict(zip("xyz", camera[:3], strict=True)),
            "center": dict(zip("xyz", camera[3:], strict=True)),
        }
    return {"data": data, "layout": layout}


def _sheet_trace(info: SurfaceInfo, sheet: Sheet) -> dict[str, Any]:
    texts = {(p.search, p.think): p.text for p in sheet.points}
    colour = sheet.look.colour
    return {
        "type": "surface",
        "x": packed([info.search.at(s) for s in sheet.search]),
        "y": packed([info.think.at(t) for t in sheet.think]),
        "z": packed(sheet.z),
        "text": [[texts.get((s, t), "") for s in sheet.search] for t in sheet.think],
        "hovertemplate": "%{text}<extra></extra>",
        "colorscale": [[0, mixed(colour, "#FFFFFF", 0.55)], [1, mixed(colour, "#000000", 0.05)]],
        "cmin": 0,
        "cmax": info.top,
        "showscale": False,
        "opacity": 0.86,
        "contours": _wires(info),
        "lighting": {"ambient": 0.78, "diffuse": 0.45, "specular": 0.06, "roughness": 0.9},
        "meta": list(sheet.key),
    }


def _wires(info: SurfaceInfo) -> dict[str, Any]:
    """Lines along both budgets, where the stops are evenly spaced; none follow the pointer."""
    wires: dict[str, Any] = {"z": {"highlight": False}}
    for name, axis in (("x", info.search), ("y", info.think)):
        step = 1 / max(1, len(axis.levels) - 1)
        even = all(abs(p - i * step) < 1e-6 for i, p in enumerate(axis.positions))
        line = {"start": 0, "end": 1, "size": step, "color": "rgba(255,255,255,0.55)", "width": 1}
        wires[name] = {"highlight": False, "show": even, **(line if even else {})}
    return wires


def _points_trace(info: SurfaceInfo, sheet: Sheet) -> dict[str, Any]:
    points = sheet.points
    return {
        "type": "scatter3d",
        "mode": "markers",
        "x": packed([info.search.at(p.search) for p in points]),
        "y": packed([info.think.at(p.think) for p in points]),
        "z": packed([p.z for p in points]),
        "text": [p.text for p in points],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "size": 5,
            "color": sheet.look.colour,
            "symbol": sheet.look.symbol,
            "line": {"width": 1, "color": "#FFFFFF"},
        },
        "error_z": {
            "type": "data",
            "symmetric": False,
            "array": packed([p.high - p.z for p in points]),
            "arrayminus": packed([p.z - p.low for p in points]),
            "color": sheet.look.colour,
            "thickness": 2,
            "width": 3,
        },
        "meta": list(sheet.key),
    }


def _line(info: SurfaceInfo, sheet: Sheet) -> dict[str, Any]:
    return {
        "type": "scatter3d",
        "mode": "lines",
        "x": packed([info.search.at(p.search) for p in sheet.points]),
        "y": packed([info.think.at(p.think) for p in sheet.points]),
        "z": packed([p.z for p in sheet.points]),
        "line": {"width": 6, "color": sheet.look.colour},
        "hoverinfo": "skip",
        "meta": list(sheet.key),
    }


def _mark_trace(info: SurfaceInfo, mark: Mark) -> dict[str, Any]:
    known = mark.z is not None
    floor = mark.expected if known and mark.expected is not None else 0.0
    zs = [floor, info.top if mark.z is None else mark.z]
    return {
        "type": "scatter3d",
        "mode": "lines+markers",
        "x": packed([info.search.at(mark.search)] * 2),
        "y": packed([info.think.at(mark.think)] * 2),
        "z": packed(zs),
        "text": [plain(mark.label)] * 2,
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"width": 4, "color": mark.colour, "dash": "solid" if known else "dash"},
        "marker": {"size": [0, 9 if known else 0], "color": mark.colour, "symbol": "diamond"},
    }


def _layout(info: SurfaceInfo) -> dict[str, Any]:
    scene: dict[str, Any] = {
        "xaxis": _axis_layout(info.search),
        "yaxis": _axis_layout(info.think),
        "zaxis": {
            "title": {"text": plain(info.quality)},
            "range": [0, info.top],
            "tickformat": ".1f",
        },
        "aspectmode": "manual",
        "aspectratio": {"x": 1.15, "y": 1.15, "z": 0.75},
        "camera": CAMERA,
        "dragmode": "turntable",
        "uirevision": "kept",
    }
    return {
        "scene": scene,
        "margin": {"l": 0, "r": 0, "t": 0, "b": 0},
        "showlegend": False,
        "uirevision": "kept",
    }


def _axis_layout(axis: Axis) -> dict[str, Any]:
    return {
        "title": {"text": axis.title},
        "range": [-0.04, 1.04],
        "tickvals": list(axis.positions),
        "ticktext": [str(level) for level in axis.levels],
    }


def packed(values: Sequence[float] | Matrix) -> dict[str, Any]:
    """Numbers as float32 in the form Plotly unpacks itself; a missing one is not a number."""
    array = np.array(values, dtype="<f4")
    shape = {"shape": ", ".join(map(str, array.shape))} if array.ndim > 1 else {}
    return {"dtype": "f4", "bdata": base64.b64encode(array.tobytes()).decode(), **shape}
