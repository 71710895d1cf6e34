"""A curve along one axis: every family fitted, one chosen on questions it has not seen, each with bands.

Fits are generalised least squares on the level means, weighted by how the questions' scores vary together. The family
is the simplest whose loss on held-out questions is within one standard error of the best, since at equal worth fewer
parameters extrapolate better; the others within that distance are named, for they cannot be told apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import stdtrit

from engine.analysis.estimate import DRAWS, Estimate, draws, percentiles
from engine.analysis.families import FAMILIES, Family, Solved, losses, solve
from engine.analysis.panel import Bools, Floats, Unknown

FOLDS = 10
FINE = 400
BEYOND = 2.0
"""Doublings past the last level over which a curve is drawn on, as extrapolated."""
KNEE = 0.95
"""Share of the ceiling at which more buys little."""


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Scores at budgets above zero, in rising order: questions x levels."""

    x: Floats
    y: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """One family over one axis."""

    family: str
    parameters: dict[str, Estimate | Unknown]
    ceiling: Estimate | Unknown
    knee: Estimate | Unknown
    """The smallest budget with 95 % of the ceiling."""
    held_out: float
    """Loss per question on questions not fitted, in nats: smaller is better."""
    behind: float
    """How much worse than the best family, in standard errors of the paired difference."""
    x: Floats
    curve: Floats
    low: Floats
    high: Floats
    """The band of the curve at `x`."""


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """All families over one axis, the chosen one named."""

    chosen: str
    also: tuple[str, ...]
    """Families that fit unseen questions as well."""
    fits: dict[str, Fit]
    first: float
    last: float
    """The measured range: beyond it a curve is extrapolated."""

    @property
    def best(self) -> Fit:
        return self.fits[self.chosen]


def curves(points: Points, at: Floats | None = None, resampled: int = DRAWS) -> Curves | Unknown:
    """Fit every family that has enough levels; `at` are the budgets to draw at."""
    q, k = points.y.shape
    if q < 5:
        return Unknown(f"a curve needs 5 questions at every level, there are {q}")
    if k < 2:
        return Unknown("a curve needs two levels above zero")
    if not (points.y.std(axis=0) > 0).any():
        return Unknown("every question scores the same at every level: there is no curve to tell")
    x = _fine(points.x) if at is None else at
    families = [f for f in FAMILIES.values() if k >= f.fewest]
    lost = np.stack([_held_out(f, points) for f in families])
    best = int(lost.mean(axis=1).argmin())
    behind = [_behind(loss - lost[best]) for loss in lost]
    fits = {
        f.name: fitted(f, points, x, resampled, float(loss.mean()), b)
        for f, loss, b in zip(families, lost, behind, strict=True)
    }
    near = sorted(
        (f for f, b in zip(families, behind, strict=True) if b <= 1.0), key=lambda f: f.parameters
    )
    fewest = [f for f in near if f.parameters == near[0].parameters]
    chosen = min(fewest, key=lambda f: fits[f.name].held_out).name
    also = tuple(f.name for f in near if f.name != chosen)
    return Curves(chosen, also, fits, float(points.x[0]), float(points.x[-1]))


def whitening(y: Floats) -> Floats:
    """The inverse root of the covariance of the level means, drawn to its diagonal when questions are few."""
    q, k = y.shape
    covariance = np.atleast_2d(np.cov(y, rowvar=False)) / q
    share = min(1.0, k / q)
    floor = 0.25 / q**2
    covariance = (1 - share) * covariance + share * np.diag(np.diag(covariance))
    return np.linalg.inv(np.linalg.cholesky(covariance + floor * np.eye(k)))


def _fine(x: Floats) -> Floats:
    """Places from the first level to the last, and beyond it."""
    beyond = np.geomspace(x[-1], x[-1] * 2**BEYOND, 13)
    return np.concatenate([np.geomspace(x[0], x[-1], 61), beyond[1:]])


def _held_out(family: Family, points: Points) -> Floats:
    """The loss of each question under the curve that the other folds gave."""
    q = len(points.y)
    fold = np.random.default_rng(1).permutation(q) % min(FOLDS, q)
    lost = np.empty(q)
    for f in range(fold.max() + 1):
        seen, unseen = points.y[fold != f], points.y[fold == f]
        made = solve(family, points.x, seen.mean(axis=0)[None], whitening(seen))
        p = np.clip(made.at(family, points.x)[0], 0.001, 0.999)
        lost[fold == f] = -(unseen @ np.log(p) + (1 - unseen) @ np.log(1 - p))
    return lost


def _behind(worse: Floats) -> float:
    error = float(worse.std(ddof=1)) / sqrt(len(worse))
    return 0.0 if error == 0.0 else float(worse.mean()) / error


