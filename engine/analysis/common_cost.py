"""Search and thinking on one scale: what each bought for the same added spending.

Along each axis a level stands at what a mean run spent more there than at level 0: the mean realised use of the
requested cell; so a cap that goes unused moves no further. Both curves are read at the same places of the range that
they share, straight between levels in log spending. Everything compared is then a fixed weighted sum of a question's
scores, so that its interval needs no model and no resampling.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

import numpy as np

from engine.analysis.lines import Line
from engine.analysis.panel import Floats, Unknown

DOUBLINGS = 2.0
"""The shared range is at least this long."""
INSIDE = 3
"""Levels of each axis within it, or at its ends."""
SAME = 1.02
"""Levels whose added spending is within 2 % stand at one place."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """One axis on the scale of added spending, level 0 apart."""

    x: Floats
    y: Floats
    """Questions x places."""
    zero: Floats
    """Scores at level 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """Both axes over the range that they share."""

    first: float
    last: float
    search: Placed
    think: Placed
    slope: tuple[Floats, Floats]
    """Each question's gain per doubling of added spending: searching, thinking."""
    bend: tuple[Floats, Floats]
    """Each question's gain per doubling in the upper half of the range minus that in the lower half."""
    reach: tuple[float, float]
    """The most that a slope and a bend can be."""

    @property
    def doublings(self) -> float:
        return log2(self.last / self.first)


def placed(line: Line, unit: str) -> Placed | Unknown:
    """A line's levels at their added spending."""
    if line.levels[0] != 0:
        return Unknown(f"{line.axis} 0 was not measured at {line.slice}")
    if not np.isfinite(line.spent).all():
        return Unknown(f"{unit} of some runs is unknown")
    added = line.spent[1:] - line.spent[0]
    if not len(added) or added.max() <= 0:
        return Unknown(f"a larger {line.axis} budget spends no more {unit} at {line.slice}")
    order = np.argsort(added, kind="stable")
    places: list[list[int]] = []
    for i in (int(o) for o in order if added[o] > 0):
        if places and added[i] <= SAME * added[places[-1][0]]:
            places[-1].append(i)
        else:
            places.append([i])
    x = np.array([added[some].mean() for some in places])
    y = np.stack([line.y[:, [i + 1 for i in some]].mean(axis=1) for some in places], axis=1)
    return Placed(x, y, line.y[:, 0])


def shared(search: Placed, think: Placed, unit: str) -> Shared | Unknown:
    """The two axes where their spending overlaps; the rows of both are the same questions."""
    first, last = max(search.x[0], think.x[0]), min(search.x[-1], think.x[-1])
    if last < first * 2**DOUBLINGS:
        return Unknown(
            f"searching adds {search.x[0]:.4g} to {search.x[-1]:.4g} {unit} and thinking {think.x[0]:.4g} to "
            f"{think.x[-1]:.4g}: they share less than {DOUBLINGS:g} doublings"
        )
    for name, axis in (("search", search), ("think", think)):
        inside = int(((axis.x >= first / SAME) & (axis.x <= last * SAME)).sum())
        if inside < INSIDE:
            return Unknown(
                f"{name} has {inside} levels between {first:.4g} and {last:.4g} added {unit}, "
                f"where both can be compared; it needs {INSIDE}"
            )
    places = np.geomspace(first, last, max(5, round(2 * log2(last / first)) + 1))
    u = np.log2(places)
    solver = np.linalg.pinv(np.stack([np.ones_like(u), u, u * u], axis=1))
    slope = (u - u.mean()) / ((u - u.mean()) ** 2).sum()
    bend = solver[2] * (u[-1] - u[0])
    readers = [_reader(axis.x, places) for axis in (search, think)]
    weights = [(reader.T @ slope, reader.T @ bend) for reader in readers]
    return Shared(
        float(first),
        float(last),
        search,
        think,
        (search.y @ weights[0][0], think.y @ weights[1][0]),
        (search.y @ weights[0][1], think.y @ weights[1][1]),
        (_reach(weights, 0), _reach(weights, 1)),
    )


def _reader(x: Floats, places: Floats) -> Floats:
    """Places x levels: how much each level counts at each place."""
    u, at = np.log(x), np.log(places)
    return np.stack([np.interp(at, u, row) for row in np.eye(len(x))], axis=1)


def _reach(weights: list[tuple[Floats, Floats]], which: int) -> float:
    """The most that the difference of two such sums can be."""
    return float(sum(np.abs(w[which]).sum() / 2 for w in weights))
