"""A named surface in Plotly's words, as a plain dict whose numbers are float32, which Plotly reads as they are.

Measured cells are solid marks with their intervals, the sheet between them is lighter, what a model says beyond them
is hollow and dashed. Colours of text and grid are left to the page that draws it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from engine.figures.axes import Drawn, labelled
from engine.figures.palette import mixed
from engine.figures.sheets import Mark, Matrix, Sheet, Stroke, SurfaceInfo, plain

CAMERA = {"eye": {"x": -1.2, "y": -1.3, "z": 0.7}, "center": {"x": 0, "y": 0, "z": -0.16}}
FOOT = 0.07
"""Of the height: left free below, so that the number at the bottom does not stand on that of another axis."""
LIFT = 0.008
"""How far lines lie above the sheet that they belong to, of the height: else they would flicker through it."""
SHOWN = "%{text}<extra></extra>"


def surface_figure(info: SurfaceInfo, camera: Sequence[float] = ()) -> dict[str, Any]:
    """`{"data", "layout"}`; `camera` is eye and centre as six numbers, without it the usual view is taken."""
    data: list[dict[str, Any]] = []
    for sheet in info.sheets:
        data += [_line(sheet)] if sheet.flat else [_face(info, sheet), _wires(info, sheet)]
        data.append(_cells(sheet))
    data += [_zero()] if info.signed and info.sheets else []
    data += [_STROKES[stroke.kind](info, stroke) for stroke in info.strokes]
    data += [_mark(info, mark) for mark in info.marks]
    layout = _layout(info)
    if len(camera) == 6:
        layout["scene"]["camera"] = {
            "eye": dict(zip("xyz", camera[:3], strict=True)),
            "center": dict(zip("xyz", camera[3:], strict=True)),
        }
    return {"data": data, "layout": layout}


# --------------------------------------------------------------------------------------------- sheets


def _face(info: SurfaceInfo, sheet: Sheet) -> dict[str, Any]:
    texts = {(p.search, p.think): p.text for p in sheet.points}
    colour = sheet.look.colour
    return {
        "type": "surface",
        "name": plain(sheet.look.label),
        "x": packed(sheet.x),
        "y": packed(sheet.y),
        "z": packed(sheet.z),
        "text": [[texts.get((s, t), "") for s in sheet.search] for t in sheet.think],
        "hovertemplate": SHOWN,
        "colorscale": [[0, mixed(colour, "#FFFFFF", 0.6)], [1, mixed(colour, "#FFFFFF", 0.1)]],
        "cmin": info.bottom,
        "cmax": info.top,
        "showscale": False,
        "opacity": 0.8,
        "contours": {axis: {"highlight": False} for axis in "xyz"},
        "lighting": {"ambient": 0.78, "diffuse": 0.45, "specular": 0.06, "roughness": 0.9},
        "meta": list(sheet.key),
    }


def _wires(info: SurfaceInfo, sheet: Sheet) -> dict[str, Any]:
    """Thin lines between neighbouring measured cells, along both budgets."""
    rows, columns = len(sheet.think), len(sheet.search)
    lines = [[(i, j) for j in range(columns)] for i in range(rows)]
    lines += [[(i, j) for i in range(rows)] for j in range(columns)]
    places: list[tuple[int, int] | None] = [p for line in lines for p in (*line, None)]
    lift = LIFT / 2 * (info.top - info.bottom)

    def taken(values: Matrix | tuple[tuple[float, ...], ...], up: float = 0.0) -> dict[str, Any]:
        read = (None if p is None else values[p[0]][p[1]] for p in places)
        return packed([None if v is None else v + up for v in read])

    return {
        "type": "scatter3d",
        "mode": "lines",
        "x": taken(sheet.x),
        "y": taken(sheet.y),
        "z": taken(sheet.z, lift),
        "line": {"width": 1.5, "color": mixed(sheet.look.colour, "#FFFFFF", 0.45)},
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _cells(sheet: Sheet) -> dict[str, Any]:
    """The measured cells with their intervals."""
    points, look = sheet.points, sheet.look
    return {
        "type": "scatter3d",
        "mode": "markers",
        "name": plain(look.label),
        "x": packed([p.x for p in points]),
        "y": packed([p.y for p in points]),
        "z": packed([p.z for p in points]),
        "text": [p.text for p in points],
        "hovertemplate": SHOWN,
        "marker": {
            "size": 5,
            "color": look.colour,
            "symbol": look.symbol,
            "line": {
                "width": 1,
                "color": look.colour if look.symbol.endswith("-open") else "#FFFFFF",
            },
        },
        "error_z": {
            "type": "data",
            "symmetric": False,
            "array": packed([p.high - p.z for p in points]),
            "arrayminus": packed([p.z - p.low for p in points]),
            "color": look.colour,
            "thickness": 2,
            "width": 3,
        },
        "meta": list(sheet.key),
    }


def _line(sheet: Sheet) -> dict[str, Any]:
    points = sheet.points
    return {
        "type": "scatter3d",
        "mode": "lines",
        "x": packed([p.x for p in points]),
        "y": packed([p.y for p in points]),
        "z": packed([p.z for p in points]),
        "line": {"width": 6, "color": mixed(sheet.look.colour, "#FFFFFF", 0.35)},
        "hoverinfo": "skip",
        "showlegend": False,
        "meta": list(sheet.key),
    }


def _zero() -> dict[str, Any]:
    """The level at which there is no difference."""
    return {
        "type": "surface",
        "x": [-0.04, 1.04],
        "y": [-0.04, 1.04],
        "z": [[0, 0], [0, 0]],
        "colorscale": [[0, "#808080"], [1, "#808080"]],
        "showscale": False,
        "opacity": 0.25,
        "hoverinfo": "skip",
        "contours": {axis: {"highlight": False} for axis in "xyz"},
    }


# ----------------------------------------------------------------------------- what is laid over them


def _over(info: SurfaceInfo, stroke: Stroke, **rest: Any) -> dict[str, Any]:
    lift = LIFT * (info.top - info.bottom)
    return {
        "type": "scatter3d",
        "name": plain(stroke.label),
        "x": packed(stroke.x),
        "y": packed(stroke.y),
        "z": packed([None if z is None else z + lift for z in stroke.z]),
        "text": list(stroke.text),
        "hovertemplate": SHOWN,
        **({"meta": list(stroke.key)} if stroke.key else {}),
        **rest,
    }


def _equal_spend(info: SurfaceInfo, stroke: Stroke) -> dict[str, Any]:
    line = {"width": 4, "color": stroke.colour}
    return _over(info, stroke, mode="lines", line=line, showlegend=False)


def _cheapest_path(info: SurfaceInfo, stroke: Stroke) -> dict[str, Any]:
    marker = {"size": 3, "color": stroke.colour, "symbol": stroke.symbol}
    line = {"width": 7, "color": stroke.colour}
    return _over(info, stroke, mode="lines+markers", line=line, marker=marker)


def _live_runs(info: SurfaceInfo, stroke: Stroke) -> dict[str, Any]:
    marker = {"size": 3.5, "color": stroke.colour, "symbol": stroke.symbol, "opacity": 0.8}
    return _over(info, stroke, mode="lines+markers", marker=marker, line={"color": stroke.colour})


def _beyond(info: SurfaceInfo, stroke: Stroke) -> dict[str, Any]:
    marker = {"size": 4, "color": stroke.colour, "symbol": "circle-open"}
    line = {"width": 3, "color": stroke.colour, "dash": "dash"}
    return _over(info, stroke, mode="lines+markers", line=line, marker=marker)


_STROKES: dict[str, Callable[[SurfaceInfo, Stroke], dict[str, Any]]] = {
    "equal spend": _equal_spend,
    "cheapest path": _cheapest_path,
    "live runs": _live_runs,
    "beyond the cells": _beyond,
}


def _mark(info: SurfaceInfo, mark: Mark) -> dict[str, Any]:
    known = mark.z is not None
    floor = mark.expected if known and mark.expected is not None else 0.0
    zs = [floor, info.top if mark.z is None else mark.z]
    return {
        "type": "scatter3d",
        "mode": "lines+markers",
        "name": plain(mark.label),
        "x": packed([info.search.at(mark.search)] * 2),
        "y": packed([info.think.at(mark.think)] * 2),
        "z": packed(zs),
        "text": [plain(mark.label)] * 2,
        "hovertemplate": SHOWN,
        "line": {"width": 4, "color": mark.colour, "dash": "solid" if known else "dash"},
        "marker": {"size": [0, 9 if known else 0], "color": mark.colour, "symbol": "diamond"},
    }


# --------------------------------------------------------------------------------------------- layout


def _layout(info: SurfaceInfo) -> dict[str, Any]:
    x, y = info.x or labelled(info.search), info.y or labelled(info.think)
    scene: dict[str, Any] = {
        "xaxis": _axis(x),
        "yaxis": _axis(y),
        "zaxis": {
            "title": {"text": plain(info.quality)},
            "range": [info.bottom - FOOT * (info.top - info.bottom), info.top],
            "tickformat": "+.2~f" if info.signed else ".2~f",
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
        "meta": {"units": [x.unit, y.unit, "difference" if info.signed else plain(info.quality)]},
    }


def _axis(drawn: Drawn) -> dict[str, Any]:
    return {
        "title": {"text": drawn.title},
        "range": [-0.04, 1.04],
        "tickvals": [place for place, _ in drawn.ticks],
        "ticktext": [label for _, label in drawn.ticks],
    }


def packed(
    values: Sequence[float | None] | Matrix | tuple[tuple[float, ...], ...],
) -> dict[str, Any]:
    """Numbers as float32 in the form Plotly unpacks itself; a missing one is not a number."""
    array = np.array(values, dtype="<f4")
    shape = {"shape": ", ".join(map(str, array.shape))} if array.ndim > 1 else {}
    return {"dtype": "f4", "bdata": base64.b64encode(array.tobytes()).decode(), **shape}
