"""Two cells compared on the questions that both ran, and what the difference means for a decision.

Decisions use a margin. "As good" is non-inferiority: the whole interval lies above minus the margin. "Worse" is that it
lies wholly below. In between, the data are undecided, which is not the same as equal; "tied" is said beside it when the
interval covers zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.analysis.estimate import Estimate, contrast
from engine.analysis.panel import Floats, Group, Panel, Unknown

MARGIN = 0.02
State = Literal["as good", "undecided", "worse"]


@dataclass(frozen=True, slots=True)
class Cell:
    """A place on a surface."""

    group: Group
    search: int
    think: int

    @property
    def name(self) -> str:
        return f"{self.group.name}, search {self.search}, think {self.think}"


@dataclass(frozen=True, slots=True)
class Judged:
    """A difference with the word for it."""

    difference: Estimate
    state: State
    questions: int

    @property
    def tied(self) -> bool:
        return self.difference.tied


def judged(
    one: Floats, other: Floats, margin: float = MARGIN, level: float = 0.95
) -> Judged | Unknown:
    """Scores of one cell minus those of the other, by question; NaN where it did not run.

    judged([1, 0, 1, ...], [1, 0, 1, ...]) -> 0.00 within ..., as good
    """
    both = np.isfinite(one) & np.isfinite(other)
    found = contrast((one - other)[both], level=level)
    if isinstance(found, Unknown):
        return found
    return Judged(found, state(found, margin), int(both.sum()))


def state(difference: Estimate, margin: float = MARGIN) -> State:
    if difference.low >= -margin:
        return "as good"
    return "worse" if difference.high < -margin else "undecided"


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Scores of many cells on the questions that all of them ran: questions x cells."""

    cells: tuple[Cell, ...]
    y: Floats
    spend: Floats
    """Of a mean run of each cell; NaN where unknown."""
    unit: str
    left_out: int
    """Cells that fewer than half of the questions ran at."""

    def column(self, cell: Cell) -> Floats:
        return np.asarray(self.y[:, self.cells.index(cell)], dtype=np.float64)


def table(some: tuple[Panel, ...], unit: str) -> Table | Unknown:
    """All measured cells of these panels side by side."""
    names = sorted({q for p in some for q in p.questions})
    at = {q: i for i, q in enumerate(names)}
    cells: list[Cell] = []
    columns: list[Floats] = []
    spend: list[float] = []
    for p in some:
        rows = [at[q] for q in p.questions]
        mean = p.mean(unit)
        for i, s in enumerate(p.search):
            for j, t in enumerate(p.think):
                column = np.full(len(names), np.nan)
                column[rows] = p.y[:, i, j]
                if np.isfinite(column).any():
                    cells.append(Cell(p.group, s, t))
                    columns.append(column)
                    spend.append(float(mean[i, j]))
    if not cells:
        return Unknown("no run has a score")
    y = np.stack(columns, axis=1)
    counts = np.isfinite(y).sum(axis=0)
    kept = np.flatnonzero(counts * 2 >= counts.max())
    whole = np.isfinite(y[:, kept]).all(axis=1)
    if not whole.any():
        return Unknown("no question ran in every cell")
    return Table(
        tuple(cells[i] for i in kept),
        y[np.ix_(whole, kept)],
        np.array([spend[i] for i in kept]),
        unit,
        len(cells) - len(kept),
    )
