"""What is laid over the sheets of a surface: lines of equal spend, the cheapest path, live runs, a model's word beyond.

A place between cells lies on the sheet: its place and its height are the same mean of the cells around it.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.analysis.allocation import Step
from engine.analysis.estimate import Estimate
from engine.analysis.faces import contour
from engine.figures.amounts import money, span
from engine.figures.axes import nice
from engine.figures.cell_words import amount, between
from engine.figures.palette import Key, mixed
from engine.figures.sheets import Sheet, Stroke, SurfaceInfo, plain

MOST_LINES = 5
Place = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A run that was asked for live; `z` is its score, None without gold."""

    search: int
    think: int
    z: float | None
    text: str


def spends(cells: Iterable[Any], unit: str) -> list[float]:
    """A few round amounts between the cheapest and the dearest cell."""
    known = [v for c in cells if (v := getattr(c, unit)) is not None and v > 0]
    if len(known) < 2 or min(known) == max(known):
        return []
    inside = nice(min(known), max(known), MOST_LINES)
    return [v for v in inside if min(known) < v < max(known)]


def equal_spend(info: SurfaceInfo, cells: Iterable[Any], unit: str) -> tuple[Stroke, ...]:
    """On every sheet the same amounts, so that sheets can be compared along them; the label tells which."""
    held: dict[tuple[Key, int, int], Any] = {
        ((c.strategy, c.model), c.search, c.think): c for c in cells
    }
    amounts = spends(held.values(), unit)
    strokes = []
    for sheet in info.sheets:
        values = np.array(
            [[_known(held.get((sheet.key, s, t)), unit) for t in sheet.think] for s in sheet.search]
        )
        places: list[Place | None] = []
        texts: list[str] = []
        for spend in amounts:
            for piece in contour(values, sheet.search, sheet.think, spend):
                places += [*(on(sheet, *budgets) for budgets in piece), None]
                texts += [plain(f"{sheet.look.label}: {said(spend, unit)} a question")] * 3
        if places:
            told = f"{', '.join(said(v, unit) for v in amounts)} a question"
            colour = mixed(sheet.look.colour, "#000000", 0.45)
            strokes.append(
                _stroke("equal spend", told, colour, places, tuple(texts), key=sheet.key)
            )
    return tuple(strokes)


def _known(cell: Any, unit: str) -> float:
    value = None if cell is None else getattr(cell, unit)
    return math.nan if value is None else float(value)


def said(value: float, unit: str) -> str:
    """500 tokens, $0.002, 3.0 s"""
    if unit == "cost":
        return money(value)
    return span(value) if unit == "seconds" else f"{value:,.0f} {unit}"


def cheapest_path(
    info: SurfaceInfo, key: Key, steps: Sequence[Step], unit: str
) -> tuple[Stroke, ...]:
    """How both budgets grow together when more may be spent, on one sheet."""
    sheet = next((s for s in info.sheets if s.key == key and not s.flat), None)
    if sheet is None:
        return ()
    placed = [(step, at) for step in steps if (at := on(sheet, step.search, step.think))]
    if len(placed) < 2:
        return ()
    label = f"{sheet.look.label}: cheapest path"
    texts = tuple(
        f"<b>{plain(label)}</b><br>{said(s.spend, unit)} a question: {s.search:.3g} queries, "
        f"{s.think:.3g} thinking tokens<br>{amount(s.quality.value)} "
        f"({between(s.quality.low, s.quality.high)}), interpolated"
        for s, _ in placed
    )
    places = [at for _, at in placed]
    dark = mixed(sheet.look.colour, "#000000", 0.55)
    return (_stroke("cheapest path", label, dark, places, texts, key=key),)


