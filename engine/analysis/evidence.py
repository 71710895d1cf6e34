"""The curves under a verdict: one family for both axes, and how exponent, knee and ceiling differ.

Differences of fitted numbers join the two intervals (Zou and Donner's method), which takes no credit for the pairing of
questions, so they are rather too wide than too narrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot

import numpy as np

from engine.analysis.common_cost import Placed
from engine.analysis.curves import Curves, Points, curves
from engine.analysis.estimate import Estimate
from engine.analysis.families import FAMILIES
from engine.analysis.panel import Unknown

Told = Estimate | Unknown


@dataclass(frozen=True, slots=True)
class Apart:
    """A fitted number of both axes."""

    name: str
    search: Told
    think: Told
    difference: Told


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Both curves in one family."""

    family: str
    own: tuple[str, str]
    """The family that each axis would choose alone."""
    search: Curves
    think: Curves
    apart: tuple[Apart, ...]


def evidence(search: Placed, think: Placed) -> Evidence | Unknown:
    """Fit both axes over added spending."""
    fitted = [curves(Points(axis.x, axis.y)) for axis in (search, think)]
    for one in fitted:
        if isinstance(one, Unknown):
            return one
    a, b = fitted
    assert isinstance(a, Curves) and isinstance(b, Curves)
    both = [name for name in FAMILIES if name in a.fits and name in b.fits]
    near = [n for n in both if max(a.fits[n].behind, b.fits[n].behind) <= 1.0] or both
    family = min(near, key=lambda n: a.fits[n].held_out + b.fits[n].held_out)
    found = [_apart("exponent", *(_exponent(c) for c in (a, b)))]
    for name in ("knee", "ceiling"):
        found.append(_apart(name, getattr(a.fits[family], name), getattr(b.fits[family], name)))
    return Evidence(family, (a.chosen, b.chosen), a, b, tuple(found))


def _exponent(some: Curves) -> Told:
    """Of the power law, whatever family was chosen."""
    if "power" not in some.fits:
        return Unknown("a power law needs 5 levels above zero")
    return some.fits["power"].parameters["p"]


def _apart(name: str, one: Told, two: Told) -> Apart:
    return Apart(name, one, two, difference(one, two))


def difference(one: Told, two: Told) -> Told:
    """One minus two with the interval that follows from both."""
    for each in (one, two):
        if isinstance(each, Unknown):
            return each
    assert isinstance(one, Estimate) and isinstance(two, Estimate)
    value = one.value - two.value
    low = value - hypot(one.value - one.low, two.high - two.value)
    high = value + hypot(one.high - one.value, two.value - two.low)
    if not np.isfinite(value) or not (np.isfinite(low) or np.isfinite(high)):
        return Unknown("the data do not bound it")
    return Estimate(value, low, high)
