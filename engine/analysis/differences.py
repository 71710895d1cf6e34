"""One strategy and model minus another, cell by cell, on the questions that both ran there.

What the questions share cancels, so the interval is often far narrower than those of the two cells suggest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.analysis.paired import Judged, judged
from engine.analysis.panel import Panel


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
        for s in panel.search
        for t in panel.think
        if s in other.search and t in other.think
        if (found := _difference(panel, other, s, t, margin)) is not None
    ]


def _difference(panel: Panel, other: Panel, s: int, t: int, margin: float) -> Difference | None:
    here = panel.search.index(s), panel.think.index(t)
    there = other.search.index(s), other.think.index(t)
    common = sorted(set(panel.questions) & set(other.questions))
    first = {q: i for i, q in enumerate(panel.questions)}
    second = {q: i for i, q in enumerate(other.questions)}
    one = panel.y[[first[q] for q in common], here[0], here[1]]
    two = other.y[[second[q] for q in common], there[0], there[1]]
    found = judged(one, two, margin)
    if not isinstance(found, Judged):
        return None

    def mean(name: str) -> float | None:
        value = float(panel.mean(name)[here])
        return value if np.isfinite(value) else None

    return Difference(
        panel.group.strategy,
        panel.group.model,
        s,
        t,
        found.questions,
        found.difference.value,
        found.difference.low,
        found.difference.high,
        found.state,
        *(mean(name) for name in ("search_used", "think_used", "tokens", "seconds", "cost")),
    )
