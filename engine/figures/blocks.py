"""What a page shows, as blocks that need no store: named infos and words, enough to draw the page again anywhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from engine.figures.dials import DialsInfo
from engine.figures.held import HeldRuns
from engine.figures.lanes import LanesInfo
from engine.figures.lanes_wire import wire
from engine.figures.lines import LinesInfo, lines_figure, table_rows
from engine.figures.sheets import SurfaceInfo
from engine.figures.surface import described
from engine.figures.surface_plotly import surface_figure

Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Words:
    """A heading, a paragraph or a remark; always text."""

    text: str
    style: Literal["heading", "text", "quiet"] = "text"
    kind: Literal["words"] = "words"


@dataclass(frozen=True, slots=True)
class Numbers:
    """A few figures, each under its name."""

    items: tuple[tuple[str, str], ...]
    kind: Literal["numbers"] = "numbers"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under their columns; folded away they stand under their title."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    folded: bool = True
    kind: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves, with their numbers behind them."""

    info: LinesInfo
    alt: str
    kind: Literal["chart"] = "chart"


@dataclass(frozen=True, slots=True)
class Surface:
    """The surface with its dials, its map and the runs behind its cells."""

    info: SurfaceInfo
    dials: DialsInfo
    at: tuple[int, int]
    """Where the dials stand: search, think."""
    camera: tuple[float, ...] = ()
    """Eye and centre as six numbers; empty for the usual view."""
    runs: HeldRuns | None = None
    signs: tuple[tuple[str, str], ...] = ()
    """What the signs in the picture mean: sign and words."""
    cell: tuple[str, str, int, int] | tuple[()] = ()
    """The cell that is open: strategy, model, search, think."""
    kind: Literal["surface"] = "surface"


@dataclass(frozen=True, slots=True)
class Trace:
    """One run, step by step: the only one of `runs`."""

    title: str
    runs: HeldRuns
    kind: Literal["trace"] = "trace"


@dataclass(frozen=True, slots=True)
class Lanes:
    """Runs side by side, with the bodies of all their steps."""

    info: LanesInfo
    folded: bool = True
    open: tuple[str, ...] = ()
    kind: Literal["lanes"] = "lanes"


Block = Words | Numbers | Table | Chart | Surface | Trace | Lanes


def drawn(block: Block) -> dict[str, Any]:
    """A block as the browser draws it: plain values, figures in Plotly's words."""
    match block:
        case Chart(info, alt):
            rows = table_rows(info)
            columns = list(rows[0]) if rows else []
            return {
                "kind": "chart",
                "figure": lines_figure(info),
                "alt": alt,
                "reason": info.reason,
                "columns": columns,
                "rows": [list(row.values()) for row in rows],
            }
        case Surface(info, dials, at, camera, runs, signs, cell):
            return {
                "kind": "surface",
                "figure": surface_figure(info, camera),
                "dials": asdict(dials),
                "at": {"search": at[0], "think": at[1]},
                "alt": described(info),
                "reason": info.reason,
                "runs": None if runs is None else asdict(runs),
                "key": [list(pair) for pair in signs],
                "cell": {"key": list(cell[:2]), "search": cell[2], "think": cell[3]}
                if cell
                else None,
            }
        case Lanes(info, folded, opened):
            return {"kind": "lanes", **wire(info), "folded": folded, "open": list(opened)}
        case _:
            return asdict(block)
