"""Several rankings into one: reciprocal rank fusion.

It looks at ranks only, so rankings whose scores cannot be compared (cosine, BM25) can still be
joined.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from engine.run.ports import Query, Retriever
from engine.types import Passage, Ranked

CONSTANT = 60
"""The usual constant: how much a first place is worth against a tenth."""
DEPTH = 50
"""How deep each ranking is read, at the least."""


def fuse(
    rankings: Sequence[Sequence[Ranked]], top_k: int, constant: int = CONSTANT
) -> tuple[Ranked, ...]:
    """The `top_k` passages with the highest sum of 1 / (constant + rank), which becomes their
    score.

    A passage counts once per ranking, at its best rank there. Equal sums keep the order of first
    sight, taken rank by rank.

    ([a, b], [b, c]) -> b, a, c
    """
    sums: dict[str, float] = {}
    passages: dict[str, Passage] = {}
    places = [
        (r.rank, number, r) for number, ranking in enumerate(rankings) for r in _unique(ranking)
    ]
    for rank, _, found in sorted(places, key=lambda place: place[:2]):
        passages.setdefault(found.passage.id, found.passage)
        sums[found.passage.id] = sums.get(found.passage.id, 0.0) + 1.0 / (constant + rank)
    best = sorted(sums, key=lambda id: -sums[id])[: max(top_k, 0)]
    return tuple(Ranked(passages[id], rank, sums[id]) for rank, id in enumerate(best, 1))


def _unique(ranking: Sequence[Ranked]) -> list[Ranked]:
    best: dict[str, Ranked] = {}
    for found in sorted(ranking, key=lambda r: r.rank):
        best.setdefault(found.passage.id, found)
    return list(best.values())


class Fused:
    """Every query goes to all inner retrievers at once; their rankings are fused."""

    def __init__(self, inner: Sequence[Retriever], depth: int = DEPTH) -> None:
        self._inner, self._depth = tuple(inner), depth

    async def search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]:
        """Score is the reciprocal rank sum; raises what an inner retriever raises."""
        deep = [Query(q.text, max(q.top_k, self._depth)) for q in queries]
        found = await asyncio.gather(*(retriever.search(deep) for retriever in self._inner))
        return [
            fuse([rankings[i] for rankings in found], query.top_k)
            for i, query in enumerate(queries)
        ]
