"""Has a system got worse? One sweep against an earlier one, cell by cell, paired by question.

A regression is a difference that lies below minus the margin with its whole interval. Many cells are looked at, so the
level at which an alarm is false is shared out: half of it to the mean over all cells, half to the cells in equal parts
(Bonferroni). On systems that are equal within the margin an alarm is then raised at most that often. No alarm is not
the same as no loss: `could_hide` says how large a loss the questions cannot rule out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.analysis.estimate import Estimate
from engine.analysis.paired import MARGIN, Cell, Judged, judged
from engine.analysis.panel import Floats, Group, Panel, Unknown

LEVEL = 0.05
"""How often an alarm may be false."""
FEWEST = 10
"""Questions below which nothing is compared."""
Outcome = Literal["regressed", "as good", "undecided"]


@dataclass(frozen=True, slots=True)
class Compared:
    """One cell of both sweeps; the difference is now minus before, on the questions that both ran."""

    cell: Cell
    before: float
    now: float
    judged: Judged


@dataclass(frozen=True, slots=True)
class Gate:
    """What is told, and what a pipeline does with it."""

    overall: Judged
    """The mean over all cells of each question."""
    cells: tuple[Compared, ...]
    margin: float
    level: float
    questions: int
    """That both sweeps ran."""
    dropped: tuple[str, ...]
    """What was not compared, and why."""

    @property
    def regressions(self) -> tuple[Compared, ...]:
        return tuple(c for c in self.cells if c.judged.state == "worse")

    @property
    def outcome(self) -> Outcome:
        if self.regressions or self.overall.state == "worse":
            return "regressed"
        return "as good" if self.overall.state == "as good" else "undecided"

    @property
    def could_hide(self) -> float:
        """The largest mean loss that the interval does not rule out, as a share; 0 when none."""
        return max(0.0, -self.overall.difference.low)

    @property
    def sentence(self) -> str:
        """The outcome in plain words, with the numbers it rests on."""
        d, points = self.overall.difference, f"{100 * self.margin:g} points"
        span = f"{100 * d.value:+.1f} [{100 * d.low:+.1f}, {100 * d.high:+.1f}] points"
        base = f"mean over {len(self.cells)} cells {span}, {self.questions} questions"
        if self.outcome == "regressed":
            worst = [c.cell.name for c in self.regressions]
            where = f"; worse: {'; '.join(worst)}" if worst else ""
            return f"Worse than the baseline by more than {points} ({base}){where}."
        if self.outcome == "as good":
            return f"As good as the baseline within {points} ({base})."
        return (
            f"No regression is shown, but a mean loss of {100 * self.could_hide:.1f} points cannot be ruled out "
            f"({base}): more questions would tell."
        )


def gate(
    now: Sequence[Panel], before: Sequence[Panel], margin: float = MARGIN, level: float = LEVEL
) -> Gate | Unknown:
    """Compare the cells that two sweeps share; `Unknown` where they share too little."""
    pairs, dropped = _pairs(now, before)
    names = sorted({q for pair in pairs for panel in pair for q in panel.questions})
    found: list[tuple[Cell, Floats, Floats]] = []
    for one, other in pairs:
        cells, left = _cells(one, other, names)
        found += cells
        dropped += left
    if not found:
        return Unknown(f"nothing can be compared: {'; '.join(dropped) or 'no cell is shared'}")
    whole = _means(np.stack([n - b for _, n, b in found], axis=1))
    if len(whole) < FEWEST:
        return Unknown(f"{len(whole)} questions are shared, {FEWEST} are needed")
    overall = judged(whole, np.zeros(len(whole)), margin, 1 - level)
    assert isinstance(overall, Judged)
    share = level / len(found)
    compared = (_compared(cell, n, b, margin, 1 - share) for cell, n, b in found)
    return Gate(
        overall,
        tuple(c for c in compared if c is not None),
        margin,
        level,
        len(whole),
        tuple(dropped),
    )


def _compared(
    cell: Cell, now: Floats, before: Floats, margin: float, level: float
) -> Compared | None:
    found = judged(now, before, margin, level)
    if isinstance(found, Unknown):
        return None
    both = np.isfinite(now) & np.isfinite(before)
    return Compared(cell, float(before[both].mean()), float(now[both].mean()), found)


def _pairs(
    now: Sequence[Panel], before: Sequence[Panel]
) -> tuple[list[tuple[Panel, Panel]], list[str]]:
    """Each surface with the one it is compared with: same strategy and modes, then whatever else agrees best."""
    pairs: list[tuple[Panel, Panel]] = []
    dropped: list[str] = []
    for panel in now:
        like = [p for p in before if _must(p.group) == _must(panel.group)]
        best = max((_agreement(p.group, panel.group) for p in like), default=-1)
        like = [p for p in like if _agreement(p.group, panel.group) == best]
        if len(like) == 1:
            pairs.append((panel, like[0]))
        else:
            why = "several surfaces of the baseline fit" if like else "the baseline lacks it"
            dropped.append(f"{panel.group.name}: {why}")
    return pairs, dropped


def _must(group: Group) -> tuple[object, ...]:
    return group.strategy, group.search_mode, group.think_mode


def _agreement(one: Group, other: Group) -> int:
    """How much else is equal: model before width before index before configuration."""
    names = ("model", "width", "index_name", "config")
    return sum(
        2 ** (len(names) - n) * (getattr(one, name) == getattr(other, name))
        for n, name in enumerate(names)
    )


def _means(differences: Floats) -> Floats:
    """The mean difference of each question over the cells that both ran; questions without one are left out."""
    ran = np.isfinite(differences)
    sums, counts = np.where(ran, differences, 0.0).sum(axis=1), ran.sum(axis=1)
    return np.asarray(sums[counts > 0] / counts[counts > 0])


def _cells(
    now: Panel, before: Panel, names: Sequence[str]
) -> tuple[list[tuple[Cell, Floats, Floats]], list[str]]:
    """Scores of the cells that both have, a row for each of the names; NaN where one did not run."""
    mine, theirs = _spread(now, names), _spread(before, names)
    both = [q for q in now.questions if q in set(before.questions)]
    if len(both) < FEWEST:
        return [], [f"{now.group.name}: {len(both)} questions are shared, {FEWEST} are needed"]
    cells = []
    for i, s in enumerate(now.search):
        for j, t in enumerate(now.think):
            if s not in before.search or t not in before.think:
                continue
            other = theirs[:, before.search.index(s), before.think.index(t)]
            one = mine[:, i, j]
            if int((np.isfinite(one) & np.isfinite(other)).sum()) >= FEWEST:
                cells.append((Cell(now.group, s, t), one, other))
    left = int(now.ran().sum()) - len(cells)
    return cells, [f"{now.group.name}: {left} cells are not in the baseline"] if left else []


def _spread(panel: Panel, names: Sequence[str]) -> Floats:
    """The panel's scores with a row for every name."""
    y = np.full((len(names), *panel.y.shape[1:]), np.nan)
    at = {q: i for i, q in enumerate(names)}
    y[[at[q] for q in panel.questions]] = panel.y
    return y


def told(estimate: Estimate) -> str:
    """A difference in points. Estimate(-.04, -.06, -.02) -> "-4.0 [-6.0, -2.0]" """
    return f"{100 * estimate.value:+.1f} [{100 * estimate.low:+.1f}, {100 * estimate.high:+.1f}]"
