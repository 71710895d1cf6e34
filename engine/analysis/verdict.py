"""Does search scale like reasoning here? One plain sentence, the evidence under it, or what to run to be able to tell.

Both budgets are put on one scale, added spending (see common_cost.py), and compared over the range they share in two
numbers that need no model: the gain per doubling, and how much that gain changes from the lower to the upper half. Each
gets a 98.5 % interval, so that axes that scale alike are called different about 3 times in 100. A bend moves quality at
most an eighth of what a slope of the same size moves over the range; its margin is four times that of the slope.

    differs      one of the two differences is certain
    alike        both lie within the margin, by 90 % intervals (two one-sided tests at 5 %)
    neither      alike, and neither axis gains as much as the margin
    cannot tell  otherwise, or when levels, overlap or questions are too few

The fitted families are evidence beside it and decide nothing: an exponent depends on the family that was chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from engine.analysis.common_cost import Placed, Shared, placed, shared
from engine.analysis.estimate import Estimate, contrast, standard_error
from engine.analysis.lines import ENOUGH, Line, line
from engine.analysis.needed import Needed, needed, questions_for
from engine.analysis.panel import Axis, Bools, Floats, Panel, Stratum, Unknown, stratum_of
from engine.analysis.trend import Trend, trend

MARGIN = 0.01
"""Points of quality per doubling, as a share: below it two slopes are as good as equal."""
WRONG = 0.03
"""How often axes that scale alike may be called different."""
POWER = 0.8
BEND = 4.0
UNUSED = 0.75
"""Share of its largest budget below which an axis that does not reach far enough is to be forced."""
FEWEST = 20
"""Questions below which a stratum gets no verdict."""

Word = Literal["alike", "differs", "neither", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Compared:
    """One number of both axes, and its difference."""

    name: str
    search: Estimate
    think: Estimate
    difference: Estimate
    """Searching minus thinking, with the interval that decides (98.5 %, wider for several strata)."""
    near: Estimate
    """The same with its 90 % interval."""
    margin: float
    detectable: float
    """A true difference of this size is found 80 times in 100 with these questions."""

    @property
    def certain(self) -> bool:
        return not self.difference.tied


@dataclass(frozen=True, slots=True)
class Part:
    """The verdict on one stratum, or on all questions."""

    stratum: Stratum
    weight: float
    questions: int
    word: Word
    why: str
    """Why it cannot be told, where it cannot."""
    compared: tuple[Compared, ...]
    search: Trend | None
    think: Trend | None


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """The answer for one surface."""

    strategy: str
    model: str
    unit: str
    margin: float
    at_think: int
    """Where searching is varied."""
    at_search: int
    """Where thinking is varied."""
    range: tuple[float, float] | None
    """Added spending over which both are compared."""
    mixture: Part
    strata: tuple[Part, ...]
    needed: Needed | None
    lines: tuple[Line, Line] | None
    placed: tuple[Placed, Placed] | None


def verdict(
    panel: Panel,
    unit: str = "tokens",
    by: Sequence[str] = (),
    at_search: int | None = None,
    at_think: int | None = None,
    margin: float = MARGIN,
) -> Verdict:
    """The verdict on one surface: searching at a named thinking budget, thinking at a named search budget."""
    search, think = line(panel, "search", at_think, unit), line(panel, "think", at_search, unit)
    if isinstance(search, Unknown) or isinstance(think, Unknown):
        why = search.why if isinstance(search, Unknown) else think.why  # type: ignore[union-attr]
        places = at_search or max(panel.search, default=0), at_think or max(panel.think, default=0)
        return _untold(panel, unit, margin, why, places, None)
    places = think.at, search.at
    pair = _paired(search, think)
    if isinstance(pair, Unknown):
        return _untold(panel, unit, margin, pair.why, places, None)
    search, think = pair
    why = "; ".join(filter(None, (search.short, think.short)))
    if why:
        return _untold(panel, unit, margin, why, places, (search, think))
    axes = placed(search, unit), placed(think, unit)
    idle = _idle(panel, search, think)
    for axis in axes:
        if isinstance(axis, Unknown):
            return _untold(panel, unit, margin, axis.why, places, (search, think), force=idle)
    assert isinstance(axes[0], Placed) and isinstance(axes[1], Placed)
    common = shared(axes[0], axes[1], unit)
    if isinstance(common, Unknown):
        widen = {} if idle else _widen(search, think, axes[0], axes[1])
        return _untold(panel, unit, margin, common.why, places, (search, think), widen, idle)
    return _told(panel, unit, by, margin, (search, think), common)


def _told(
    panel: Panel,
    unit: str,
    by: Sequence[str],
    margin: float,
    lines: tuple[Line, Line],
    common: Shared,
) -> Verdict:
    search, think = lines
    of = [stratum_of(panel.strata[i], by) for i in search.questions]
    everyone = np.ones(len(of), dtype=bool)
    mixture = _part((), everyone, lines, common, margin, 1)
    names = sorted(set(of), key=str) if by else []
    parts = tuple(
        _part(n, np.array([o == n for o in of], dtype=bool), lines, common, margin, len(names))
        for n in names
    )
    more: Needed | None = None
    if mixture.word == "cannot tell":
        worst = max((c.detectable / c.margin for c in mixture.compared), default=np.inf)
        wanted = questions_for(len(of), worst, 2.0)
        more = needed(panel, think.at, search.at, wanted)
    return Verdict(
        panel.group.strategy,
        panel.group.model,
        unit,
        margin,
        search.at,
        think.at,
        (common.first, common.last),
        mixture,
        parts,
        more,
        lines,
        (common.search, common.think),
    )


def _part(
    stratum: Stratum,
    keep: Bools,
    lines: tuple[Line, Line],
    common: Shared,
    margin: float,
    strata: int,
) -> Part:
    q = int(keep.sum())
    weight = q / len(keep)
    if q < FEWEST:
        why = f"{q} questions ran at every level, a verdict needs {FEWEST}"
        return Part(stratum, weight, q, "cannot tell", why, (), None, None)
    level = 1 - WRONG / (2 * strata)
    pairs = {"gain per doubling": common.slope, "change of that gain": common.bend}
    compared = tuple(
        _compared(name, a[keep], b[keep], reach, level, near)
        for (name, (a, b)), reach, near in zip(
            pairs.items(), common.reach, (margin, BEND * margin), strict=True
        )
    )
    rises = tuple(trend(line.y[keep]) for line in lines)
    word = _word(compared)
    why = "" if word != "cannot tell" else "the intervals are wider than the margin"
    return Part(stratum, weight, q, word, why, compared, *rises)


def _compared(
    name: str, search: Floats, think: Floats, reach: float, level: float, margin: float
) -> Compared:
    each = contrast(search, reach), contrast(think, reach)
    apart = search - think
    decides, near = contrast(apart, reach, level), contrast(apart, reach, 0.90)
    assert isinstance(each[0], Estimate) and isinstance(each[1], Estimate)
    assert isinstance(decides, Estimate) and isinstance(near, Estimate)
    freedom = len(apart) - 1
    detectable = decides.half + float(stdtrit(freedom, POWER)) * standard_error(apart)
    return Compared(name, each[0], each[1], decides, near, margin, detectable)


def _word(compared: tuple[Compared, ...]) -> Word:
    if any(c.certain for c in compared):
        return "differs"
    if any(not _within(c.near, c.margin) for c in compared):
        return "cannot tell"
    slopes = compared[0].search, compared[0].think
    return "neither" if all(_within(s, compared[0].margin) for s in slopes) else "alike"


def _within(estimate: Estimate, margin: float) -> bool:
    return -margin <= estimate.low and estimate.high <= margin


def _paired(search: Line, think: Line) -> tuple[Line, Line] | Unknown:
    """Both lines on the questions that ran on both."""
    both = sorted(set(search.questions) & set(think.questions))
    if len(both) < 2:
        return Unknown("fewer than two questions ran along both budgets")
    return _only(search, both), _only(think, both)


def _only(one: Line, questions: list[int]) -> Line:
    rows = np.flatnonzero(np.isin(one.questions, questions))
    left_out = one.left_out + len(one.questions) - len(rows)
    return Line(
        one.axis, one.at, one.levels, one.y[rows], one.spent, one.used, tuple(questions), left_out
    )


def _widen(search: Line, think: Line, a: Placed, b: Placed) -> dict[str, int]:
    """The axis that spends less must reach as far as the other."""
    short, far = (think, a) if b.x[-1] < a.x[-1] else (search, b)
    own = b if short is think else a
    factor = min(64.0, max(2.0, float(far.x[-1] / own.x[-1])))
    return {short.axis: int(short.levels[-1] * factor)}


def _idle(panel: Panel, *lines: Line) -> tuple[Axis, ...]:
    """Budgets that were permissions, went unused at their largest, and could be forced."""
    modes = {"search": panel.group.search_mode, "think": panel.group.think_mode}
    return tuple(
        one.axis
        for one in lines
        if modes[one.axis] == "cap"
        and one.axis in panel.group.forcible
        and one.used[-1] < UNUSED * one.levels[-1]
    )


def _stuck(panel: Panel) -> str:
    """Why no more runs would help: an axis cannot have enough levels."""
    if panel.group.think_mode == "effort":
        return "thinking is set by effort levels, which are too few for a shape"
    most = panel.group.most_searches
    if most is None or most >= ENOUGH - 1:
        return ""
    does = ("never searches", "searches at most once", f"searches at most {most} times")[
        min(most, 2)
    ]
    return f"{panel.group.strategy} with these knobs {does}, too little for a shape"


def _untold(
    panel: Panel,
    unit: str,
    margin: float,
    why: str,
    places: tuple[int, int],
    lines: tuple[Line, Line] | None,
    widen: dict[str, int] | None = None,
    force: tuple[Axis, ...] = (),
) -> Verdict:
    why = _stuck(panel) or why
    count = len(lines[0].questions) if lines else len(panel.questions)
    part = Part((), 1.0, count, "cannot tell", why, (), None, None)
    more = (
        None
        if _stuck(panel)
        else needed(panel, *places, max(200, len(panel.questions)), dict(widen or {}), force)
    )
    group = panel.group
    return Verdict(
        group.strategy,
        group.model,
        unit,
        margin,
        places[1],
        places[0],
        None,
        part,
        (),
        more,
        lines,
        None,
    )
