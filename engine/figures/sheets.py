"""What a surface consists of: sheets of measured cells, marks of single runs, and strokes laid over them.

Places are from 0 to 1 on both budgets, heights are in the units of the quality. Nothing here is worked out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from engine.figures.axes import Axis, Drawn
from engine.figures.palette import Identity, Key

Matrix = tuple[tuple[float | None, ...], ...]
"""Rows follow the reasoning budget, columns the search budget; None where nothing was measured."""


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
class Point:
    """One measured cell; `x` and `y` are where it stands, from 0 to 1."""

    search: int
    think: int
    x: float
    y: float
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
    x: tuple[tuple[float, ...], ...]
    """Where each cell stands, measured or not: rows follow the reasoning budget."""
    y: tuple[tuple[float, ...], ...]
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
class Stroke:
    """A line or a cloud laid over the sheets; None in `x`, `y` and `z` alike ends a line."""

    kind: Literal["equal spend", "cheapest path", "live runs", "beyond the cells"]
    label: str
    colour: str
    x: tuple[float | None, ...]
    y: tuple[float | None, ...]
    z: tuple[float | None, ...]
    text: tuple[str, ...]
    symbol: str = "circle"
    key: Key | None = None
    """The sheet it lies on: a click on it is a click on the nearest cell there."""


@dataclass(frozen=True, slots=True)
class SurfaceInfo:
    search: Axis
    """The budgets that the dials offer."""
    think: Axis
    quality: str
    """Title of the vertical axis."""
    top: float
    """Upper end of the vertical axis."""
    sheets: tuple[Sheet, ...]
    marks: tuple[Mark, ...] = ()
    reason: str = ""
    """Why there is nothing to see, when there is nothing."""
    x: Drawn | None = None
    """What stands at the axes; None means the budgets."""
    y: Drawn | None = None
    bottom: float = 0.0
    signed: bool = False
    """Heights are differences: 0 is a level of its own."""
    strokes: tuple[Stroke, ...] = ()
    notes: tuple[str, ...] = ()
    """What a reader must know about what is not drawn."""
    room: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())
    """Levels of the axes that were not measured and that the dials do not offer: search, think."""

    @property
    def used(self) -> bool:
        """An axis shows what was used in the place of what was requested."""
        return self.x is not None or self.y is not None


def plain(text: str) -> str:
    """Text that Plotly shows as it is: its labels know a few HTML tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
