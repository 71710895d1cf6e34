"""The mean of one cell and its 95 % interval, when runs of one question belong together.

Question i has n_i scored runs with the sum s_i. The mean is the ratio m = sum(s_i) / sum(n_i), and with G questions and
N runs its question-clustered variance is

    V = G / (G - 1) * sum((s_i - m n_i)^2) / N^2
    sum((s_i - m n_i)^2) = sum(s_i^2) - 2 m sum(s_i n_i) + m^2 sum(n_i^2)

so that six sums per cell say everything. They add up over sets of questions that share none, which is how strata
become a cell. The interval is Wilson's at the effective number of questions m (1 - m) / V, with the t quantile of
G - 1 degrees of freedom for what V does not know: for many questions it is m +- t sqrt(V), and it never leaves 0 to 1.
Where V says nothing (one question, or all of them alike) and where it says little (fewer than FEW questions) the
effective number is at most G. Plain m +- t sqrt(V) was tried: near 0 and 1, and with few questions, it holds the truth
in as little as 84 of 100 cases; the tests simulate this one.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri, stdtrit

Floats = npt.NDArray[np.float64]
LEVEL = 0.95
FEW = 10
"""Below this many questions a variance may not claim more certainty than right-or-wrong would have."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What a cell keeps of its scores y, which lie between 0 and 1; adds up over disjoint questions."""

    questions: int = 0
    n: int = 0
    """Runs with a known score."""
    y: float = 0.0
    """The sum of s_i, the sum of the scores of question i."""
    yy: float = 0.0
    """The sum of s_i squared."""
    ny: float = 0.0
    """The sum of n_i s_i."""
    nn: float = 0.0
    """The sum of n_i squared."""

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.questions + other.questions,
            self.n + other.n,
            self.y + other.y,
            self.yy + other.yy,
            self.ny + other.ny,
            self.nn + other.nn,
        )


class Columns(NamedTuple):
    """The same sums of many cells, one column each."""

    questions: Floats
    n: Floats
    y: Floats
    yy: Floats
    ny: Floats
    nn: Floats


@dataclass(frozen=True, slots=True)
class Interval:
    mean: float
    low: float
    high: float


def interval(sums: Sums) -> Interval | None:
    """The mean with its 95 % interval; None when nothing is scored.

    interval(Sums(questions=10, n=10, y=10, yy=10, ny=10, nn=10)) -> 1.0, from 0.72 to 1.0
    """
    if not sums.n:
        return None
    return Interval(*(float(column[0]) for column in intervals(_columns(sums))))


def intervals(sums: Columns) -> tuple[Floats, Floats, Floats]:
    """Means, lower and upper ends of many cells at once; each of them has scored runs."""
    mean, v, g = np.clip(sums.y / sums.n, 0.0, 1.0), _variances(sums), sums.questions
    told = (v > 0.0) & (mean > 0.0) & (mean < 1.0)
    effective = np.divide(mean * (1 - mean), v, out=g.copy(), where=told)
    effective = np.where(g < FEW, np.minimum(effective, g), effective)
    freedom, which = np.unique(np.where(told, g - 1, 0.0), return_inverse=True)
    return _wilson(mean, effective, np.array([_quantile(int(f)) for f in freedom])[which])


def variance(sums: Sums) -> float:
    """The question-clustered variance of the mean; 0 where it cannot be told."""
    return float(_variances(_columns(sums))[0]) if sums.n else 0.0


def _columns(sums: Sums) -> Columns:
    return Columns(*(np.array([float(value)]) for value in astuple(sums)))


def _variances(sums: Columns) -> Floats:
    mean, g = sums.y / sums.n, sums.questions
    spread = sums.yy - 2 * mean * sums.ny + mean * mean * sums.nn
    told = (g >= 2) & (spread > 1e-12 * np.maximum(1.0, sums.nn))
    return np.where(told, g / np.maximum(g - 1, 1.0) * spread / sums.n**2, 0.0)


def _wilson(mean: Floats, n: Floats, z: Floats) -> tuple[Floats, Floats, Floats]:
    scale = 1 + z * z / n
    centre = (mean + z * z / (2 * n)) / scale
    half = z / scale * np.sqrt(mean * (1 - mean) / n + z * z / (4 * n * n))
    low = np.where(mean == 0.0, 0.0, np.maximum(0.0, centre - half))
    high = np.where(mean == 1.0, 1.0, np.minimum(1.0, centre + half))
    return mean, low, high


@lru_cache(maxsize=4096)
def _quantile(freedom: int) -> float:
    """Of t with these degrees of freedom; of the normal where there are none."""
    upper = (1 + LEVEL) / 2
    return float(stdtrit(freedom, upper) if freedom else ndtri(upper))
