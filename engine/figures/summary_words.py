"""What a summary says in words: the card, the answers, the examples, and the caveats that its data call for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.analysis.allocation import Next
from engine.analysis.choice import Choice
from engine.analysis.estimate import Estimate, quality
from engine.analysis.examples import Example
from engine.analysis.paired import Cell, Table
from engine.analysis.panel import Panel, Unknown
from engine.figures.cell_words import questions
from engine.figures.sheets import Cell as Measured
from engine.figures.summary import Card, Fact, Said, Standing

SMALL = (
    "The model is tiny and its world is invented: read the shape of the surface, not its level. A larger model reaches "
    "other scores, and another corpus another shape."
)
TITLES = {"search": "More searching", "think": "More thinking", "both": "More of both"}
_MUCH = 0.25
"""Share of forced answers, or of a budget left unused, from which it is said."""


class Counted(Measured, Protocol):
    """A cell that tells how it was spent."""

    @property
    def cut_off(self) -> float: ...
    @property
    def search_compliance(self) -> float | None: ...
    @property
    def think_compliance(self) -> float | None: ...


@dataclass(frozen=True, slots=True)
class Extent:
    """How far a sweep has come."""

    planned: int | None
    """Questions that its plan asks for; None where no plan is known."""
    left_out: int = 0
    """Configurations that are measured and not shown."""


def points(estimate: Estimate | Unknown) -> str:
    """+3.0 [-1.2, +7.2] points, or why not."""
    if isinstance(estimate, Unknown):
        return estimate.why
    value, low, high = (100 * v for v in (estimate.value, estimate.low, estimate.high))
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}] points"


def count(n: int, what: str, many: str = "") -> str:
    """1 question, 2 questions"""
    return f"{n:,} {what if n == 1 else many or what + 's'}"


def difficulty(hops: int | None, operations: int | None) -> str:
    """2 hops, 1 operation"""
    known = ((hops, "hop"), (operations, "operation"))
    return ", ".join(count(n, what) for n, what in known if n is not None)


# ------------------------------------------------------------------------------------------- the question


def asked(models: Sequence[str], indexes: Sequence[str]) -> str:
    """The question that a sweep answers."""
    who = models[0] if len(models) == 1 else "each model"
    where = f" over {indexes[0]}" if len(indexes) == 1 else ""
    return (
        f"How much should {who} search, and how much should it think, to answer questions{where}?"
    )


def extent(panels: Sequence[Panel], quality: str) -> str:
    """What was measured, in a line."""
    strategies, models = ({getattr(p.group, k) for p in panels} for k in ("strategy", "model"))
    searches = {v for p in panels for v in p.search}
    thinks = {v for p in panels for v in p.think}
    questions = {q for p in panels for q in p.questions}
    runs = int(sum(p.n.sum() for p in panels))
    return (
        f"{quality.capitalize()} of {count(runs, 'run')}: {count(len(questions), 'question')}, "
        f"{count(len(strategies), 'strategy', 'strategies')}, {count(len(models), 'model')}, "
        f"{count(len(searches), 'search budget')} by {count(len(thinks), 'reasoning budget')}."
    )


# ----------------------------------------------------------------------------------------------- the card


def card(choice: Choice | Unknown, held: Table | Unknown) -> Card:
    if isinstance(choice, Unknown):
        return Card(f"No recommendation: {choice.why}.")
    saving = "unknown" if choice.saving is None else f"{choice.saving:.0%}"
    facts = (
        Fact("Quality of the pick", f"{choice.pick_quality:.3f}", choice.pick.name),
        Fact("Quality of the best", f"{choice.best_quality:.3f}", choice.best.name),
        Fact(f"Saves of the {choice.unit}", saving, "of what the best setting takes per question"),
        Fact(
            "Folds that agree",
            f"{choice.same} of {choice.folds}",
            "how many parts of the questions, left out in turn, gave the same pick",
        ),
    )
    spans = {
        name: _span(held, cell)
        for name, cell in (("pick", choice.pick), ("best", choice.best))
        if isinstance(held, Table)
    }
    told = "" if len(spans) < 2 else f"95 %: pick {spans['pick']}, best {spans['best']}. "
    note = (
        f"{told}Margin {100 * choice.margin:g} points. Chosen and judged on different folds of "
        f"{count(choice.questions, 'question')}; difference to the best {points(choice.difference)}."
    )
    standings = tuple(
        Standing(
            s.cell.name,
            s.spend,
            s.quality,
            s.difference.value,
            s.difference.low,
            s.difference.high,
            s.state,
            s.tied,
        )
        for s in choice.standings
    )
    return Card(choice.sentence, facts, choice.margin, choice.unit, note, standings)


def _span(held: Table, cell: Cell) -> str:
    found = quality(held.column(cell))
    return found.why if isinstance(found, Unknown) else f"{found.low:.2f} to {found.high:.2f}"


def next_said(found: Next | Unknown, unit: str) -> Said:
    """Where the next unit goes from the recommended setting."""
    question = f"Where does the next unit of {unit} go?"
    if isinstance(found, Unknown):
        return Said(question, f"Cannot tell: {found.why}.")
    here = f"from search {found.search}, think {found.think}"
    steps = "; ".join(f"{g.axis} to {g.to} adds {points(g.quality)}" for g in found.gains)
    word = {
        "search": "Into searching",
        "think": "Into thinking",
        "tied": "Either way: the two are tied",
        "neither is shown to help": "Nowhere yet: neither is shown to help",
        "unknown": "Cannot tell: nothing further was measured",
    }[found.word]
    return Said(question, f"{word}, {here}{f' ({steps})' if steps else ''}.")


# ------------------------------------------------------------------------------------------- the examples


def step(example: Example) -> str:
    (s, t), (u, v) = example.before, example.after
    return {
        "search": f"From {s} to {count(u, 'search', 'searches')}, with {count(t, 'thinking token')}",
        "think": f"From {t} to {count(v, 'thinking token')}, with {count(s, 'search', 'searches')}",
        "both": f"From {s} to {count(u, 'search', 'searches')} and from {t} to {count(v, 'thinking token')}",
    }[example.more]


def bought(example: Example) -> str:
    """What the step bought over all questions, and which one is shown."""
    total = example.won + example.lost + example.alike
    shown = "lost" if example.lost > example.won else "won" if example.won else "left alike"
    return (
        f"{points(example.gain)} over {count(total, 'question')}: won {example.won}, lost {example.lost}, "
        f"left {example.alike} alike. Shown is one it {shown}."
    )


# -------------------------------------------------------------------------------------------- the caveats


def caveats(
    cells: Sequence[Counted],
    panels: Sequence[Panel],
    choice: Choice | Unknown,
    reached: Extent,
    small: Collection[str],
    unit: str,
) -> tuple[str, ...]:
    """What a reader must know before quoting a number; only what holds for these data."""
    said = [SMALL] if any(p.group.model in small for p in panels) else []
    said += _size(cells, panels, reached)
    said += _picked(cells, choice)
    said += _unseen(panels, choice)
    said += _chosen(choice)
    said += _left(panels, reached)
    if unit == "seconds":
        said.append(
            "Seconds were taken while other runs shared the machine: they rank settings, they do not forecast waiting."
        )
    return tuple(said)


def _size(cells: Sequence[Counted], panels: Sequence[Panel], reached: Extent) -> list[str]:
    if not cells:
        return []
    counts = [questions(c) for c in cells]
    least, most = min(counts), max(counts)
    widest = max((c.high or 0.0) - (c.low or 0.0) for c in cells) / 2
    span = f"{least}" if least == most else f"{least} to {most}"
    said = [
        f"Each cell rests on {span} question{'s' * (most != 1)}: a score may be off by up to "
        f"{100 * widest:.0f} points either way (95 %)."
    ]
    have = len({q for p in panels for q in p.questions})
    if reached.planned is not None and have < reached.planned:
        said.append(f"The sweep is unfinished: {have} of {reached.planned} questions so far.")
    return said


def _picked(cells: Sequence[Counted], choice: Choice | Unknown) -> list[str]:
    """How the recommended setting, and the largest one of its surface, were really spent."""
    if isinstance(choice, Unknown):
        return []
    own = [
        c
        for c in cells
        if (c.strategy, c.model) == (choice.pick.group.strategy, choice.pick.group.model)
    ]
    here = next(
        (c for c in own if (c.search, c.think) == (choice.pick.search, choice.pick.think)), None
    )
    said = []
    if here is not None and here.cut_off >= _MUCH:
        said.append(
            f"At the recommended setting {here.cut_off:.0%} of the answers were forced by a limit: the runs would have "
            "gone on."
        )
    far = max(own, key=lambda c: (c.search, c.think), default=None)
    if far is not None:
        unused = [
            f"{share:.0%} of the {name}"
            for share, name in (
                (far.search_compliance, "searches"),
                (far.think_compliance, "thinking"),
            )
            if share is not None and share < 1 - _MUCH
        ]
        if unused:
            said.append(
                f"Budgets are permissions: at the largest ones (search {far.search}, think {far.think}) a mean run "
                f"used {' and '.join(unused)} that it might have."
            )
    return said


def _unseen(panels: Sequence[Panel], choice: Choice | Unknown) -> list[str]:
    """How many right answers of the recommended setting did not rest on the evidence."""
    own = None if isinstance(choice, Unknown) else _panel_of(panels, choice)
    if own is None or isinstance(choice, Unknown):
        return []
    at = own.search.index(choice.pick.search), own.think.index(choice.pick.think)
    recall = own.spent["recall"][:, *at]
    right = np.isfinite(recall) & (own.y[:, *at] >= 1)
    unseen = int((recall[right] < 1).sum())
    if not unseen:
        return []
    return [
        f"Of {count(int(right.sum()), 'right answer')} at the recommended setting whose evidence is known, {unseen} "
        "came without having been shown all of it: a guess that hits counts as right."
    ]


def _panel_of(panels: Sequence[Panel], choice: Choice) -> Panel | None:
    return next((p for p in panels if p.group == choice.pick.group), None)


def _chosen(choice: Choice | Unknown) -> list[str]:
    if isinstance(choice, Unknown) or choice.alike:
        return []
    return [
        f"The two qualities on the card are in-sample: the best of {len(choice.standings)} settings, measured on the "
        "questions that chose it, looks better than it is. Only the difference was judged on other questions."
    ]


def _left(panels: Sequence[Panel], reached: Extent) -> list[str]:
    said = []
    refused = sum(p.refused for p in panels)
    if refused:
        said.append(
            f"{count(refused, 'run')} without a usable score {'is' if refused == 1 else 'are'} left out."
        )
    if reached.left_out:
        said.append(
            f"{count(reached.left_out, 'more configuration')} of this sweep "
            f"{'is' if reached.left_out == 1 else 'are'} measured and not drawn: different ones are never pooled."
        )
    return said
