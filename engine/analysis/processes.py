"""Is it a property of any iterative process? Search, thinking, samples, chain length and roll-outs side by side.

Whatever a system can do more of is a process: its levels are those of a budget, or of a whole-number knob in which
surfaces differ and in nothing else. Each is read on one scale, the gain per doubling of all that a mean run spends, as
a fixed weighted sum of a question's scores, so that two processes are compared question by question. Chain length is
the search budget of a chain: every link sends one query.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from engine.analysis.curves import Curves, curves, ordered
from engine.analysis.estimate import Estimate, contrast, quality, reach_of
from engine.analysis.lines import line
from engine.analysis.panel import Axis, Floats, Group, Panel, Unknown
from engine.analysis.trend import Trend, trend

KNOBS = {
    "samples": "samples",
    "length": "chain length",
    "chains": "chains",
    "rollouts": "roll-outs",
    "rounds": "rounds",
    "turns": "turns",
    "follow_ups": "follow-up questions",
    "retrievals": "retrievals",
}
"""Knobs that say how often something is done, in words."""
BUDGETS: dict[Axis, str] = {"search": "searching", "think": "thinking"}
MARGIN = 0.01
"""Points per doubling, as a share, within which two processes are alike; as in a verdict."""
FEWEST = 20
Word = Literal["alike", "differs", "cannot tell"]


@dataclass(frozen=True, slots=True, eq=False)
class Process:
    """One thing that was done more and more often."""

    name: str
    key: tuple[str, str]
    """Strategy and model."""
    of: str
    """The surface, or the first of those that differ in the knob."""
    at: str
    """What was held, in words."""
    levels: tuple[int, ...]
    spent: Floats
    """Of a mean run at each level."""
    quality: tuple[Estimate, ...]
    trend: Trend
    per_doubling: Estimate | Unknown
    """Gain per doubling of all spending."""
    curve: Curves | Unknown
    questions: tuple[str, ...]
    y: Floats
    """Questions x levels."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two processes over the questions that both ran."""

    one: str
    two: str
    difference: Estimate | Unknown
    """Gain per doubling of the first minus that of the second."""
    word: Word
    questions: int


def processes(some: Sequence[Panel], unit: str) -> tuple[Process, ...]:
    """Both budgets of the largest surface of every strategy, and every knob that was varied."""
    found = [p for panel in _largest(some) for axis in BUDGETS if (p := _budget(panel, axis, unit))]
    return (*found, *(p for name in KNOBS for p in _knob(some, name, unit)))


def likenesses(found: Sequence[Process]) -> tuple[Likeness, ...]:
    """Every two processes of one strategy and model."""
    return tuple(_likeness(a, b) for a, b in combinations(found, 2) if a.key == b.key)


def sentence(found: Sequence[Process], unit: str) -> str:
    """Whether anything beside the two budgets was varied, and how all of it compares."""
    if not any(p.name not in BUDGETS.values() for p in found):
        return (
            "Only the two budgets were varied here. To see whether any iterative process scales so, run the same sweep "
            f"at other values of a knob ({', '.join(KNOBS)}) and read both together."
        )
    words = [x.word for x in likenesses(found)]
    told = {word: words.count(word) for word in ("alike", "differs", "cannot tell")}
    counted = ", ".join(f"{n} {word}" for word, n in told.items() if n)
    return f"Gain per doubling of {unit}, every two processes of one strategy: {counted}."


def but(group: Group, knob: str) -> tuple[object, ...]:
    """What must be equal where nothing but one knob differs."""
    content = json.loads(group.content) if group.content else {}
    knobs = {k: v for k, v in content.get("knobs", {}).items() if k != knob}
    rest = json.dumps({**content, "knobs": knobs}, sort_keys=True)
    return (
        group.strategy,
        group.model,
        group.index_name,
        group.search_mode,
        group.think_mode,
        rest,
    )


def _largest(some: Sequence[Panel]) -> list[Panel]:
    largest: dict[tuple[str, str], Panel] = {}
    for panel in sorted(some, key=lambda p: -int(p.ran().sum())):
        largest.setdefault((panel.group.strategy, panel.group.model), panel)
    return list(largest.values())


def _budget(panel: Panel, axis: Axis, unit: str) -> Process | None:
    found = line(panel, axis, None, unit)
    if isinstance(found, Unknown) or len(found.levels) < 2:
        return None
    names = tuple(panel.questions[i] for i in found.questions)
    return _process(
        BUDGETS[axis], panel.group, found.slice, found.levels, found.y, found.spent, names
    )


