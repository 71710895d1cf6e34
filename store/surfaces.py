"""Cells with intervals, from the sums of the summary alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import duckdb

from engine.analysis.cells import Sums, interval
from engine.analysis.effort import Used, places
from engine.errors import UnknownName
from engine.types import effort_of
from store.summary import METRICS, STRATA
from store.values import CellRow, Slice

_KEYS = "sweep, strategy, model, index_name, config, search, think, search_mode, think_mode"
_SUMS = (
    "questions", "n", "y", "yy", "ny", "nn", "cut_off", "search_used", "think_used", "tokens", "seconds",
)  # fmt: skip
_SCORES = ("y", "yy", "ny")
"""Sums of scores: exact, whatever the order."""
_KNOWN = ("cost", "turns", "well_formed", "rounds", "passages", "generated")
"""Sums that are unknown where one of them is."""


def cells(
    db: duckdb.DuckDBPyConnection, where: Slice, metric: str, by: Sequence[str] = ()
) -> list[CellRow]:
    """Cells with clustered intervals; raises UnknownName for a metric or stratum."""
    if metric not in METRICS:
        raise UnknownName("metric", metric, METRICS)
    for name in by:
        if name not in STRATA:
            raise UnknownName("stratum", name, STRATA)
    keys = ", ".join([_KEYS, *by])
    text, values = where.where()
    sums = [f"{'fsum' if name in _SCORES else 'sum'}({name})" for name in _SUMS]
    sums += [f"CASE WHEN count({name}) = count(*) THEN sum({name}) END" for name in _KNOWN]
    rows = db.execute(
        f"""
        SELECT {keys}, {", ".join(sums)}
        FROM summary WHERE metric = ? AND {text} GROUP BY {keys} ORDER BY {keys}
        """,
        [metric, *values],
    ).fetchall()
    knobs = _knobs(db)
    return _placed([_cell(row, len(by), knobs) for row in rows])


def _knobs(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Of every configuration, each read once: cells are many, configurations few."""
    found = db.execute("SELECT DISTINCT ON (config) config, content FROM configs").fetchall()
    return {config: json.loads(content)["knobs"] for config, content in found}


def _cell(row: tuple[Any, ...], strata: int, knobs: Mapping[str, Any]) -> CellRow:
    keys, by, values = row[:9], row[9 : 9 + strata], row[9 + strata :]
    s = dict(zip((*_SUMS, *_KNOWN), values, strict=True))
    n, search, think = int(s["n"]), keys[5], keys[6]
    searched, thought = s["search_used"] / n, s["think_used"] / n
    sums = Sums(int(s["questions"]), n, s["y"], s["yy"], s["ny"], s["nn"])
    found = interval(sums)
    assert found is not None
    return CellRow(
        sweep=keys[0],
        strategy=keys[1],
        model=keys[2],
        index=keys[3],
        config=keys[4],
        knobs=knobs[keys[4]],
        search=search,
        think=think,
        search_mode=keys[7],
        think_mode=keys[8],
        by=tuple(by),
        n=n,
        questions=sums.questions,
        mean=found.mean,
        low=found.low,
        high=found.high,
        cut_off=float(s["cut_off"]) / n,
        search_used=searched,
        think_used=thought,
        tokens=float(s["tokens"]) / n or None,
        seconds=s["seconds"] / n or None,
        cost=_mean(s["cost"], n),
        well_formed=_share(s["turns"], s["well_formed"]),
        search_compliance=searched / search if search else None,
        think_compliance=thought / think if think else None,
        rounds=_mean(s["rounds"], n),
        passages=_mean(s["passages"], n),
        generated=_mean(s["generated"], n),
    )


def _mean(total: float | None, n: int) -> float | None:
    return None if total is None else float(total) / n


def _placed(cells: list[CellRow]) -> list[CellRow]:
    """Cells of effort levels at the tokens that the levels used; the others as they are."""
    found = places(
        Used(_surface(c), c.think, c.n, c.think_used * c.n)
        for c in cells
        if c.think_mode == "effort"
    )
    if not found:
        return cells
    return [
        replace(
            c,
            think=found[_surface(c), c.think],
            effort=effort_of(c.think, c.think_mode),
            think_compliance=None,
        )
        if c.think_mode == "effort"
        else c
        for c in cells
    ]


def _surface(cell: CellRow) -> tuple[str, ...]:
    return (cell.sweep, cell.strategy, cell.model, cell.index, cell.config, cell.search_mode)


def _share(turns: int | None, well_formed: int | None) -> float | None:
    return None if not turns or well_formed is None else float(well_formed) / float(turns)