def live_runs(info: SurfaceInfo, runs: Sequence[LiveRun], colour: str) -> tuple[Stroke, ...]:
    """Each run where its budgets lie, at its score; without gold a line from bottom to top. One beyond is left out."""
    inside = [r for r in runs if within(info, r.search, r.think)]
    places: list[Place | None] = []
    texts: list[str] = []
    for run in inside:
        x, y = info.search.at(run.search), info.think.at(run.think)
        ends = [info.bottom, info.top] if run.z is None else [run.z]
        places += [*((x, y, z) for z in ends), None]
        texts += [plain(run.text)] * (len(ends) + 1)
    return (_stroke("live runs", "live runs", colour, places, tuple(texts)),) if inside else ()


def further(levels: Sequence[int]) -> int:
    """The level after the last measured one: twice as much."""
    return 2 * max(levels[-1], 1)


def beyond(
    info: SurfaceInfo, key: Key, model: Callable[[float, float], Estimate]
) -> tuple[Stroke, ...]:
    """What a fitted model says one level further on each budget, hung on the last measured cells of a sheet."""
    sheet = next((s for s in info.sheets if s.key == key and not s.flat), None)
    if sheet is None or info.used:
        return ()
    far_s, far_t = further(sheet.search), further(sheet.think)
    edge_s, edge_t = sheet.search[-1], sheet.think[-1]
    lines: list[tuple[tuple[int, int], ...]] = [((edge_s, t), (far_s, t)) for t in sheet.think]
    lines += [((s, edge_t), (s, far_t)) for s in sheet.search]
    lines += [tuple((far_s, t) for t in (*sheet.think, far_t))]
    lines += [tuple((s, far_t) for s in (*sheet.search, far_s))]
    places: list[Place | None] = []
    texts: list[str] = []
    label = plain(sheet.look.label)
    for line in lines:
        for s, t in line:
            said = model(s, t)
            inside = s <= edge_s and t <= edge_t
            here = on(sheet, s, t) if inside else None
            height = here[2] if here else said.value
            places.append((info.search.at(s), info.think.at(t), min(max(height, info.bottom), info.top)))  # fmt: skip
            texts.append(
                f"<b>{label}</b><br>{s} queries, {t} thinking tokens<br>not measured: a fitted model says "
                f"{amount(said.value)} ({between(said.low, said.high)})"
            )
        places.append(None)
        texts.append("")
    return (
        _stroke(
            "beyond the cells",
            f"{sheet.look.label}: fitted",
            sheet.look.colour,
            places,
            tuple(texts),
        ),
    )


def within(info: SurfaceInfo, search: int, think: int) -> bool:
    """Whether a pair of budgets lies between those that were measured."""
    s, t = info.search.levels, info.think.levels
    return bool(s and t) and s[0] <= search <= s[-1] and t[0] <= think <= t[-1]


def on(sheet: Sheet, search: float, think: float) -> Place | None:
    """Where a pair of budgets lies on the sheet; None outside it and beside a missing cell."""
    across, along = _around(sheet.search, search), _around(sheet.think, think)
    if not across or not along:
        return None
    x = y = z = 0.0
    for i, a in along.items():
        for j, b in across.items():
            height = sheet.z[i][j]
            if height is None:
                return None
            x, y, z = x + a * b * sheet.x[i][j], y + a * b * sheet.y[i][j], z + a * b * height
    return x, y, z


def _around(levels: Sequence[int], value: float) -> Mapping[int, float]:
    """The levels on both sides with their weights, straight in ln(1 + budget)."""
    if not levels or not levels[0] - 1e-9 <= value <= levels[-1] + 1e-9:
        return {}
    i = min(bisect_left(levels, value - 1e-9), len(levels) - 1)
    if abs(levels[i] - value) < 1e-9 or i == 0:
        return {i: 1.0}
    low, high = math.log1p(levels[i - 1]), math.log1p(levels[i])
    share = (math.log1p(value) - low) / (high - low)
    return {i - 1: 1 - share, i: share}


def _stroke(
    kind: Any,
    label: str,
    colour: str,
    places: Sequence[Place | None],
    texts: tuple[str, ...] = (),
    **rest: Any,
) -> Stroke:
    x, y, z = (tuple(None if p is None else p[k] for p in places) for k in range(3))
    return Stroke(kind, label, colour, x, y, z, texts or (plain(label),) * len(places), **rest)