def _knob(some: Sequence[Panel], knob: str, unit: str) -> list[Process]:
    """The surfaces that differ in this knob alone, read at the largest cell that all of them have."""
    families: dict[tuple[object, ...], dict[int, Panel]] = {}
    for panel in some:
        value = value_of(panel.group, knob)
        if value is not None:
            families.setdefault(but(panel.group, knob), {})[value] = panel
    return [p for held in families.values() if len(held) > 1 and (p := _varied(held, knob, unit))]


def value_of(group: Group, knob: str) -> int | None:
    content = json.loads(group.content) if group.content else {}
    value = content.get("knobs", {}).get(knob)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _varied(held: dict[int, Panel], knob: str, unit: str) -> Process | None:
    levels = tuple(sorted(held))
    own = [held[level] for level in levels]
    shared = set.intersection(*(_cells(p) for p in own))
    questions = sorted(set.intersection(*(set(p.questions) for p in own)))
    for search, think in sorted(shared, reverse=True):
        columns, spent = [], []
        for panel in own:
            i, j = panel.search.index(search), panel.think.index(think)
            rows = [panel.questions.index(q) for q in questions]
            columns.append(panel.y[rows, i, j])
            spent.append(panel.mean(unit)[i, j])
        y = np.stack(columns, axis=1) if questions else np.empty((0, len(own)))
        whole = np.flatnonzero(np.isfinite(y).all(axis=1))
        if len(whole) > 1:
            names = tuple(questions[i] for i in whole)
            at = f"search {search}, think {think}"
            return _process(KNOBS[knob], own[0].group, at, levels, y[whole], np.array(spent), names)
    return None


def _cells(panel: Panel) -> set[tuple[int, int]]:
    places = zip(*np.nonzero(panel.ran()), strict=True)
    return {(panel.search[i], panel.think[j]) for i, j in places}


def _process(
    name: str,
    of: Group,
    at: str,
    levels: tuple[int, ...],
    y: Floats,
    spent: Floats,
    questions: tuple[str, ...],
) -> Process:
    points = ordered(levels, y)
    each = (quality(y[:, k]) for k in range(len(levels)))
    weights = _weights(spent)
    return Process(
        name=name,
        key=(of.strategy, of.model),
        of=of.name,
        at=at,
        levels=levels,
        spent=spent,
        quality=tuple(e for e in each if isinstance(e, Estimate)),
        trend=trend(y),
        per_doubling=weights
        if isinstance(weights, Unknown)
        else contrast(y @ weights, reach_of(weights)),
        curve=points if isinstance(points, Unknown) else curves(points),
        questions=questions,
        y=y,
    )


def _weights(spent: Floats) -> Floats | Unknown:
    """How much each level counts in the gain per doubling."""
    if not np.isfinite(spent).all() or spent.min() <= 0:
        return Unknown("what some level takes is unknown")
    if spent.max() < 2 * spent.min():
        return Unknown("at its most it takes less than twice what it takes at its least")
    u = np.log2(spent)
    return np.asarray((u - u.mean()) / ((u - u.mean()) ** 2).sum(), dtype=np.float64)


def _likeness(a: Process, b: Process) -> Likeness:
    one, two = f"{a.name} of {a.of}", f"{b.name} of {b.of}"
    both = sorted(set(a.questions) & set(b.questions))
    slopes = [_slopes(p, both) for p in (a, b)]
    for each in slopes:
        if isinstance(each, Unknown):
            return Likeness(one, two, each, "cannot tell", len(both))
    (first, most), (second, more) = (s for s in slopes if not isinstance(s, Unknown))
    apart, near = (contrast(first - second, most + more, level) for level in (0.95, 0.90))
    assert isinstance(apart, Estimate) and isinstance(near, Estimate)
    word: Word = "cannot tell"
    if not apart.tied:
        word = "differs"
    elif -MARGIN <= near.low and near.high <= MARGIN:
        word = "alike"
    return Likeness(one, two, apart, word, len(both))


def _slopes(one: Process, questions: Sequence[str]) -> tuple[Floats, float] | Unknown:
    """Each question's gain per doubling, and the most that it can be."""
    weights = _weights(one.spent)
    if isinstance(weights, Unknown):
        return Unknown(f"{one.name}: {weights.why}")
    if len(questions) < FEWEST:
        return Unknown(f"{len(questions)} questions ran in both, {FEWEST} are needed")
    rows = [one.questions.index(q) for q in questions]
    return np.asarray(one.y[rows] @ weights, dtype=np.float64), reach_of(weights)
