"""The cheapest setting that is as good as the best, chosen on some questions and judged on others.

The best of many cells on the same questions looks better than it is, and what is compared with it looks worse: the
winner's curse. So the questions fall into folds; the best cell, and the cheapest one as good as it, are chosen without
a fold and compared on that fold, and the folds together give the interval. It belongs to the rule "choose so", which is
what is recommended; how many folds chose the same cell is said with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import stdtrit

from engine.analysis.estimate import Estimate, contrast
from engine.analysis.paired import MARGIN, Cell, State, Table, state
from engine.analysis.panel import Floats, Ints, Unknown

FOLDS = 5
FEWEST = 10
"""Questions below which nothing is recommended."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One cell against the best, which was chosen on other questions."""

    cell: Cell
    quality: float
    spend: float
    difference: Estimate
    state: State

    @property
    def tied(self) -> bool:
        return self.difference.tied


@dataclass(frozen=True, slots=True)
class Choice:
    """What to run, and against what."""

    best: Cell
    best_quality: float
    best_spend: float
    pick: Cell
    """The cheapest cell that is as good as the best; the best itself where none is shown to be."""
    pick_quality: float
    pick_spend: float
    difference: Estimate
    """Of picks and bests made without a question, on that question."""
    state: State
    same: int
    """Folds that picked the same cell."""
    folds: int
    margin: float
    unit: str
    questions: int
    standings: tuple[Standing, ...]
    """All cells, the cheapest first."""

    @property
    def alike(self) -> bool:
        return len({s.quality for s in self.standings}) == 1

    @property
    def saving(self) -> float | None:
        """Share of the best cell's spending that the pick saves; None where spending is unknown."""
        if not np.isfinite(self.best_spend) or self.best_spend <= 0:
            return None
        return 1 - self.pick_spend / self.best_spend

    @property
    def sentence(self) -> str:
        """The recommendation in words."""
        points = f"{self.margin * 100:g} points"
        d = self.difference
        span = f"{100 * d.value:+.1f} [{100 * d.low:+.1f}, {100 * d.high:+.1f}]"
        if self.alike:
            return f"Every setting scores the same here; the cheapest is {self.pick.name}."
        if self.pick == self.best:
            return f"No cheaper setting is shown to be as good as the best within {points}: {self.best.name}."
        if self.state != "as good":
            return (
                f"Undecided: {self.pick.name} may be as good as {self.best.name} within {points}, but on questions "
                f"not used to choose it the difference is {span} points."
            )
        saved = "" if self.saving is None else f", saves {self.saving:.0%} of the {self.unit}"
        return (
            f"Cheapest setting as good as the best within {points}: {self.pick.name}{saved} "
            f"(difference {span} points, best: {self.best.name})."
        )


def choose(table: Table, margin: float = MARGIN, seed: int = 0) -> Choice | Unknown:
    """The recommendation over all cells of a table."""
    q, k = table.y.shape
    if q < FEWEST:
        return Unknown(
            f"a recommendation needs {FEWEST} questions that ran in every cell, there are {q}"
        )
    if k < 2:
        return Unknown("there is one cell: nothing to choose from")
    if not np.isfinite(table.spend).all():
        return Unknown(f"{table.unit} of some cells is unknown: choose another unit")
    order = _cheapest_first(table)
    fold = np.random.default_rng(seed).permutation(q) % FOLDS
    against = np.zeros((q, k))
    pooled, picks = np.zeros(q), []
    pick, best = _rule(table.y, order, margin)
    for f in range(FOLDS):
        seen, unseen = table.y[fold != f], table.y[fold == f]
        chosen, top = _rule(seen, order, margin)
        against[fold == f] = unseen - unseen[:, [top]]
        pooled[fold == f] = unseen[:, chosen] - unseen[:, top]
        picks.append(chosen)
    difference = contrast(pooled)
    assert isinstance(difference, Estimate)
    means = table.y.mean(axis=0)
    return Choice(
        best=table.cells[best],
        best_quality=float(means[best]),
        best_spend=float(table.spend[best]),
        pick=table.cells[pick],
        pick_quality=float(means[pick]),
        pick_spend=float(table.spend[pick]),
        difference=difference,
        state=state(difference, margin),
        same=picks.count(pick),
        folds=FOLDS,
        margin=margin,
        unit=table.unit,
        questions=q,
        standings=tuple(_standing(table, int(i), against[:, i], margin) for i in order),
    )


def _cheapest_first(table: Table) -> Ints:
    """Cells by spend; of equal ones first those with smaller budgets, then by name."""
    keys = [
        (float(spend), cell.search, cell.think, cell.name)
        for spend, cell in zip(table.spend, table.cells, strict=True)
    ]
    return np.asarray(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def _standing(table: Table, i: int, against: Floats, margin: float) -> Standing:
    difference = contrast(against)
    assert isinstance(difference, Estimate)
    return Standing(
        table.cells[i],
        float(table.y[:, i].mean()),
        float(table.spend[i]),
        difference,
        state(difference, margin),
    )


def _rule(y: Floats, order: Ints, margin: float) -> tuple[int, int]:
    """The cheapest cell whose difference to the best is bounded above minus the margin, and the best."""
    q = len(y)
    means = y.mean(axis=0)
    top = means.max() - 1e-12
    best = int(next(i for i in order if means[i] >= top))
    apart = y - y[:, [best]]
    m = q + 2
    shrunk = apart.sum(axis=0) / m
    spread = np.maximum(0.0, ((apart**2).sum(axis=0) + 1) / m - shrunk**2)
    low = shrunk - float(stdtrit(q - 1, 0.975)) * np.sqrt(spread) / sqrt(m)
    good = (low >= -margin) | (np.arange(len(means)) == best)
    return int(next(i for i in order if good[i])), best
