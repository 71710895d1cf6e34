"""A comparison of runs -> what a person reads in lanes: heads of all steps at once, bodies of those that are opened."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from engine.analysis.alignment import stretches
from engine.analysis.traces import Axis, Comparison
from engine.figures import lanes_words as words
from engine.figures.amounts import money, queries, span
from engine.figures.lanes_strip import Strip, strip
from engine.figures.lanes_words import LETTERS
from engine.figures.palette import COLOURS, Identity, Key
from engine.figures.trace import StepInfo, marks, trace_info, verdict
from engine.run.budgets import think_words
from engine.types import Run

AXES: dict[Axis, str] = {"step": "step", "seconds": "time", "tokens": "tokens", "cost": "spend"}
"""What lanes can be aligned by, in the words of the page."""
SHORTEST_FOLD = 2
"""Fewer equal rows than this are not worth folding."""
LONGEST_HEAD, SHORT_HEAD = 160, 60
"""Characters of a step's text that its head shows, in a comparison of few and of many steps."""
MANY = 2_000
MOST_TEXT = 200_000
"""Characters of step texts that are sent at once; beyond, only those of the opened steps are."""
MOST_LOOKS = 40
Opened = tuple[int, int]
"""A lane and a step of it."""
Steps = tuple[tuple[StepInfo, ...], ...]
"""Those of each lane."""


@dataclass(frozen=True, slots=True)
class LaneInfo:
    """The head of one lane."""

    letter: str
    run: str
    title: str
    detail: str
    colour: str
    glyph: str
    answer: str
    verdict: str
    right: bool | None
    limit: str
    gold: str
    facts: tuple[tuple[str, str], ...]
    marks: tuple[str, ...] = ()
    """Words to be marked in passages."""


Head = tuple[str, str, str, str, bool, bool]
"""Kind, title, text in short, facts, whether gold is new in it, whether there is more to read."""


@dataclass(frozen=True, slots=True)
class LanesInfo:
    lanes: tuple[LaneInfo, ...]
    heads: tuple[tuple[Head, ...], ...]
    rows: tuple[tuple[str, bool, tuple[int | None, ...]], ...]
    """What stands at the row's beginning, whether all are alike in it, the step of each lane."""
    folds: tuple[tuple[int, int], ...]
    parting_row: int
    """-1 when the runs never part."""
    parting: str
    strip: Strip
    overlap: tuple[tuple[tuple[str, str, int], ...], ...]
    """Share, what of what, and how dark it is drawn in per cent."""
    gains: tuple[str, ...]
    looks: tuple[tuple[str, ...], ...]
    """What the n-th search brought to each lane."""
    questions: tuple[str, ...]
    bodies: Mapping[str, Mapping[str, Any]]
    whole: bool
    """All bodies are here."""


def lanes_info(
    told: Comparison,
    looks: Mapping[Key, Identity],
    opened: Collection[Opened] = (),
    running: Collection[int] = (),
    steps: Steps | None = None,
) -> LanesInfo:
    """All that is drawn; of one run alone its steps. `running` are lanes whose runs are not over."""
    alone = len(told.runs) == 1
    steps = steps_of(told) if steps is None else steps
    longest = LONGEST_HEAD if sum(map(len, steps)) <= MANY else SHORT_HEAD
    whole = sum(_weight(step) for lane in steps for step in lane) <= MOST_TEXT
    made = LanesInfo(
        lanes=tuple(_lane(told, i, looks, i in running) for i in range(len(told.runs))),
        heads=tuple(tuple(_head(step, longest) for step in lane) for lane in steps),
        rows=tuple((_label(told.axis, row.at), row.equal, row.steps) for row in told.rows),
        folds=tuple(s for s in stretches(told.rows) if s[1] - s[0] >= SHORTEST_FOLD),
        parting_row=_parting_row(told),
        parting="" if alone else words.parting(told, running),
        strip=strip(told),
        overlap=() if alone else _overlap(told),
        gains=() if running else tuple(words.gain(g) for g in told.gains),
        looks=_looks(told),
        questions=tuple(dict.fromkeys(run.question.text for run in told.runs)),
        bodies=_bodies(steps, _all(steps, longest)) if whole else {},
        whole=whole,
    )
    return with_bodies(made, steps, opened)


def steps_of(told: Comparison) -> Steps:
    return tuple(trace_info(run.trace.steps, run.question.supporting_ids) for run in told.runs)


def with_bodies(info: LanesInfo, steps: Steps, opened: Collection[Opened]) -> LanesInfo:
    """The same with the bodies of the opened steps, where not all are there anyway."""
    if info.whole:
        return info
    return replace(info, bodies=_bodies(steps, [o for o in opened if _is_there(o, steps)]))


