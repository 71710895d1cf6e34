"""Many runs in little room: each step, passage and question once, runs as numbers into them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from engine.figures.palette import Key
from engine.figures.trace import StepInfo, Summary, summary, trace_info
from engine.identity import canonical_json
from engine.types import Question, Run

MOST_BYTES = 2_500_000
"""Of runs, steps and passages together as they are written: beside plotly.js the file stays small enough to mail."""


@dataclass(frozen=True, slots=True)
class HeldQuestion:
    text: str
    detail: str
    """How hard it is, in words."""
    gold: str
    marks: tuple[str, ...]
    """Words of the gold answer to be marked in passages."""


@dataclass(frozen=True, slots=True)
class HeldStep:
    """A step as `trace_info` tells it; passages by number, with rank, score, whether gold, whether new."""

    kind: str
    title: str
    text: str
    facts: tuple[str, ...]
    passages: tuple[tuple[int, int, str, bool, bool], ...]


@dataclass(frozen=True, slots=True)
class HeldRun:
    key: Key
    search: int
    think: int
    question: int
    answer: str
    verdict: str
    right: bool | None
    ending: str
    steps: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HeldRuns:
    questions: tuple[HeldQuestion, ...]
    passages: tuple[tuple[str, str], ...]
    """Title and text."""
    steps: tuple[HeldStep, ...]
    runs: tuple[HeldRun, ...]
    note: str = ""
    """Which of the runs are here, where not all are."""
    open: int | None = None
    """The run that is open."""


Placed = tuple[Run, Key, int, int]
"""A run and the cell it is drawn in: strategy and model, search, think."""


@dataclass
class _Table:
    """Things by number, each once."""

    places: dict[object, int] = field(default_factory=dict)

    def number(self, thing: object) -> int:
        return self.places.setdefault(thing, len(self.places))


class Holding:
    """Takes runs in, question by question, as long as there is room."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._left = most_bytes
        self._questions, self._passages, self._steps = _Table(), _Table(), _Table()
        self._runs: list[HeldRun] = []
        self._ids: list[str] = []

    def take(self, runs: Iterable[Placed]) -> bool:
        """All runs of one question, or none: False when they do not fit."""
        tables = (self._questions, self._passages, self._steps)
        before = [len(table.places) for table in tables]
        given = list(runs)
        held = [self._held(*placed) for placed in given]
        new = [
            thing
            for table, old in zip(tables, before, strict=True)
            for thing in islice(table.places, old, None)
        ]
        weight = sum(_weight(thing) for thing in [*held, *new])
        if weight > self._left:
            for table, old in zip(tables, before, strict=True):
                table.places = dict(islice(table.places.items(), old))
            return False
        self._left -= weight
        self._runs += held
        self._ids += [run.id for run, *_ in given]
        return True

    def held(self, note: str = "", opened: str = "") -> HeldRuns:
        """All that was taken in; `opened` is the id of the run that is open."""
        return HeldRuns(
            tuple(self._questions.places),  # type: ignore[arg-type]
            tuple(self._passages.places),  # type: ignore[arg-type]
            tuple(self._steps.places),  # type: ignore[arg-type]
            tuple(self._runs),
            note,
            self._ids.index(opened) if opened in self._ids else None,
        )

    def _held(self, run: Run, key: Key, search: int, think: int) -> HeldRun:
        told = summary(run)
        steps = trace_info(run.trace.steps, run.question.supporting_ids)
        question = self._questions.number(_question(run.question, told))
        numbers = tuple(self._steps.number(self._step(step)) for step in steps)
        return HeldRun(
            key,
            search,
            think,
            question,
            told.answer,
            told.verdict,
            told.right,
            told.ending,
            numbers,
        )

    def _step(self, step: StepInfo) -> HeldStep:
        passages = tuple(
            (self._passages.number((p.title, p.text)), p.rank, p.score, p.gold, p.new)
            for p in step.passages
        )
        return HeldStep(step.kind, step.title, step.text, step.facts, passages)


def held_runs(runs: Sequence[Placed], note: str = "") -> HeldRuns:
    """All runs, however much room they take."""
    holding = Holding(most_bytes=1 << 40)
    holding.take(runs)
    return holding.held(note)


def _question(question: Question, told: Summary) -> HeldQuestion:
    parts = [
        f"{count} {name}{'s' * (count != 1)}"
        for name, count in (("hop", question.hops), ("operation", question.operations))
        if count is not None
    ]
    gold = tuple(m for m in told.marks if m in question.answers)
    return HeldQuestion(question.text, ", ".join(parts), told.gold, gold)


def _weight(thing: object) -> int:
    return len(canonical_json(thing).encode("utf-8", "replace")) + 1
