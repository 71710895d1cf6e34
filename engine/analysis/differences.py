"""One strategy and model minus another, cell by cell, on the questions that both ran there.

What the questions share cancels, so the interval is often far narrower than those of the two cells suggest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from engine.analysis.paired import Judged, judged
from engine.analysis.panel import Panel

TOOK = ("search_used", "think_used", "tokens", "seconds", "cost")


@dataclass(frozen=True, slots=True)
class Difference:
    """A cell of the difference; it looks like a cell, and what it took is what the first of the two took."""

    strategy: str
    model: str
    search: int
    think: int
    n: int
    """Questions that ran in both."""
    mean: float
    low: float
    high: float
    state: str
    """As good, undecided or worse than the other, within the margin."""
    search_used: float | None
    think_used: float | None
    tokens: float | None
    seconds: float | None
    cost: float | None
    cut_off: float | None = None


def differences(some: Sequence[Panel], other: Panel, margin: float) -> list[Difference]:
    """All cells that were measured for a panel and for the other alike; none of the other itself."""
    return [
        found
        for panel in some
        if panel.group != other.group
        for found in _differences(panel, other, margin)
    ]


def _differences(panel: Panel, other: Panel, margin: float) -> Iterator[Difference]:
    """The questions of both in one order, then cell by cell."""
    first = {q: i for i, q in enumerate(panel.questions)}
    second = {q: i for i, q in enumerate(other.questions)}
    common = [q for q in panel.questions if q in second]
    one, two = panel.y[[first[q] for q in common]], other.y[[second[q] for q in common]]
    taken = {name: panel.mean(name) for name in TOOK}
    for s, t in product(panel.search, panel.think):
        if s not in other.search or t not in other.think:
            continue
        i, j = panel.search.index(s), panel.think.index(t)
        found = judged(one[:, i, j], two[:, other.search.index(s), other.think.index(t)], margin)
        if isinstance(found, Judged):
            value = found.difference
            spent = {name: _known(means[i, j]) for name, means in taken.items()}
            yield Difference(
                panel.group.strategy,
                panel.group.model,
                s,
                t,
                found.questions,
                value.value,
                value.low,
                value.high,
                found.state,
                **spent,
            )


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
