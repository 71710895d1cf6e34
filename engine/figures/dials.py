"""What every stop of the two dials reads, worked out beforehand, so that dragging needs no server and no arithmetic.

The 2D map is these stops laid out in rows and columns, so surface, dials and map can never disagree. Measured cells
only: a stop where nothing was measured is None, never a guess.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.figures.amounts import money, span
from engine.figures.palette import Identity, Key
from engine.figures.surface import Axis, Cell
from engine.strategies import knobs_of

_STRONGEST = 62
"""Per cent; text stays readable on it on the white and on the dark page."""


class Priced(Cell, Protocol):
    """A cell that also tells what it took, as means per run; None where unknown."""

    @property
    def search_used(self) -> float | None: ...
    @property
    def think_used(self) -> float | None: ...
    @property
    def cut_off(self) -> float | None: ...
    @property
    def cost(self) -> float | None: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def tokens(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Stop:
    """One cell in words."""

    z: float
    tint: int
    """Per cent of the identity's colour behind the cell on the map."""
    quality: str
    interval: str
    n: str
    spent: str
    """Tokens, cost and seconds of a mean run."""
    used: str
    """How much of both budgets a mean run used."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All stops of one strategy and model: `stops[think][search]`, None where nothing was measured."""

    key: Key
    look: Identity
    stops: tuple[tuple[Stop | None, ...], ...]


@dataclass(frozen=True, slots=True)
class DialsInfo:
    search: Axis
    think: Axis
    quality: str
    top: float
    readings: tuple[Reading, ...]


class Placed(Priced, Protocol):
    """A cell that also tells where it was measured."""

    @property
    def sweep(self) -> str: ...
    @property
    def index(self) -> str: ...
    @property
    def knobs(self) -> Mapping[str, Any]: ...
    @property
    def search_mode(self) -> str: ...
    @property
    def think_mode(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Forecast:
    """Which of the readings says what the next run may expect, or why none does."""

    key: Key
    reach: int
    """The most queries the strategy can use; dials beyond mean this many."""
    source: str
    refusal: str = ""


def forecast(
    cells: Sequence[Placed],
    key: Key,
    index: str | None,
    knobs: Mapping[str, Any] | None = None,
    doses: Collection[str] = (),
) -> Forecast:
    """What a run of this strategy and model over this index can be compared with; `doses` are axes to be spent."""
    name, model = key[0].replace("_", " "), key[1]
    reach = knobs_of(key[0], knobs).most_searches
    if not cells:
        return Forecast(key, reach, "", "No forecast: nothing has been measured yet.")
    source = f"the sweep {cells[0].sweep}"
    own = [cell for cell in cells if (cell.strategy, cell.model) == key]
    indexes = sorted({cell.index for cell in own} - {""})
    refusal = ""
    if not own:
        refusal = f"No forecast: {source} did not measure {name} with {model}."
    elif indexes and index not in indexes and reach:
        refusal = (
            f"No forecast for the index {index or 'none'}: {source} searched {' and '.join(indexes)}, "
            "and another corpus says nothing about this one."
        )
    elif knobs_of(key[0], own[0].knobs) != knobs_of(key[0], knobs):
        refusal = f"No forecast with these knobs: {source} ran {name} with others."
    elif any((mode == "force") != (axis in doses) for axis, mode in _modes(own[0])):
        refusal = "No forecast: a budget that is to be spent is not like one that may be spent."
    return Forecast(key, reach, source, refusal)


def _modes(cell: Placed) -> tuple[tuple[str, str], ...]:
    return ("search", cell.search_mode), ("think", cell.think_mode)


def dials_info(
    cells: Iterable[Priced],
    looks: Mapping[Key, Identity],
    search: Axis,
    think: Axis,
    quality: str,
    top: float,
) -> DialsInfo:
    """Read-outs on the given axes, one per strategy and model among the cells."""
    groups: dict[Key, dict[tuple[int, int], Priced]] = {}
    for cell in cells:
        groups.setdefault((cell.strategy, cell.model), {})[cell.search, cell.think] = cell
    readings = tuple(
        Reading(key, looks[key], _stops(groups[key], search.levels, think.levels, top))
        for key in sorted(groups)
    )
    return DialsInfo(search, think, quality, top, readings)


def _stops(
    cells: Mapping[tuple[int, int], Priced],
    search: Sequence[int],
    think: Sequence[int],
    top: float,
) -> tuple[tuple[Stop | None, ...], ...]:
    return tuple(tuple(_stop(cells.get((s, t)), top) for s in search) for t in think)


def _stop(cell: Priced | None, top: float) -> Stop | None:
    if cell is None or cell.mean is None:
        return None
    return Stop(
        z=cell.mean,
        tint=round(_STRONGEST * min(1.0, cell.mean / top)),
        quality=f"{cell.mean:.2f}",
        interval="" if cell.low is None or cell.high is None else f"{cell.low:.2f}–{cell.high:.2f}",
        n=f"{cell.n:,}",
        spent=" · ".join(_spent(cell)) or "unknown",
        used=_used(cell),
    )


def _spent(cell: Priced) -> list[str]:
    told = []
    if cell.tokens is not None:
        told.append(f"{cell.tokens:,.0f} tokens")
    if cell.cost is not None:
        told.append(money(cell.cost))
    if cell.seconds is not None:
        told.append(span(cell.seconds))
    return told


def _used(cell: Priced) -> str:
    told = []
    if cell.search_used is not None:
        told.append(f"{cell.search_used:.1f} of {cell.search} queries")
    if cell.think_used is not None:
        effort = getattr(cell, "effort", "")
        of = f"at {effort} effort" if effort else f"of {cell.think}"
        told.append(f"{cell.think_used:.0f} {of} thinking tokens")
    if cell.cut_off:
        told.append(f"{cell.cut_off:.0%} cut off")
    return ", ".join(told)
