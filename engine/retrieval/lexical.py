"""Search by words: BM25 over title and text, in memory.

It knows words as they are written: no stemming, and digits and single letters count, since years
and initials often are what tells two passages apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import bm25s
import numpy as np

from engine.retrieval.exact import ranked, searchable
from engine.run.ports import Query
from engine.types import Passage, Ranked

SETTINGS = {"method": "lucene", "k1": 1.5, "b": 0.75, "words": r"(?u)\b\w+\b", "stop": "en"}
"""Part of the index recipe: other settings, other results."""


class Bm25:
    """BM25 behind the Retriever port; passages that share no word with the query are left out."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._index = bm25s.BM25(
            method=SETTINGS["method"], k1=SETTINGS["k1"], b=SETTINGS["b"], backend="numpy"
        )
        words = _words([searchable(p) for p in passages])
        self._empty = not any(words)
        if not self._empty:
            self._index.index(words, show_progress=False)

    async def search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]:
        """Score is BM25, 0 upwards."""
        return await asyncio.to_thread(self._search, queries) if queries else []

    def _search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]:
        return [
            self._one(words, query.top_k)
            for words, query in zip(_words([q.text for q in queries]), queries, strict=True)
        ]

    def _one(self, words: list[str], top_k: int) -> tuple[Ranked, ...]:
        if self._empty or not self._index.get_tokens_ids(words):
            return ()
        scores = np.asarray(self._index.get_scores(words), np.float32)
        return tuple(r for r in ranked(self._passages, scores, top_k) if r.score > 0)


def _words(texts: list[str]) -> list[list[str]]:
    found = bm25s.tokenize(
        texts,
        token_pattern=SETTINGS["words"],
        stopwords=SETTINGS["stop"],
        return_ids=False,
        show_progress=False,
    )
    return cast(list[list[str]], found)
