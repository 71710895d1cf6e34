"""Cells that would have to be run before a question can be answered, and about what they would take."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from engine.analysis.lines import ENOUGH
from engine.analysis.panel import Axis, Floats, Panel

MOST_QUESTIONS = 100_000


@dataclass(frozen=True, slots=True)
class Needed:
    """A grid and a number of questions, those already run among them."""

    strategy: str
    model: str
    search: tuple[int, ...]
    think: tuple[int, ...]
    cells: tuple[tuple[int, int], ...]
    """Those that nobody ran yet, or that need more questions."""
    questions: int
    runs: int
    tokens: float | None
    """About what these runs would be charged, from the runs so far; None where that cannot be told."""
    seconds: float | None
    force: tuple[Axis, ...] = ()
    """Budgets that are to be spent: as permissions they went unused, and more of the same would tell nothing."""
    index: str = ""

    @property
    def name(self) -> str:
        """What a sweep of it may be called."""
        return f"{self.strategy}-verdict".replace(".", "-")[:64]

    def toml(self, questions: str) -> str:
        """A plan of it for `budgetscape sweep`."""
        lines = [
            f'name = "{self.name}"',
            f'strategies = ["{self.strategy}"]',
            f'models = ["{self.model}"]',
            *([f'index = "{self.index}"'] if self.index else []),
            f'questions = "{questions}"',
            f"search = [{', '.join(map(str, self.search))}]",
            f"think = [{', '.join(map(str, self.think))}]",
            *(f'{axis}_mode = "force"' for axis in self.force),
            f"limit = {self.questions}",
        ]
        return "\n".join(lines) + "\n"


def needed(
    panel: Panel,
    at_search: int,
    at_think: int,
    questions: int,
    widen: dict[str, int] | None = None,
    force: tuple[Axis, ...] = (),
) -> Needed:
    """The two lines through a cell with enough levels each.

    `widen` names the largest level that an axis must reach, `force` the budgets that must be spent: runs that were only
    allowed to spend them are no part of such a grid.
    """
    widen = widen or {}
    most = panel.group.most_searches
    search = filled(panel.search, 1, widen.get("search", 0), most)
    think = filled(panel.think, 16, widen.get("think", 0))
    questions = min(MOST_QUESTIONS, max(questions, len(panel.questions)))
    have = {
        (s, t): 0 if force else int((panel.n[:, i, j] > 0).sum())
        for i, s in enumerate(panel.search)
        for j, t in enumerate(panel.think)
    }
    cross = sorted({*((s, at_think) for s in search), *((at_search, t) for t in think)})
    cells = tuple(c for c in cross if have.get(c, 0) < questions)
    missing = [questions - have.get(c, 0) for c in cells]
    tokens, seconds = (
        _about(panel, unit, cells, missing, bool(force)) for unit in ("tokens", "seconds")
    )
    group = panel.group
    return Needed(
        group.strategy,
        group.model,
        search,
        think,
        cells,
        questions,
        sum(missing),
        tokens,
        seconds,
        force,
        group.index_name,
    )


def filled(
    levels: tuple[int, ...], least: int, reach: int = 0, most: int | None = None
) -> tuple[int, ...]:
    """Levels with zero, the widest gaps halved and then doubled upwards until there are enough.

    Where doubling would pass the most that can be reached, every level below is taken until there are enough.

    filled((0, 1, 4), 1) -> (0, 1, 2, 4, 8, 16, 32)
    """
    found = sorted({0, *levels}) if levels else [0]
    if len(found) == 1:
        found.append(least)
    while found[-1] < reach and (most is None or 2 * found[-1] <= most):
        found.append(2 * found[-1])
    while len(found) < ENOUGH:
        gaps = [
            (b / a, round(sqrt(a * b)), a, b) for a, b in zip(found[1:], found[2:], strict=False)
        ]
        wide = [g for g in gaps if g[0] >= 3 and g[2] < g[1] < g[3]]
        further = max(wide)[1] if wide else 2 * found[-1]
        if most is not None and further > most:
            free = [v for v in range(most, 0, -1) if v not in found]
            if not free:
                break
            further = free[0]
        found = sorted({*found, further})
    return tuple(found)


def questions_for(now: int, detectable: float, wanted: float) -> int:
    """How many questions tell a difference of this size, when `now` tell one of another size."""
    if not np.isfinite(detectable) or wanted <= 0:
        return now
    exact = now * (detectable / wanted) ** 2
    return int(min(MOST_QUESTIONS, max(now, 10 * ceil(exact / 10))))


def _about(
    panel: Panel, unit: str, cells: tuple[tuple[int, int], ...], runs: list[int], spent: bool
) -> float | None:
    """Spending of runs in some cells, from a plane through the measured means.

    Where the budgets are to be `spent`, the plane is over what was used, and the cells use all of theirs.
    """
    costs = panel.mean(unit)
    used = panel.mean("search_used"), panel.mean("think_used")
    known = np.isfinite(costs) & (np.isfinite(used[0]) & np.isfinite(used[1]) if spent else True)
    i, j = np.nonzero(known)
    if not len(i):
        return None
    s, t = np.array(panel.search, dtype=np.float64)[i], np.array(panel.think, dtype=np.float64)[j]
    if spent:
        s, t = used[0][i, j], used[1][i, j]
    plane = np.linalg.lstsq(_plane(s, t), costs[i, j], rcond=None)[0]
    at = np.array(cells, dtype=np.float64).reshape(-1, 2)
    guessed = np.maximum(_plane(at[:, 0], at[:, 1]) @ plane, float(costs[i, j].min()))
    return float(guessed @ np.array(runs, dtype=np.float64))


def _plane(s: Floats, t: Floats) -> Floats:
    return np.stack([np.ones_like(s), s, t], axis=1)
