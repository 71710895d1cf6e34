"""The shapes a curve of quality over budget may have; budget 0 is none of them, it has its own intercept.

    flat         c
    log          a + b ln(x + x0)                 log-linear
    power        c - a x^-p                       power law to a ceiling
    exponential  c - a exp(-x / tau)              saturating
    logistic     c / (1 + exp(-k (ln x - m)))     S-shaped in log budget
    quadratic    a + b ln x + d ln^2 x            rises and falls: overthinking

Each is a line in its coefficients once its shape (x0, p, tau, or k and m) is given. So a fit tries a grid of shapes,
solves the rest exactly, and halves the grid's step around the best three times: it never gets stuck, and a thousand
resampled sets are one product.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from engine.analysis.panel import Bools, Floats

Basis = Callable[[Floats, Floats], Floats]
ZOOMS = 3


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of curve: columns of its basis times coefficients."""

    name: str
    basis: Basis
    """(budgets, shapes x parameters) -> shapes x budgets x coefficients"""
    grid: Callable[[Floats], tuple[Floats, ...]]
    """What to try of each shape parameter for these budgets; positive ones as logarithms."""
    named: tuple[str, ...]
    """Names of the shape, then of the coefficients."""
    logs: tuple[bool, ...]
    """Which shape parameters the grid has as logarithms."""
    parameters: int
    fewest: int
    """Levels above zero below which it is not tried."""
    ceiling: bool = False
    """It has one, its first coefficient."""

    def shapes(self, tried: Floats) -> Floats:
        """Shape parameters as they are named."""
        plain = [np.exp(tried[:, i]) if log else tried[:, i] for i, log in enumerate(self.logs)]
        return np.stack(plain, axis=1) if plain else np.empty((len(tried), 0))


def _columns(*columns: Floats) -> Floats:
    return np.stack(np.broadcast_arrays(*columns), axis=-1)


def _one(x: Floats, s: Floats) -> Floats:
    return np.ones((len(s), len(x)))


def _log(x: Floats, s: Floats) -> Floats:
    return _columns(_one(x, s), np.log(x + np.exp(s)))


def _power(x: Floats, s: Floats) -> Floats:
    return _columns(_one(x, s), -(x ** -np.exp(s)))


def _exponential(x: Floats, s: Floats) -> Floats:
    return _columns(_one(x, s), -np.exp(-x / np.exp(s)))


def _logistic(x: Floats, s: Floats) -> Floats:
    return _columns(1 / (1 + np.exp(-np.exp(s[:, :1]) * (np.log(x) - s[:, 1:]))))


def _quadratic(x: Floats, s: Floats) -> Floats:
    return _columns(_one(x, s), np.log(x), np.log(x) ** 2)


def _offsets(x: Floats) -> tuple[Floats, ...]:
    """x0 up to twice the largest budget; 0 below five levels, where there is nothing to tell it from."""
    if len(x) < 5:
        return (np.array([-np.inf]),)
    return (np.log(np.geomspace(x[0] / 1000, 2 * x[-1], 48)),)


def _logistics(x: Floats) -> tuple[Floats, ...]:
    return np.linspace(np.log(0.2), np.log(8), 20), np.linspace(
        np.log(x[0]) - 3, np.log(x[-1]) + 2, 30
    )


FAMILIES: Mapping[str, Family] = {
    f.name: f
    for f in (
        Family("flat", lambda x, s: _columns(_one(x, s)), lambda _: (), ("c",), (), 1, 1),
        Family("log", _log, _offsets, ("x0", "a", "b"), (True,), 3, 2),
        Family(
            "power",
            _power,
            lambda _: (np.log(np.geomspace(0.02, 5.0, 64)),),
            ("p", "c", "a"),
            (True,),
            3,
            5,
            ceiling=True,
        ),
        Family(
            "exponential",
            _exponential,
            lambda x: (np.log(np.geomspace(x[0] / 4, 4 * x[-1], 64)),),
            ("tau", "c", "a"),
            (True,),
            3,
            5,
            ceiling=True,
        ),
        Family(
            "logistic", _logistic, _logistics, ("k", "m", "c"), (True, False), 3, 5, ceiling=True
        ),
        Family("quadratic", _quadratic, lambda _: (), ("a", "b", "d"), (), 3, 4),
    )
}


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """The best curve of a family for each of many sets of means."""

    tried: Floats
    """Sets x shape parameters, as the grid has them."""
    shape: Floats
    """The same as they are named."""
    coefficients: Floats
    loss: Floats
    """Weighted squares per set."""

    def at(self, family: Family, x: Floats) -> Floats:
        """Each set's curve at these budgets."""
        drawn = np.einsum("bxc,bc->bx", family.basis(x, self.tried), self.coefficients)
        return np.asarray(drawn, dtype=np.float64)


def solve(family: Family, x: Floats, means: Floats, root: Floats) -> Solved:
    """Least squares of each row of means under the whitening `root` (root @ covariance @ root.T is the identity)."""
    axes, target = family.grid(x), means @ root.T
    every = list(product(*axes))
    coarse = np.array(every, dtype=np.float64).reshape(len(every), len(axes))
    best = coarse[losses(family, x, coarse, target, root).argmin(axis=1)]
    steps = np.array([a[1] - a[0] if len(a) > 1 else 0.0 for a in axes])
    for zoom in range(1, ZOOMS + 1 if steps.any() else 0):
        around = np.array(list(product((-1.0, 0.0, 1.0), repeat=len(axes)))) * steps / 2**zoom
        near = best[:, None, :] + around[None, :, :]
        q, r = _factored(family, x, near.reshape(-1, len(axes)), root)
        heads = np.einsum("bnkc,bk->bnc", q.reshape(*near.shape[:2], *q.shape[1:]), target)
        worth = np.where(_degenerate(r).reshape(near.shape[:2]), -np.inf, (heads**2).sum(axis=2))
        best = near[np.arange(len(near)), worth.argmax(axis=1)]
    q, r = _factored(family, x, best, root)
    heads = np.einsum("bkc,bk->bc", q, target)
    coefficients = np.linalg.solve(r, heads[..., None])[..., 0]
    loss = (target**2).sum(axis=1) - (heads**2).sum(axis=1)
    return Solved(best, family.shapes(best), coefficients, loss)


def losses(family: Family, x: Floats, tried: Floats, target: Floats, root: Floats) -> Floats:
    """Weighted squares of whitened sets under each shape, sets x shapes; infinite where a shape is degenerate."""
    q, r = _factored(family, x, tried, root)
    heads = np.tensordot(target, q, axes=(1, 1))
    found = (target**2).sum(axis=1)[:, None] - (heads**2).sum(axis=2)
    found[:, _degenerate(r)] = np.inf
    return np.asarray(found, dtype=np.float64)


def _factored(family: Family, x: Floats, tried: Floats, root: Floats) -> tuple[Floats, Floats]:
    """Orthonormal columns of each whitened basis, and their triangle."""
    q, r = np.linalg.qr(root @ family.basis(x, tried))
    return q, r


def _degenerate(r: Floats) -> Bools:
    """Shapes whose columns cannot be told apart on these levels."""
    diagonal = np.abs(np.diagonal(r, axis1=1, axis2=2))
    flat = diagonal.min(axis=1) <= 1e-9 * np.maximum(1e-300, diagonal.max(axis=1))
    return np.asarray(flat, dtype=np.bool_)
