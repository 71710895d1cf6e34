"""One row or column of a surface: scores at each level of one budget, the other held at a named level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.analysis.panel import OTHER, Axis, Floats, Panel, Unknown

ENOUGH = 7
"""Levels of an axis, zero among them, below which no claim about its shape is made."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Scores of the questions that ran at every level."""

    axis: Axis
    at: int
    """The level of the other budget."""
    levels: tuple[int, ...]
    y: Floats
    """Questions x levels."""
    spent: Floats
    """Of a mean run at each level, in the unit asked for; NaN where unknown."""
    used: Floats
    """What a mean run used of this budget at each level."""
    questions: tuple[int, ...]
    """Where these questions stand in the panel."""
    left_out: int
    """Questions that miss a level."""

    @property
    def slice(self) -> str:
        return f"{OTHER[self.axis]} {self.at}"

    @property
    def means(self) -> Floats:
        return np.asarray(self.y.mean(axis=0), dtype=np.float64)

    @property
    def short(self) -> str:
        """Why this axis has too few levels for a claim about its shape, or nothing."""
        if len(self.levels) >= ENOUGH:
            return ""
        count = "1 level" if len(self.levels) == 1 else f"{len(self.levels)} levels"
        return f"{self.axis} has {count} at {self.slice}, a shape needs {ENOUGH}"


def line(panel: Panel, axis: Axis, at: int | None = None, unit: str = "tokens") -> Line | Unknown:
    """The panel along one budget; the other at its largest level with most of the axis, or at the one named.

    A level that fewer than half of the questions ran at is left out, so that an unfinished sweep can be read.
    """
    other = panel.levels(OTHER[axis])
    if not panel.questions:
        return Unknown("no run has a score")
    ran = panel.n > 0 if axis == "search" else (panel.n > 0).transpose(0, 2, 1)
    if at is None:
        counts = ran.any(axis=0).sum(axis=0)
        position = max(range(len(other)), key=lambda i: (int(counts[i]), other[i]))
    elif at in other:
        position = other.index(at)
    else:
        return Unknown(
            f"{OTHER[axis]} {at} was not measured; there is {', '.join(map(str, other))}"
        )
    here = ran[:, :, position]
    per_level = here.sum(axis=0)
    kept = np.flatnonzero((per_level > 0) & (per_level * 2 >= per_level.max()))
    whole = np.flatnonzero(here[:, kept].all(axis=1))
    if not len(whole):
        return Unknown(
            f"no question ran at every level of {axis} at {OTHER[axis]} {other[position]}"
        )
    taken = panel.part(np.isin(np.arange(len(panel.questions)), whole))

    def cut(values: Floats) -> Floats:
        return values[..., :, position] if axis == "search" else values[..., position, :]

    return Line(
        axis=axis,
        at=other[position],
        levels=tuple(panel.levels(axis)[i] for i in kept),
        y=cut(taken.y)[:, kept],
        spent=cut(taken.mean(unit))[kept],
        used=cut(taken.mean(f"{axis}_used"))[kept],
        questions=tuple(int(i) for i in whole),
        left_out=int(here[:, kept].any(axis=1).sum()) - len(whole),
    )
