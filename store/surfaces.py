"""Cells with intervals, from the sums of the summary alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, cast

import duckdb
import numpy as np
import numpy.typing as npt

from engine.analysis.cells import Columns, intervals
from engine.analysis.effort import Used, places
from engine.errors import UnknownName
from engine.types import effort_of
from store.summary import METRICS, STRATA
from store.values import CellRow, Slice

Column = npt.NDArray[Any]
"""Of all cells; masked where a value is unknown."""
_KEYS = "sweep, strategy, model, index_name, config, search, think, search_mode, think_mode"
_NAMES = (
    "sweep", "strategy", "model", "index", "config", "search", "think", "search_mode", "think_mode",
)  # fmt: skip
"""What a cell calls these keys."""
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
    found = db.execute(
        f"""
        SELECT {keys}, {", ".join(sums)}
        FROM summary WHERE metric = ? AND {text} GROUP BY {keys} ORDER BY {keys}
        """,
        [metric, *values],
    ).fetchnumpy()
    names = (*_NAMES, *by, *_SUMS, *_KNOWN)
    columns = cast("Iterable[Column]", found.values())
    return _placed(_rows(dict(zip(names, columns, strict=True)), by, _knobs(db)))


def _knobs(db: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """Of every configuration, each read once: cells are many, configurations few."""
    found = db.execute("SELECT DISTINCT ON (config) config, content FROM configs").fetchall()
    return {config: json.loads(content)["knobs"] for config, content in found}


def _rows(s: Mapping[str, Column], by: Sequence[str], knobs: Mapping[str, Any]) -> list[CellRow]:
    """Column by column: a surface may have many thousand cells."""
    n = s["n"]
    searched, thought = s["search_used"] / n, s["think_used"] / n
    told = intervals(Columns(*(np.asarray(s[name], float) for name in Columns._fields)))
    columns = {name: s[name] for name in _NAMES}
    columns |= dict(zip(("mean", "low", "high"), told, strict=True))
    columns |= {
        "n": n.astype(int),
        "questions": s["questions"].astype(int),
        "cut_off": s["cut_off"] / n,
        "search_used": searched,
        "think_used": thought,
        "tokens": _unless_0(s["tokens"] / n),
        "seconds": _unless_0(s["seconds"] / n),
        "well_formed": _over(s["well_formed"], s["turns"]),
        "search_compliance": _over(searched, s["search"]),
        "think_compliance": _over(thought, s["think"]),
        **{name: s[name] / n for name in ("cost", "rounds", "passages", "generated")},
    }
    lists = {name: column.tolist() for name, column in columns.items()}
    lists["knobs"] = [knobs[config] for config in lists["config"]]
    lists["effort"] = [""] * len(n)
    lists["by"] = list(zip(*(s[name].tolist() for name in by), strict=True)) or [()] * len(n)
    return list(map(CellRow, *(lists[field.name] for field in fields(CellRow))))


def _over(part: Column, whole: Column) -> Column:
    """Unknown where there is nothing to be a part of."""
    return np.ma.masked_where(whole == 0, part) / np.maximum(whole, 1)


def _unless_0(column: Column) -> Column:
    return np.ma.masked_equal(column, 0)


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
