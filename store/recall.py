"""How well an index finds: against the exact scan, on a sample, before it is taken into use.

A missed neighbour looks like an effect of a budget, so recall is measured on the real corpus and
shown; it knows nothing of questions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import chromadb
import numpy as np

from engine.errors import Damaged
from engine.retrieval.embedding import Vectors, unit
from engine.retrieval.exact import top_rows
from store.chroma import failing

SAMPLE = 200
"""Queries per measure."""


class Found(NamedTuple):
    """Shares from 0 to 1."""

    itself: float
    """Sampled passages that are their own nearest neighbour."""
    at_3: float
    """Of the exact scan's nearest, for queries halfway between two passages."""
    at_10: float


def measure(collection: chromadb.Collection, ids: list[str], vectors: Vectors) -> Found:
    """Ask a collection for what the exact scan finds; `vectors` are the rows of `ids`."""
    rows = {id: row for row, id in enumerate(ids)}
    some = np.random.default_rng(0).integers(len(vectors), size=(2, min(SAMPLE, len(vectors))))
    # Two opposite vectors would cancel out: the first counts a little more.
    between = unit(0.51 * vectors[some[0]] + 0.49 * vectors[some[1]])
    asked = ((vectors[some[0]], 1), (between, 3), (between, 10))
    return Found(*(_recall(collection, rows, vectors, queries, k) for queries, k in asked))


def _recall(
    collection: chromadb.Collection,
    rows: Mapping[str, int],
    vectors: Vectors,
    queries: Vectors,
    k: int,
) -> float:
    """Share of the k nearest passages that the index returns; equally near ones are as good."""
    k = min(k, len(vectors))
    with failing("checking the new index", Damaged):
        found = collection.query(query_embeddings=queries, n_results=k, include=["distances"])
    hits = 0
    for query, ids in zip(queries, found["ids"], strict=True):
        scores = vectors @ query
        floor = scores[top_rows(scores, k)[-1]] - 1e-5
        hits += sum(bool(scores[rows[id]] >= floor) for id in ids)
    return round(hits / (k * len(queries)), 4)
