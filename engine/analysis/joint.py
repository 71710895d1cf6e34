"""Both budgets at once: do search and thinking help each other, or stand in for each other?

On the probability scale, 2 x 2 contrasts: what more thinking adds with more search, minus that with less. On the fitted
scale, logit y = a + b1 ln(1 + S) + b2 ln(1 + R) + b3 ln(1 + S) ln(1 + R), with errors clustered by question:
b3 above zero is complement, below zero substitute. The two scales may disagree near 0 and 1, so both are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from math import sqrt

import numpy as np
from scipy.special import expit, stdtrit

from engine.analysis.estimate import Estimate, contrast
from engine.analysis.panel import Floats, Ints, Panel, Unknown

STEPS = 60


@dataclass(frozen=True, slots=True)
class Interaction:
    """One 2 x 2 contrast."""

    search: tuple[int, int]
    think: tuple[int, int]
    extra: Estimate
    """What both together add beyond the sum of each alone."""
    questions: int

    @property
    def word(self) -> str:
        if self.extra.tied:
            return "undecided"
        return "complement" if self.extra.value > 0 else "substitute"


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """The fitted two-axis model."""

    coefficients: dict[str, Estimate]
    questions: int
    cells: int
    covariance: Floats
    """Of the coefficients in their order, clustered by question."""
    scale: tuple[float, float]
    """ln(1 + S) and ln(1 + R) count in these: their largest measured values."""

    def at(self, search: float, think: float) -> Estimate:
        """What the model says of a pair of budgets, measured or not; nothing outside the cells supports it."""
        s, t = np.log1p(search) / self.scale[0], np.log1p(think) / self.scale[1]
        row = np.array([1.0, s, t, s * t])
        middle = float(row @ np.array([c.value for c in self.coefficients.values()]))
        half = float(stdtrit(self.questions - 1, 0.975)) * sqrt(float(row @ self.covariance @ row))
        low, value, high = expit(np.array([middle - half, middle, middle + half]))
        return Estimate(float(value), float(low), float(high))

    @property
    def word(self) -> str:
        both = self.coefficients["search x think"]
        if both.tied:
            return "undecided"
        return "complement" if both.value > 0 else "substitute"


def corners(panel: Panel) -> Interaction | Unknown:
    """The contrast between the outermost levels that some question ran at in all four corners."""
    if len(panel.search) < 2 or len(panel.think) < 2:
        return Unknown("an interaction needs two levels of both budgets")
    pairs = product(_widest_first(len(panel.search)), _widest_first(len(panel.think)))
    for search, think in pairs:
        found = interaction(panel, search, think)
        if isinstance(found, Interaction):
            return found
    return Unknown("no question ran in four cells that form a rectangle")


def _widest_first(levels: int) -> list[tuple[int, int]]:
    """_widest_first(3) -> [(0, 2), (0, 1), (1, 2)]"""
    return sorted(combinations(range(levels), 2), key=lambda p: p[0] - p[1])


def steps(panel: Panel) -> tuple[Interaction, ...]:
    """The contrasts of all neighbouring levels, where they were measured."""
    found = [
        interaction(panel, (i, i + 1), (j, j + 1))
        for i in range(len(panel.search) - 1)
        for j in range(len(panel.think) - 1)
    ]
    return tuple(f for f in found if isinstance(f, Interaction))


def interaction(
    panel: Panel, search: tuple[int, int], think: tuple[int, int]
) -> Interaction | Unknown:
    """The contrast between two search levels and two thinking levels, by their places."""
    (i, j), (u, v) = search, think
    y = panel.y
    extra = y[:, j, v] - y[:, j, u] - y[:, i, v] + y[:, i, u]
    known = extra[np.isfinite(extra)]
    found = contrast(known, reach=2.0)
    if isinstance(found, Unknown):
        return found
    levels_s = panel.search[i], panel.search[j]
    return Interaction(levels_s, (panel.think[u], panel.think[v]), found, len(known))


def joint(panel: Panel) -> Joint | Unknown:
    """The logit model over all cells."""
    ran = panel.n > 0
    if min(len(panel.search), len(panel.think)) < 2:
        return Unknown("a model of both budgets needs two levels of each")
    question, i, j = (np.asarray(a, dtype=np.int64) for a in np.nonzero(ran))
    y = panel.y[ran]
    s = np.log1p(np.array(panel.search, dtype=np.float64))[i]
    t = np.log1p(np.array(panel.think, dtype=np.float64))[j]
    scale = float(s.max()), float(t.max())
    s, t = s / scale[0], t / scale[1]
    x = np.stack([np.ones_like(s), s, t, s * t], axis=1)
    cells = int(ran.any(axis=0).sum())
    if np.linalg.matrix_rank(np.unique(x, axis=0)) < 4:
        return Unknown("the measured cells do not tell the two budgets apart")
    if len(panel.questions) < 10:
        return Unknown(
            f"a model of both budgets needs 10 questions, there are {len(panel.questions)}"
        )
    if y.std() == 0:
        return Unknown("every run scores the same")
    return _fitted(x, y, question, cells, scale)


def _fitted(
    x: Floats, y: Floats, question: Ints, cells: int, scale: tuple[float, float]
) -> Joint | Unknown:
    beta = np.zeros(4)
    for _ in range(STEPS):
        p = expit(x @ beta)
        bread = (x * (p * (1 - p))[:, None]).T @ x
        try:
            step = np.linalg.solve(bread, x.T @ (y - p))
        except np.linalg.LinAlgError:
            break
        beta = beta + np.clip(step, -4, 4)
        if np.abs(step).max() < 1e-9:
            return _with_errors(x, y, question, beta, cells, scale)
        if np.abs(beta).max() > 40:
            break
    return Unknown(
        "a budget separates right from wrong completely: the logit model has no finite fit"
    )


def _with_errors(
    x: Floats, y: Floats, question: Ints, beta: Floats, cells: int, scale: tuple[float, float]
) -> Joint:
    p = expit(x @ beta)
    bread = np.linalg.inv((x * (p * (1 - p))[:, None]).T @ x)
    places = np.unique(question, return_inverse=True)[1]
    g = int(places.max()) + 1
    scores = np.zeros((g, 4))
    np.add.at(scores, places, x * (y - p)[:, None])
    covariance = bread @ (scores.T @ scores) @ bread * g / (g - 1)
    t = float(stdtrit(g - 1, 0.975))
    names = ("intercept", "search", "think", "search x think")
    coefficients = {
        name: Estimate(
            float(b), float(b - t * sqrt(covariance[i, i])), float(b + t * sqrt(covariance[i, i]))
        )
        for i, (name, b) in enumerate(zip(names, beta, strict=True))
    }
    return Joint(coefficients, g, cells, covariance, scale)
