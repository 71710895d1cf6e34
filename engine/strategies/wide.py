"""Rounds: several queries written in one call and sent at once.

One written reply carries all queries of a round, so its tokens belong to the round's first query. What stands in the
lines is the model's word: numbering, bullets and quotes are taken off, repeated and empty lines are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from engine.run.requests import Form, Reply, Search, Together
from engine.strategies import blocks

_MARK = re.compile(r"^(?:[-*•]|\(?\d{1,2}[.):]|\[\d{1,2}\])\s*")
PARAGRAPH = ("\n\n",)
"""A list ends at the first empty line."""
LONGEST = 400
"""Characters of one query: a line without an end is no query."""


def listed(text: str, most: int, asked: Iterable[str] = ()) -> tuple[str, ...]:
    """Up to `most` queries, one a line, none of them asked before.

    "1. Who built it?\\n- who built it?\\n2) Where?" -> "Who built it?", "Where?"
    """
    seen = {query.casefold() for query in asked}
    found: list[str] = []
    for line in text.splitlines():
        query = _MARK.sub("", blocks.harmless(line)).strip().strip('"').strip()[:LONGEST]
        if query and query.casefold() not in seen:
            seen.add(query.casefold())
            found.append(query)
    return tuple(found[: max(0, most)])


def well_listed(most: int, asked: Iterable[str] = ()) -> Form:
    """The form of a list: one to `most` lines, each a query of its own, none asked before."""
    known = tuple(asked)

    def form(text: str) -> bool:
        lines = [line for line in text.splitlines() if line.strip()]
        return 1 <= len(lines) <= most and len(listed(text, most, known)) == len(lines)

    return form


def sent(queries: Sequence[str], top_k: int, written: Sequence[Reply] = ()) -> Together:
    """One parallel round; the first query names what all of them were taken from."""
    first = Search(queries[0], top_k, tuple(written))
    return Together((first, *(Search(query, top_k) for query in queries[1:])))
