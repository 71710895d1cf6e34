"""A number and its interval when the question is the unit: contrasts of paired scores, and resampling of questions.

A contrast gives each question one value (a difference between two cells, a slope over seven), so that whatever a
question's cells share cancels. The interval is Student's with the question as the unit, after Agresti and Min's step:
two questions are added that pull the mean to zero and stand half the contrast's reach apart from it, so that a
difference seen in no question is not certain to be none.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from math import sqrt

import numpy as np
from scipy.special import stdtr, stdtrit

from engine.analysis.cells import Sums, interval
from engine.analysis.panel import Floats, Unknown

LEVEL = 0.95
DRAWS = 600
FEW = 10
"""From this many questions on, the largest difference seen may stand for the largest there could be."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval; an end that the data do not bound is infinite."""

    value: float
    low: float
    high: float

    @property
    def tied(self) -> bool:
        """The interval covers zero."""
        return self.low <= 0.0 <= self.high

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2

    def scaled(self, factor: float) -> Estimate:
        ends = sorted((self.low * factor, self.high * factor))
        return Estimate(self.value * factor, *ends)


def contrast(values: Floats, reach: float = 1.0, level: float = LEVEL) -> Estimate | Unknown:
    """The mean of one value a question, each between -reach and reach, with its interval.

    contrast([1, 0, 0, -1, 1, 1, 0, 1]) -> 0.38, from -0.28 to 0.88
    """
    n = len(values)
    if n < 2:
        return Unknown("one question says nothing about others" if n else "no question has both")
    most = reach
    mean, m, seen = float(values.mean()), n + 2, float(np.abs(values).max())
    if n >= FEW and seen > 0:
        reach = min(reach, seen)
    shrunk = float(values.sum()) / m
    spread = (float(values @ values) + reach * reach) / m - shrunk * shrunk
    half = float(stdtrit(n - 1, (1 + level) / 2)) * sqrt(max(0.0, spread) / m)
    return Estimate(mean, min(mean, max(-most, shrunk - half)), max(mean, min(most, shrunk + half)))


def quality(scores: Floats) -> Estimate | Unknown:
    """The mean score with the interval that a surface shows; one score a question, NaN where it has none."""
    y = scores[np.isfinite(scores)]
    n = len(y)
    found = interval(Sums(n, n, float(y.sum()), float(y @ y), float(y.sum()), n))
    return Unknown("no question ran here") if found is None else Estimate(*astuple(found))


def average(values: Floats, most: float, level: float = LEVEL) -> Estimate | Unknown:
    """The mean of one value a question, each between 0 and `most`, with its interval."""
    middle = most / 2
    found = contrast(values - middle, middle, level)
    if isinstance(found, Unknown):
        return found
    return Estimate(found.value + middle, found.low + middle, found.high + middle)


def standard_error(values: Floats) -> float:
    """Of the mean of one value a question."""
    return float(values.std(ddof=1)) / sqrt(len(values)) if len(values) > 1 else float("inf")


def p_value(values: Floats) -> float:
    """Two-sided, that the mean of one value a question is zero; 1 where nothing varies from zero."""
    error = standard_error(values)
    if not np.isfinite(error) or error == 0.0:
        return 1.0 if not np.any(values) or len(values) < 2 else 2.0 ** (1 - len(values))
    return float(2 * stdtr(len(values) - 1, -abs(float(values.mean()) / error)))


def reach_of(weights: Floats) -> float:
    """The most that a contrast of scores between 0 and 1 can be."""
    return float(max(weights[weights > 0].sum(), -weights[weights < 0].sum()))


def draws(questions: int, count: int = DRAWS, seed: int = 0) -> Floats:
    """How much each question counts in each resampled set, count x questions; rows sum to 1."""
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(questions, np.full(questions, 1 / questions), size=count)
    return np.asarray(drawn / questions, dtype=np.float64)


def percentiles(value: float, resampled: Floats, level: float = LEVEL) -> Estimate | Unknown:
    """The interval that resampling gives; ends may be infinite, a share of NaN above one in five is an Unknown."""
    known = resampled[~np.isnan(resampled)]
    if not np.isfinite(value) or len(known) < 0.8 * len(resampled):
        return Unknown("the data do not pin it down")
    low, high = np.quantile(known, ((1 - level) / 2, (1 + level) / 2), method="inverted_cdf")
    return Estimate(value, float(min(low, value)), float(max(high, value)))
