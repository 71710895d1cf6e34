"""Cells -> named surface: one sheet per strategy and model over both budgets, or over what was used of them.

All arithmetic is here and in `overlays`; `surface_plotly` has Plotly's words. A cell that was not measured stays a
hole. Nothing here knows where cells are stored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence

from engine.analysis import levels
from engine.figures import cell_words
from engine.figures.axes import (
    REQUESTED,
    SEARCH,
    SEARCHED,
    THINK,
    THOUGHT,
    Axis,
    Drawn,
    Quantity,
    Scale,
    axis,
    labelled,
    realised,
    value,
)
from engine.figures.palette import Identity, Key, identities
from engine.figures.sheets import Cell, Mark, Point, Sheet, SurfaceInfo, plain

METRICS = {
    "em": "exact match",
    "f1": "token F1",
    "contains": "answer contained",
    "numeric": "numeric equality",
    "evidence_recall": "evidence recall",
    "judge": "judge's score",
    "citation_support": "citation support",
}


def surface_info(
    cells: Iterable[Cell],
    metric: str = "em",
    looks: Mapping[Key, Identity] | None = None,
    scale: Scale = "even",
    marks: Sequence[Mark] = (),
    offered: Iterable[tuple[int, int]] = (),
    along: tuple[str, str] = (REQUESTED, REQUESTED),
    against: str = "",
    room: tuple[tuple[int, ...], tuple[int, ...]] = ((), ()),
) -> SurfaceInfo:
    """Name everything that is drawn. Cells without a mean are left out.

    The axes carry every level that was measured, marked or `offered` (as search, think), unless `along` names what was
    used instead (keys of SEARCHED and THOUGHT). `against` names what heights are differences from. `room` are further
    levels of the axes; one that some sheet measured stays one to dial.
    """
    measured = [c for c in cells if c.mean is not None and math.isfinite(c.mean)]
    notes = []
    along, unplaced = _along(measured, along)
    notes += [unplaced] if unplaced else []
    looks = looks or identities((c.strategy, c.model) for c in measured)
    groups: dict[Key, list[Cell]] = {}
    for cell in measured:
        groups.setdefault((cell.strategy, cell.model), []).append(cell)
    for key, own in groups.items():
        groups[key], left_out = thinned(own)
        notes += [f"{looks[key].label}: {left_out}"] if left_out else []
    shown = [c for own in groups.values() for c in own]
    budgets = [(c.search, c.think) for c in shown] + list(offered)
    budgets += [(m.search, m.think) for m in marks]
    at = {s for s, _ in budgets}, {t for _, t in budgets}
    room = (_fresh(room[0], at[0]), _fresh(room[1], at[1]))
    search = axis(SEARCH, (*at[0], *room[0]), scale)
    think = axis(THINK, (*at[1], *room[1]), scale)
    x, at_x = _place(shown, SEARCHED.get(along[0]), scale, lambda c: search.at(c.search))
    y, at_y = _place(shown, THOUGHT.get(along[1]), scale, lambda c: think.at(c.think))
    sheets = tuple(
        _sheet(k, groups[k], looks[k], (search, think), (at_x, at_y), bool(against))
        for k in sorted(groups)
    )
    quality = METRICS.get(metric, metric)
    ends = [e for s in sheets for p in s.points for e in (p.low, p.high)]
    return SurfaceInfo(
        search=search,
        think=think,
        quality=f"{quality}, difference from {against}" if against else quality,
        top=_end([*ends, *(m.z or 0.0 for m in marks)]),
        sheets=sheets,
        marks=tuple(marks),
        reason="" if measured else "No cell of this choice has been measured yet.",
        x=x,
        y=y,
        bottom=-_end([-e for e in ends], least=0.0) if against else 0.0,
        signed=bool(against),
        notes=tuple(notes) + _shape(sheets),
        room=room,
    )


def _fresh(wanted: Iterable[int], known: Container[int]) -> tuple[int, ...]:
    return tuple(level for level in wanted if level not in known)


def thinned(cells: Sequence[Cell]) -> tuple[list[Cell], str]:
    """At most MOST_LEVELS of each budget, the ends among them, and what was left out in words."""
    search, think = sorted({c.search for c in cells}), sorted({c.think for c in cells})
    searches, thinks = set(levels.some(search)), set(levels.some(think))
    said = levels.counted((len(searches), len(search)), (len(thinks), len(think)))
    if not said:
        return list(cells), ""
    drawn = [c for c in cells if c.search in searches and c.think in thinks]
    return drawn, f"{said} are drawn; the table and the download have all."


def _along(cells: Sequence[Cell], along: tuple[str, str]) -> tuple[tuple[str, str], str]:
    """What the axes can show: a use that some cell does not know gives way to the request."""
    found, said = [], ""
    for name, offered in zip(along, (SEARCHED, THOUGHT), strict=True):
        quantity = offered.get(name)
        if quantity and any(value(c, quantity) is None for c in cells):
            said = f"The {quantity.title} are unknown for some of these runs: the budgets are shown instead."
            name = REQUESTED
        found.append(name)
    return (found[0], found[1]), said


def _place(
    cells: Sequence[Cell],
    quantity: Quantity | None,
    scale: Scale,
    requested: Callable[[Cell], float],
) -> tuple[Drawn | None, Callable[[Cell], float]]:
    if quantity is None or not cells:
        return None, requested
    known = quantity
    drawn, place = realised(known, [value(c, known) or 0.0 for c in cells], scale)
    return drawn, lambda c: place(value(c, known) or 0.0)


def _sheet(
    key: Key,
    cells: Sequence[Cell],
    look: Identity,
    axes: tuple[Axis, Axis],
    at: tuple[Callable[[Cell], float], Callable[[Cell], float]],
    signed: bool,
) -> Sheet:
    by_budget = {(c.search, c.think): c for c in cells}
    placed = {budget: (at[0](cell), at[1](cell)) for budget, cell in by_budget.items()}
    search = tuple(sorted({s for s, _ in by_budget}))
    think = tuple(sorted({t for _, t in by_budget}))

    def place(s: int, t: int) -> tuple[float, float]:
        return placed.get((s, t), (axes[0].at(s), axes[1].at(t)))

    def height(s: int, t: int) -> float | None:
        return by_budget[s, t].mean if (s, t) in by_budget else None

    return Sheet(
        key,
        look,
        search,
        think,
        x=tuple(tuple(place(s, t)[0] for s in search) for t in think),
        y=tuple(tuple(place(s, t)[1] for s in search) for t in think),
        z=tuple(tuple(height(s, t) for s in search) for t in think),
        points=tuple(_point(by_budget[b], look, placed[b], signed) for b in sorted(by_budget)),
    )


def _point(cell: Cell, look: Identity, at: tuple[float, float], signed: bool) -> Point:
    mean, asked = cell.mean or 0.0, cell_words.questions(cell)
    low, high = (mean if e is None or not math.isfinite(e) else e for e in (cell.low, cell.high))
    lines = [
        f"<b>{plain(look.label)}</b>",
        f"{cell.search} queries, {cell.think} thinking tokens{_level(cell)}",
        f"{cell_words.amount(mean, signed)} ({cell_words.between(low, high, signed)})",
        f"{asked:,} question{'s' * (asked != 1)}",
    ]
    if signed and low <= 0 <= high:
        lines[-2] += ", tied"
    lines += [told] if hasattr(cell, "search_used") and (told := cell_words.used(cell)) else []
    return Point(cell.search, cell.think, *at, mean, low, high, "<br>".join(lines))


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


def _end(reached: Sequence[float], least: float = 0.1) -> float:
    """The next tenth beyond what is reached, at least `least`."""
    highest = max(reached, default=1.0)
    return max(least, math.ceil(round(highest * 10, 6)) / 10)


def _shape(sheets: Sequence[Sheet]) -> tuple[str, ...]:
    """Why there is no surface where cells lie on a line or are one point."""
    if not sheets or not all(sheet.flat for sheet in sheets):
        return ()
    if all(len(sheet.points) == 1 for sheet in sheets):
        return (
            "One pair of budgets was measured: a point. A sweep over more pairs shows the shape.",
        )
    return ("Only one of the budgets was varied: lines, not a surface.",)


def described(info: SurfaceInfo) -> str:
    """The surface for those who cannot see it: the best cell of every sheet."""
    if info.reason:
        return info.reason
    best = []
    for sheet in info.sheets:
        top = max(sheet.points, key=lambda p: p.z)
        best.append(
            f"{sheet.look.label}: best {cell_words.amount(top.z, info.signed)} at {top.search} queries "
            f"and {top.think} tokens"
        )
    x, y = info.x or labelled(info.search), info.y or labelled(info.think)
    return f"{info.quality} over {x.title} and {y.title}. " + "; ".join(best)
