"""Scores question by question, for analyses that pair cells: read from the runs, so not for every click."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from engine.analysis.effort import Used, places
from engine.analysis.panel import Axis, Group, Panel, Row, panels
from engine.errors import BudgetscapeError, UnknownName
from engine.strategies import knobs_of
from store.history import Slice, Store
from store.summary import METRICS


def score_rows(store: Store, where: Slice, metric: str = "em") -> list[Row]:
    """One row a question and cell, its runs added up; raises UnknownName for a metric.

    Runs without this score are left out, as they are from a surface.
    """
    if metric not in METRICS:
        raise UnknownName("metric", metric, METRICS)
    text, values = where.where()
    frame = store.frame(
        f"""
        SELECT strategy, model, index_name, config, search_mode, think_mode,
               (SELECT any_value(content) FROM configs c WHERE c.config = r.config) AS content,
               question_id, search, think, count(*) AS n, sum("{metric}") AS y,
               {_told("input_tokens + completion_tokens")}::DOUBLE AS tokens,
               {_told("seconds")} AS seconds,
               CASE WHEN count(cost) = count(*) THEN sum(cost) END AS cost,
               sum(search_used)::DOUBLE AS search_used, sum(think_used)::DOUBLE AS think_used,
               CASE WHEN count(evidence_recall) = count(*) THEN sum(evidence_recall) END AS recall,
               any_value(hops) AS hops, any_value(operations) AS operations,
               any_value(phrasing) AS phrasing
        FROM runs r WHERE "{metric}" IS NOT NULL AND {text} GROUP BY ALL
        """,
        values,
    )
    rows = [_row(r) for r in frame.astype(object).where(frame.notna(), None).to_dict("records")]
    return _placed(rows)


def _told(amount: str) -> str:
    """A sum that is unknown where one run tells nothing: whatever was made took tokens and time."""
    return f"CASE WHEN min({amount}) > 0 THEN sum({amount}) END"


def score_panels(
    store: Store,
    sweeps: Sequence[str],
    metric: str = "em",
    where: Sequence[tuple[str, str]] = (),
) -> tuple[Panel, ...]:
    """The surfaces of some sweeps question by question; `where` may name strategies and models."""
    wanted = {k: tuple(v for key, v in where if key == k) or None for k in ("strategy", "model")}
    chosen = Slice(sweeps=tuple(sweeps), strategies=wanted["strategy"], models=wanted["model"])
    return panels(score_rows(store, chosen, metric))


def _placed(rows: list[Row]) -> list[Row]:
    """Effort levels at the thinking tokens that they used on average, as on a surface; the others as they are."""
    levels = [r for r in rows if r.group.think_mode == "effort"]
    found = places(Used(r.group, r.think, r.n, r.think_used or 0.0) for r in levels)
    return [
        r._replace(think=found[r.group, r.think]) if r.group.think_mode == "effort" else r
        for r in rows
    ]


@lru_cache(maxsize=1024)
def _reach(strategy: str, content: str) -> tuple[int | None, tuple[Axis, ...]]:
    """The largest search budget that these knobs can use, and what they can be made to spend.

    Unknown for runs of a strategy that is not known here.
    """
    try:
        knobs = knobs_of(strategy, json.loads(content).get("knobs"))
    except BudgetscapeError:
        return None, ()
    return knobs.most_searches, tuple(sorted(knobs.forcible))


def _row(r: dict[str, Any]) -> Row:
    knobs = json.loads(r["content"])["knobs"] if r["content"] else {}
    width = knobs.get("width")
    most, forcible = _reach(r["strategy"], r["content"] or "{}")
    group = Group(
        strategy=r["strategy"],
        model=r["model"],
        index_name=r["index_name"] or "",
        config=r["config"],
        search_mode=r["search_mode"],
        think_mode=r["think_mode"],
        width=width if isinstance(width, int) else None,
        most_searches=most,
        forcible=forcible,
        content=r["content"] or "",
    )
    whole = {k: None if r[k] is None else int(r[k]) for k in ("hops", "operations")}
    return Row(
        group=group,
        question=r["question_id"],
        search=int(r["search"]),
        think=int(r["think"]),
        n=int(r["n"]),
        y=r["y"],
        **{k: r[k] for k in ("tokens", "seconds", "cost", "search_used", "think_used", "recall")},
        phrasing=r["phrasing"],
        **whole,
    )
