"""What the browser is sent of lanes, in parts as they come into view, and what it may ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from itertools import islice
from typing import Any

from engine.figures.lanes import LanesInfo, Opened

FIRST_LINES, MOST_ROWS = 200, 600
"""Lines of a comparison that are sent at first, and rows that are sent at once when more are asked for."""


def wire(info: LanesInfo, sent: Iterable[int] | None = None) -> dict[str, Any]:
    """The same as plain values for the browser; of its rows, and of their steps' heads, only those sent."""
    rows: Any = info.rows
    heads: Any = info.heads
    if sent is not None:
        rows = {n: info.rows[n] for n in sent if 0 <= n < len(info.rows)}
        heads = [
            {row[2][lane]: held[row[2][lane]] for row in rows.values() if row[2][lane] is not None}
            for lane, held in enumerate(info.heads)
        ]
    return {
        "lanes": [asdict(lane) for lane in info.lanes],
        "strip": asdict(info.strip),
        "count": len(info.rows),
        "rows": rows,
        "heads": heads,
        **{
            name: getattr(info, name)
            for name in (
                *("folds", "parting_row", "parting", "overlap"),
                *("gains", "looks", "questions", "bodies", "whole"),
            )
        },
    }


def first_rows(info: LanesInfo, folded: bool) -> list[int]:
    """The rows that the first lines show; those of a fold are not shown."""
    hidden = {n for fold in info.folds for n in range(*fold)} if folded else set()
    return list(islice((n for n in range(len(info.rows)) if n not in hidden), FIRST_LINES))


def asked_rows(sent: Any) -> range:
    """Rows that a browser asks for, first and end; no rows when it says no such thing."""
    pair = sent if isinstance(sent, list) and len(sent) == 2 else [0, 0]
    if not all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 2**31 for n in pair):
        return range(0)
    return range(pair[0], min(pair[1], pair[0] + MOST_ROWS))


def chosen(sent: Any) -> Opened | None:
    """What a browser or a link says as `lane:step`; None when it is no such thing."""
    parts = sent.split(":") if isinstance(sent, str) and len(sent) < 20 else []
    if len(parts) != 2 or not all(p.isascii() and p.isdigit() for p in parts):
        return None
    return int(parts[0]), int(parts[1])
