"""Curves with their bands: named series -> Plotly figure, as a plain dict.

A measured part is drawn through, an interpolated one dotted, an extrapolated one dashed. A series looks like its
identity: colour, and marker as the second channel. Nothing is worked out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from engine.figures.palette import Identity

Kind = Literal["measured", "interpolated", "extrapolated"]
DASHES: dict[Kind, str] = {
    "measured": "solid",
    "interpolated": "dot",
    "extrapolated": "dash",
}
BAND_OPACITY = "26"
"""Two hexadecimal digits after the colour."""
HEIGHT_PX, AXIS_PX, LEGEND_LINE_PX = 280, 56, 22


@dataclass(frozen=True, slots=True)
class Series:
    """One curve; `low` and `high` make a band, or bars where it has markers and no line."""

    label: str
    look: Identity
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    text: tuple[str, ...] = ()
    """What each point says when it is pointed at."""
    kind: Kind = "measured"
    line: bool = True
    points: bool = True
    steps: bool = False
    """It stays level until the next point, as a front does."""


@dataclass(frozen=True, slots=True)
class LinesInfo:
    """A chart, or why there is none."""

    x: str
    y: str
    series: tuple[Series, ...]
    log: bool = False
    mark: float | None = None
    """A vertical line at the chosen place."""
    reason: str = ""


def lines_figure(info: LinesInfo) -> dict[str, Any]:
    """The chart; its colours for text and ground are the page's."""
    traces = [trace for one in info.series for trace in _traces(one)]
    shapes = []
    if info.mark is not None:
        line = {"color": "#808080", "width": 1.5, "dash": "dot"}
        shapes = [
            {
                "type": "line",
                "x0": info.mark,
                "x1": info.mark,
                "yref": "paper",
                "y0": 0,
                "y1": 1,
                "line": line,
            }
        ]
    under = AXIS_PX + LEGEND_LINE_PX * len(info.series)
    axis = {"title": {"text": info.x}, "type": "log" if info.log else "linear", "automargin": True}
    return {
        "data": traces,
        "layout": {
            "height": HEIGHT_PX + under,
            "margin": {"l": 8, "r": 8, "t": 8, "b": under},
            "xaxis": axis,
            "yaxis": {"title": {"text": info.y}, "rangemode": "tozero", "automargin": True},
            "legend": {"yref": "container", "y": 0, "yanchor": "bottom", "x": 0, "xanchor": "left"},
            "hovermode": "closest",
            "shapes": shapes,
        },
    }


def _traces(one: Series) -> list[dict[str, Any]]:
    mode = "+".join(filter(None, ("lines" * one.line, "markers" * one.points)))
    main: dict[str, Any] = {
        "type": "scatter",
        "mode": mode or "markers",
        "name": _plain(one.label),
        "x": list(one.x),
        "y": list(one.y),
        "line": {"color": one.look.colour, "dash": DASHES[one.kind], "width": 2},
        "marker": {"color": one.look.colour, "symbol": one.look.symbol, "size": 8},
        "hovertemplate": "%{text}<extra></extra>"
        if one.text
        else "%{x:.4g}: %{y:.3f}<extra></extra>",
    }
    if one.steps:
        main["line"]["shape"] = "hv"
    if one.text:
        main["text"] = [_plain(t) for t in one.text]
    if not one.low:
        return [main]
    if not one.line:
        main["error_y"] = _bars(one)
        return [main]
    band = {
        "type": "scatter",
        "mode": "lines",
        "x": [*one.x, *reversed(one.x)],
        "y": [*one.high, *reversed(one.low)],
        "fill": "toself",
        "fillcolor": one.look.colour + BAND_OPACITY,
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    return [band, main]


def _bars(one: Series) -> dict[str, Any]:
    up = [h - y for y, h in zip(one.y, one.high, strict=True)]
    down = [y - low for y, low in zip(one.y, one.low, strict=True)]
    return {
        "type": "data",
        "array": up,
        "arrayminus": down,
        "color": one.look.colour,
        "thickness": 1,
    }


def _plain(text: str) -> str:
    """Plotly reads a few tags in text; here a name stays a name."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def table_rows(info: LinesInfo) -> list[dict[str, Any]]:
    """The same numbers for a table view: one row a point."""
    return [
        {
            "series": one.label,
            info.x: x,
            info.y: y,
            **({"low": one.low[i], "high": one.high[i]} if one.low else {}),
        }
        for one in info.series
        for i, (x, y) in enumerate(zip(one.x, one.y, strict=True))
    ]


def shades(
    names: Sequence[str], colours: Sequence[str], symbols: Sequence[str]
) -> dict[str, Identity]:
    """Looks for things that are no strategy of ours, such as papers: the same names give the same looks."""
    found = {}
    for place, name in enumerate(sorted(set(names))):
        colour = colours[place % len(colours)]
        symbol = symbols[(place + place // len(colours) + 1) % len(symbols)]
        found[name] = Identity(name, colour, symbol, "◆")
    return found