def fitted(
    family: Family,
    points: Points,
    at: Floats,
    resampled: int = DRAWS,
    held_out: float = float("nan"),
    behind: float = float("nan"),
) -> Fit:
    """One family with its bands; how it does on unseen questions is told by `curves`."""
    root = whitening(points.y)
    weights = draws(len(points.y), resampled)
    one = solve(family, points.x, points.y.mean(axis=0)[None], root)
    many = solve(family, points.x, weights @ points.y, root)
    band = np.quantile(many.at(family, at), (0.025, 0.975), axis=0)
    curve = one.at(family, at)[0]
    ceilings = _ceilings(family, one), _ceilings(family, many)
    knees = _knees(family, one), _knees(family, many)
    return Fit(
        family=family.name,
        parameters=_parameters(family, points, one, many, root),
        ceiling=_named(ceilings, ceilings, f"a {family.name} curve has no ceiling", 1.0),
        knee=_named(knees, ceilings, f"a {family.name} curve has no knee", np.inf),
        held_out=held_out,
        behind=behind,
        x=at,
        curve=curve,
        low=np.minimum(band[0], curve),
        high=np.maximum(band[1], curve),
    )


def _named(
    values: tuple[Floats, Floats], ceilings: tuple[Floats, Floats], otherwise: str, beyond: float
) -> Estimate | Unknown:
    """A value with its interval; what draws without a visible ceiling say is `beyond`."""
    (one, many), (top, tops) = values, ceilings
    if not len(one):
        return Unknown(otherwise)
    if np.isnan(top[0]):
        return Unknown("the curve falls")
    if top[0] > 1:
        return Unknown("no ceiling is in sight yet")
    return percentiles(float(one[0]), np.where(tops > 1, beyond, many))


def _parameters(
    family: Family, points: Points, one: Solved, many: Solved, root: Floats
) -> dict[str, Estimate | Unknown]:
    """Coefficients by resampling; a single shape parameter by its likelihood profile."""
    shapes = one.shape.shape[1]
    found: dict[str, Estimate | Unknown] = {}
    for i, name in enumerate(family.named):
        if i < shapes and shapes == 1:
            found[name] = profile(family, points, one, root)
        elif i < shapes:
            found[name] = percentiles(float(one.shape[0, i]), many.shape[:, i])
        else:
            j = i - shapes
            found[name] = percentiles(float(one.coefficients[0, j]), many.coefficients[:, j])
    return found


def profile(family: Family, points: Points, one: Solved, root: Floats) -> Estimate | Unknown:
    """All values of the only shape parameter that the data do not refuse; an end of the grid counts as unbounded.

    With a curve of slope near zero every shape fits alike, and the answer is that it is not pinned down.
    """
    questions, k = points.y.shape
    ends = family.grid(points.x)[0]
    if len(ends) < 2:
        return Unknown("too few levels for it")
    grid = np.linspace(ends[0], ends[-1], FINE)
    target = (points.y.mean(axis=0) @ root.T)[None]
    loss = losses(family, points.x, grid[:, None], target, root)[0]
    least = min(float(loss.min()), float(one.loss[0]))
    limit = least + float(stdtrit(max(1, questions - k), 0.975)) ** 2
    kept = np.flatnonzero(loss <= limit)
    if len(kept) == len(grid):
        return Unknown("the data do not pin it down")
    value = float(one.shape[0, 0])
    if not len(kept):
        return Estimate(value, value, value)
    low = float(np.exp(grid[kept[0] - 1])) if kept[0] > 0 else 0.0
    high = float(np.exp(grid[kept[-1] + 1])) if kept[-1] < len(grid) - 1 else np.inf
    return Estimate(value, min(low, value), max(high, value))


def _ceilings(family: Family, made: Solved) -> Floats:
    """The level each curve rises to, NaN where it falls, empty where the family has none.

    No score is above 1: a curve that would rise further has no ceiling that these budgets show.
    """
    if not family.ceiling:
        return np.empty(0)
    return np.where(_rises(made), made.coefficients[:, 0], np.nan)


def _rises(made: Solved) -> Bools:
    return np.asarray(made.coefficients[:, -1] > 0, dtype=np.bool_)


def _knees(family: Family, made: Solved) -> Floats:
    if not family.ceiling:
        return np.empty(0)
    c, a = made.coefficients[:, 0], made.coefficients[:, -1]
    gap = (1 - KNEE) * c
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if family.name == "power":
            knee = (a / gap) ** (1 / made.shape[:, 0])
        elif family.name == "exponential":
            knee = np.maximum(0.0, made.shape[:, 0] * np.log(a / gap))
        else:
            knee = np.exp(made.shape[:, 1] + np.log(KNEE / (1 - KNEE)) / made.shape[:, 0])
    return np.where(_rises(made) & (c > 0), knee, np.nan)


def ordered(x: Sequence[float], y: Floats) -> Points | Unknown:
    """Levels above zero in rising order, those at the same place taken together."""
    places = np.asarray(x, dtype=np.float64)
    good = np.flatnonzero(np.isfinite(places) & (places > 0))
    if len(good) < 2:
        return Unknown("a curve needs two levels above zero")
    unique = np.unique(places[good])
    columns = [y[:, good[places[good] == u]].mean(axis=1) for u in unique]
    return Points(unique, np.stack(columns, axis=1))
