"""How the use of one budget answers to the other: does a run that may think more also search more?

At each level of its own budget, the mean use against the doublings of the other, by question. The budget that was
*set* is the cause here; runs are never grouped by what they used, which measures how hard their questions were.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.analysis.estimate import Estimate, average, contrast
from engine.analysis.panel import OTHER, Axis, Floats, Panel, Unknown

FEWEST = 1e-6
"""Searches of a mean run below which it has sent none."""


@dataclass(frozen=True, slots=True)
class Demand:
    """The use of one budget at one of its levels, over the levels of the other."""

    of: Axis
    at: int
    """The level of the budget whose use is counted."""
    levels: tuple[int, ...]
    """Of the other budget."""
    used: tuple[float, ...]
    per_doubling: Estimate | Unknown
    """How the use changes with each doubling of one plus the other budget."""
    questions: int


@dataclass(frozen=True, slots=True)
class Yield:
    """What searching brought at one difficulty, at the largest budgets."""

    stratum: str
    value: object
    questions: int
    searches: Estimate | Unknown
    gold_per_search: Estimate | Unknown
    """Share of the supporting passages newly shown per search sent: the evidence recall a search buys."""


def _found(per_search: Floats) -> Estimate | Unknown:
    if not len(per_search):
        return Unknown("no question here was searched for and has known evidence")
    return average(per_search, 1.0)


def demands(panel: Panel, of: Axis) -> tuple[Demand, ...]:
    """One for every level of the budget but zero."""
    return tuple(_demand(panel, of, i) for i, v in enumerate(panel.levels(of)) if v > 0)


def _demand(panel: Panel, of: Axis, i: int) -> Demand:
    used = panel.spent[f"{of}_used"]
    use = used[:, i, :] if of == "search" else used[:, :, i]
    levels = panel.levels(OTHER[of])
    kept = np.flatnonzero(np.isfinite(use).any(axis=0))
    whole = use[np.isfinite(use[:, kept]).all(axis=1)][:, kept]
    at = tuple(levels[j] for j in kept)
    means = tuple(float(m) for m in whole.mean(axis=0)) if len(whole) else ()
    slope = _slope(whole, at, float(panel.levels(of)[i]))
    return Demand(of, panel.levels(of)[i], at, means, slope, len(whole))


def _slope(use: Floats, at: tuple[int, ...], most: float) -> Estimate | Unknown:
    if len(at) < 2:
        return Unknown("the other budget was not varied here")
    x = np.log2(1 + np.array(at, dtype=np.float64))
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    return contrast(use @ weights, reach=max(1e-12, most * float(np.abs(weights).sum()) / 2))


def yields(panel: Panel, by: str) -> tuple[Yield, ...]:
    """Searches sent and evidence found per search, by difficulty, at the largest measured budgets."""
    ran = panel.ran()
    if not ran.any():
        return ()
    i, j = max(zip(*np.nonzero(ran), strict=True))
    values = [s.get(by) for s in panel.strata]
    found = []
    for value in sorted({v for v in values if v is not None}, key=str):
        keep = np.array([v == value for v in values])
        searches = panel.spent["search_used"][keep, i, j]
        recall = panel.spent["recall"][keep, i, j]
        known = np.isfinite(searches)
        both = known & np.isfinite(recall) & (searches > FEWEST)
        found.append(
            Yield(
                by,
                value,
                int(known.sum()),
                average(searches[known], max(1.0, float(panel.search[i]))),
                _found(recall[both] / searches[both]),
            )
        )
    return tuple(found)
