"""The exact scan: every vector is compared. What an approximate index is measured against, and a
retriever itself.

It holds all passages and vectors in memory, which is right up to some hundred thousand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.retrieval.embedding import Embedder, Vectors
from engine.run.ports import Query
from engine.types import Passage, Ranked


class Exact:
    """Cosine over all vectors; `vectors` are (n, dimension) rows of length one, one per passage."""

    def __init__(self, passages: Sequence[Passage], vectors: Vectors, embedder: Embedder) -> None:
        if vectors.shape != (len(passages), embedder.dimension):
            raise ValueError(f"{len(passages)} passages but vectors of shape {vectors.shape}")
        self._passages, self._vectors, self._embedder = passages, vectors, embedder

    async def search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]:
        """Score is the cosine."""
        return await asyncio.to_thread(self._search, queries) if queries else []

    def _search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]:
        scores = self._embedder.embed([q.text for q in queries]) @ self._vectors.T
        return [
            ranked(self._passages, row, q.top_k) for row, q in zip(scores, queries, strict=True)
        ]


def top_rows(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """The rows of the k highest scores, best first; equal scores in row order.

    ([0.1, 0.9, 0.9], 2) -> [1, 2]
    """
    k = min(max(k, 0), len(scores))
    if k == 0:
        return np.zeros(0, np.intp)
    floor = np.partition(scores, len(scores) - k)[len(scores) - k]
    near = np.flatnonzero(scores >= floor)
    return near[np.argsort(-scores[near], kind="stable")][:k]


def ranked(passages: Sequence[Passage], scores: NDArray[np.float32], k: int) -> tuple[Ranked, ...]:
    """The k best passages with rank and score."""
    rows = top_rows(scores, k)
    return tuple(
        Ranked(passages[row], rank, float(scores[row])) for rank, row in enumerate(rows, 1)
    )


def searchable(passage: Passage) -> str:
    """What is embedded, and what words are matched against: the title on a line of its own, then
    the text.
    """
    return f"{passage.title}\n{passage.text}" if passage.title else passage.text