# -------------------------------------------------------------------------------------------------- lanes


def _lane(told: Comparison, i: int, looks: Mapping[Key, Identity], running: bool) -> LaneInfo:
    run = told.runs[i]
    config = run.config
    look = looks.get((config.strategy, config.model))
    said, right = verdict(run.scores)
    return LaneInfo(
        letter=LETTERS[i],
        run=run.id,
        title=config.strategy.replace("_", " "),
        detail=f"{_budget(run)} · {config.model}",
        colour=look.colour if look else COLOURS[-1],
        glyph=look.glyph if look else "●",
        answer=run.trace.answer or ("No answer yet" if running else ""),
        verdict=said,
        right=right,
        limit=words.limit(run, running),
        gold=words.gold(run, told.evidence[i]),
        facts=_facts(run),
        marks=marks(run),
    )


def _budget(run: Run) -> str:
    budget = run.config.budget
    return f"{queries(budget.search)} · {think_words(budget)}"


def _facts(run: Run) -> tuple[tuple[str, str], ...]:
    trace, scores = run.trace, run.scores
    usage = trace.usage
    facts = [
        ("queries", f"{trace.search.used} of {trace.search.limit}"),
        ("thinking", f"{trace.think.used:,} of {trace.think.limit:,} tokens"),
        ("generated", f"{usage.completion_tokens:,} tokens"),
        ("read", f"{usage.input_tokens:,} tokens"),
        ("time", span(trace.seconds)),
    ]
    facts += [("cost", money(run.cost).removeprefix("cost "))] if run.cost is not None else []
    facts += [("F1", f"{scores.f1:.2f}")] if scores.f1 is not None else []
    form = trace.well_formed_share
    facts += [("well-formed", f"{form:.0%} of {trace.turns}")] if form is not None else []
    recall = scores.evidence_recall
    return tuple(facts + ([("evidence recall", f"{recall:.2f}")] if recall is not None else []))


# -------------------------------------------------------------------------------------------------- steps


def _head(step: StepInfo, longest: int) -> Head:
    told = " · ".join(step.facts)
    if step.passages:
        titles = " · ".join(p.title for p in step.passages)[:longest]
        return (
            step.kind,
            step.title,
            titles,
            told,
            any(p.gold and p.new for p in step.passages),
            True,
        )
    short = " ".join(step.text[: 2 * longest].split())[:longest]
    if len(step.text) > longest:
        return step.kind, step.title, short + "…", told, False, True
    return step.kind, step.title, short, told, False, "\n" in step.text.strip()


def _body(step: StepInfo) -> dict[str, Any]:
    return {"text": step.text, "passages": [asdict(p) for p in step.passages]}


def _bodies(steps: Steps, wanted: Iterable[Opened]) -> dict[str, dict[str, Any]]:
    return {f"{lane}:{place}": _body(steps[lane][place]) for lane, place in wanted}


def _weight(step: StepInfo) -> int:
    return len(step.text) + sum(len(p.title) + len(p.text) for p in step.passages)


def _all(steps: Sequence[Sequence[StepInfo]], longest: int) -> list[Opened]:
    return [
        (lane, place)
        for lane, held in enumerate(steps)
        for place, step in enumerate(held)
        if _head(step, longest)[-1]
    ]


def _is_there(opened: Opened, steps: Sequence[Sequence[StepInfo]]) -> bool:
    lane, place = opened
    return 0 <= lane < len(steps) and 0 <= place < len(steps[lane])


def _label(axis: Axis, at: float | None) -> str:
    if at is None:
        return ""
    if axis == "seconds":
        return span(at)
    return f"{at:,.0f}" if axis == "tokens" else money(at).removeprefix("cost ")


def _parting_row(told: Comparison) -> int:
    if told.parting is None:
        return -1
    step = told.parting.step
    if told.axis == "step":
        return step
    return next((n for n, row in enumerate(told.rows) if step in row.steps), -1)


# ------------------------------------------------------------------------------------------ overlap, looks


def _overlap(told: Comparison) -> tuple[tuple[tuple[str, str, int], ...], ...]:
    return tuple(
        tuple(
            ("–", "none seen", 0)
            if cell.share is None
            else (f"{cell.share:.0%}", f"{cell.shared} of {cell.either}", round(62 * cell.share))
            for cell in line
        )
        for line in told.overlap
    )


def _looks(told: Comparison) -> tuple[tuple[str, ...], ...]:
    most = min(MOST_LOOKS, max((len(held.looks) for held in told.evidence), default=0))
    return tuple(
        tuple(words.look(h.looks[n]) if n < len(h.looks) else "" for h in told.evidence)
        for n in range(most)
    )
