"""What every stop of the two dials reads, worked out beforehand, so that dragging needs no server and no arithmetic.

The 2D map is these stops laid out in rows and columns, so surface, dials and map can never disagree. Measured cells
only: a stop where nothing was measured is None, never a guess.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from engine.analysis.allocation import Next
from engine.figures import cell_words
from engine.figures.axes import Axis
from engine.figures.palette import Identity, Key
from engine.figures.sheets import Cell, SurfaceInfo
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
    x: float = 0.0
    """Where the cell stands on the surface, from 0 to 1."""
    y: float = 0.0
    gain: tuple[str, ...] = ()
    """What the next step of each budget adds, and where the next unit goes."""


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
    bottom: float = 0.0
    used: bool = False
    """A cell stands where its mean use is, so that sheets differ in where a pair of budgets lies."""


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


Gains = Mapping[tuple[Key, int, int], tuple[str, ...]]
"""What the next step adds, by strategy and model, search, think."""


def dials_info(cells: Iterable[Priced], info: SurfaceInfo, gains: Gains | None = None) -> DialsInfo:
    """Read-outs on the surface's levels, one per sheet of it."""
    told: dict[tuple[Key, int, int], Priced] = {
        ((c.strategy, c.model), c.search, c.think): c for c in cells
    }
    most = max(info.top, -info.bottom)
    search, think = (
        _without(*pair) for pair in zip((info.search, info.think), info.room, strict=True)
    )
    readings = []
    for sheet in info.sheets:
        places = {(p.search, p.think): (p.x, p.y) for p in sheet.points}

        def stop(
            search: int, think: int, key: Key = sheet.key, at: _Places = places
        ) -> Stop | None:
            cell, place = told.get((key, search, think)), at.get((search, think))
            if cell is None or cell.mean is None or place is None:
                return None
            gain = (gains or {}).get((key, search, think), ())
            return _stop(cell, place, most, info.signed, gain)

        stops = tuple(tuple(stop(s, t) for s in search.levels) for t in think.levels)
        readings.append(Reading(sheet.key, sheet.look, stops))
    return DialsInfo(search, think, info.quality, info.top, tuple(readings), info.bottom, info.used)


def _without(one: Axis, room: Collection[int]) -> Axis:
    """The axis without levels that nobody can dial; the others stand where they stand."""
    kept = [i for i, level in enumerate(one.levels) if level not in room]
    levels, positions = ([values[i] for i in kept] for values in (one.levels, one.positions))
    return Axis(one.title, one.unit, tuple(map(int, levels)), tuple(positions))


def gain_words(found: Next) -> tuple[str, ...]:
    """What the next step of each budget adds, with intervals paired by question, and where the next unit goes."""
    steps = []
    for gain in found.gains:
        to = f"{gain.to} queries" if gain.axis == "search" else f"{gain.to} thinking tokens"
        value = gain.quality
        told = f"{cell_words.amount(value.value, True)} ({cell_words.between(value.low, value.high, True)})"
        steps.append(f"to {to}: {told}")
    return (*steps, f"next unit: {_NEXT[found.word]}") if steps else ()


_NEXT = {
    "search": "search",
    "think": "think",
    "tied": "search and thinking are tied",
    "neither is shown to help": "neither is shown to help",
    "unknown": "cannot be told",
}
_Places = Mapping[tuple[int, int], tuple[float, float]]


def _stop(
    cell: Priced, place: tuple[float, float], most: float, signed: bool, gain: tuple[str, ...]
) -> Stop:
    mean = cell.mean or 0.0
    return Stop(
        z=mean,
        tint=round(_STRONGEST * min(1.0, abs(mean) / most)),
        quality=cell_words.amount(mean, signed),
        interval=cell_words.between(cell.low, cell.high, signed),
        n=f"{cell_words.questions(cell):,}",
        spent=" · ".join(cell_words.spent(cell)) or "unknown",
        used=cell_words.used(cell),
        x=place[0],
        y=place[1],
        gain=gain,
    )
