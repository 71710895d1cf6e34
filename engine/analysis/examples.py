"""Three examples of what more budget bought, chosen by a rule, so that nobody can pick the pretty ones.

From a surface and one of its cells: more searching (the least against the most, at the cell's reasoning budget), more
thinking (likewise, at its search budget), and more of both. Of each step the questions that it won, lost and left
alike are counted. Shown is one of those that it won, or of those that it lost where these are more, or of those left
alike where it did neither: the one whose added tokens are the median, which is the usual case and not the best one. A
question that an earlier example shows makes room for another one, where there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.analysis.estimate import Estimate, contrast
from engine.analysis.grid import Place
from engine.analysis.panel import Floats, Ints, Panel, Unknown

More = Literal["search", "think", "both"]
KINDS: tuple[More, More, More] = ("search", "think", "both")
RULE = (
    "Each step goes from the least to the most of a budget, the other as recommended. Shown is a question that the "
    "step won, or one that it lost where it lost more, or one left alike where it did neither; of these the one whose "
    "added tokens are the median: the usual case, not the best one. No question is shown twice where there is another."
)
_ALIKE = 1e-9


@dataclass(frozen=True, slots=True)
class Example:
    """One step up and a question that shows it."""

    more: More
    before: tuple[int, int]
    """Search and reasoning budget."""
    after: tuple[int, int]
    gain: Estimate | Unknown
    """Mean difference in score over the questions that ran at both."""
    won: int
    lost: int
    alike: int
    question: str
    change: float
    """In the score of this question."""
    added_tokens: float | None
    """Of this question's runs, on average over its seeds; None where unknown."""


def examples(panel: Panel, search: int, think: int) -> tuple[Example | Unknown, ...]:
    """One for each of KINDS, or why there is none; the cell is one of the panel's levels."""
    found: list[Example | Unknown] = []
    for more in KINDS:
        seen = {e.question for e in found if isinstance(e, Example)}
        found.append(_example(panel, more, search, think, seen))
    return tuple(found)


def anchor(panel: Panel) -> tuple[int, int] | None:
    """The best cell of a surface, the one with the smallest budgets among equals; None where nothing ran."""
    quality = panel.quality()
    if not np.isfinite(quality).any():
        return None
    i, j = next(zip(*np.nonzero(quality >= np.nanmax(quality) - 1e-12), strict=True))
    return panel.search[i], panel.think[j]


def _example(
    panel: Panel, more: More, search: int, think: int, seen: set[str]
) -> Example | Unknown:
    ends = _ends(panel, more, search, think)
    if isinstance(ends, Unknown):
        return ends
    before, after = ends
    apart = panel.y[:, *after] - panel.y[:, *before]
    both = np.flatnonzero(np.isfinite(apart))
    if not len(both):
        return Unknown("no question ran at both ends")
    won, lost = both[apart[both] > _ALIKE], both[apart[both] < -_ALIKE]
    alike = both[np.abs(apart[both]) <= _ALIKE]
    added = panel.spent["tokens"][:, *after] - panel.spent["tokens"][:, *before]
    some = lost if len(lost) > len(won) else won if len(won) else alike
    fresh = np.array([q for q in some if panel.questions[q] not in seen], dtype=np.int64)
    shown = _median(panel, added, fresh if len(fresh) else some)
    return Example(
        more,
        _budgets(panel, before),
        _budgets(panel, after),
        contrast(apart[both]),
        len(won),
        len(lost),
        len(alike),
        panel.questions[shown],
        float(apart[shown]),
        float(added[shown]) if np.isfinite(added[shown]) else None,
    )


def _ends(panel: Panel, more: More, search: int, think: int) -> tuple[Place, Place] | Unknown:
    """The least and the most that was measured."""
    if search not in panel.search or think not in panel.think:
        return Unknown(f"search {search}, think {think} was not measured")
    here = panel.search.index(search), panel.think.index(think)
    ran = [(int(i), int(j)) for i, j in zip(*np.nonzero(panel.ran()), strict=True)]
    line = {
        "search": [p for p in ran if p[1] == here[1]],
        "think": [p for p in ran if p[0] == here[0]],
        "both": ran,
    }[more]
    first, last = (min(line), max(line)) if line else (here, here)
    if first == last or (more == "both" and not (first[0] < last[0] and first[1] < last[1])):
        what = {"search": "searching", "think": "thinking", "both": "both together"}[more]
        return Unknown(f"{panel.group.strategy} was measured at one budget for {what} here")
    return first, last


def _median(panel: Panel, added: Floats, some: Ints) -> int:
    """The question whose added tokens are the lower median; unknown ones count as most, ties go by name."""
    known = np.where(np.isfinite(added), added, np.inf)
    order = sorted(some, key=lambda q: (known[q], panel.questions[q]))
    return int(order[(len(order) - 1) // 2])


def _budgets(panel: Panel, place: Place) -> tuple[int, int]:
    return panel.search[place[0]], panel.think[place[1]]
