"""Several examples as one tree, so that a shared beginning is computed once.

The tokens of all rows of a group form a tree of prefixes; each node attends to its ancestors only, and its position is
its depth. Every row then gets exactly what it would get alone, at a half to a third of the cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Row = tuple[Sequence[int], Sequence[int]]
"""Token ids of a prompt, and of what should follow."""


@dataclass(frozen=True, slots=True)
class Tree:
    """n nodes in an order in which parents come first, and the k predictions that are learnt."""

    ids: NDArray[np.int64]
    """(n,) tokens."""
    depths: NDArray[np.int64]
    """(n,) positions."""
    sees: NDArray[np.bool_]
    """(n, n): row i attends to column j, its ancestor or itself."""
    sources: NDArray[np.int64]
    """(k,) node from which a token is predicted."""
    targets: NDArray[np.int64]
    """(k,) that token."""


def tree(rows: Sequence[Row]) -> Tree:
    """The rows joined where they begin alike."""
    places: dict[tuple[int, int], int] = {}
    ids: list[int] = []
    parents: list[int] = []
    learnt: list[tuple[int, int]] = []
    for prompt, reply in rows:
        node = -1
        for place, token in enumerate((*prompt, *reply)):
            if place >= len(prompt):
                learnt.append((node, token))
            if (node, token) not in places:
                places[node, token] = len(ids)
                ids.append(token)
                parents.append(node)
            node = places[node, token]
    sees = np.eye(len(ids), dtype=bool)
    depths = np.zeros(len(ids), np.int64)
    for node, parent in enumerate(parents):
        if parent >= 0:
            sees[node] |= sees[parent]
            depths[node] = depths[parent] + 1
    pairs = np.array(learnt, np.int64).reshape(-1, 2)
    return Tree(np.array(ids, np.int64), depths, sees, pairs[:, 0], pairs[:, 1])
