"""Events of a run, finished or under way -> what a person reads, in order.

A live run's events arrive one by one; a stored run has only its steps, which are events too. The same function serves
both. Texts are passed on untouched: whoever draws them must draw them as text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from engine.figures.amounts import span
from engine.run.account import TOLD, parsed
from engine.run.books import Begun, Piece
from engine.run.calls import HIDDEN
from engine.types import (
    Answer,
    Ranked,
    Reading,
    Run,
    Scores,
    Search,
    Step,
    Stopped,
    StoppedBy,
    Thought,
)

Event = Begun | Piece | Step
Path = tuple[int, ...]
ENDINGS: dict[StoppedBy, str] = {
    "answer": "It answered of its own accord.",
    "search": "The search budget was spent: a query was refused.",
    "think": "The reasoning budget was spent: a thought was refused or cut.",
    "turns": "It had used all its turns.",
    "malformed": "Too many of its turns could not be read.",
    "user": "Stopped by you.",
    "error": "It ended with an error.",
}
LONGEST_MARK = 80
RESUMED = {"continued": "turn continued", "replayed": "turn replayed"}
UNDER_WAY = {
    "thought": "Thinking",
    "search": "Writing a query",
    "answer": "Answering",
    "reading": "Searching",
}


@dataclass(frozen=True, slots=True)
class PassageInfo:
    rank: int
    title: str
    text: str
    score: str
    gold: bool
    """One of the question's supporting passages."""
    new: bool = True
    """Not shown by an earlier search of this run."""


@dataclass(frozen=True, slots=True)
class StepInfo:
    """One line of the trace."""

    kind: str
    title: str
    text: str = ""
    facts: tuple[str, ...] = ()
    """Tokens, seconds and remarks, in a few words each."""
    passages: tuple[PassageInfo, ...] = ()
    under_way: bool = False


@dataclass(frozen=True, slots=True)
class Meters:
    """What has been spent so far, as far as the events tell."""

    queries: int
    thinking_tokens: int
    completion_tokens: int
    input_tokens: int = 0
    """Read by the steps that are over."""
    turns: int = 0
    """Texts of the model that the protocol parsed."""
    well_formed: int = 0


def trace_info(events: Iterable[Event], supporting: Collection[str] = ()) -> tuple[StepInfo, ...]:
    """Finished steps in the order they ended, then what is under way. `supporting` are ids of gold passages."""
    done: list[Step] = []
    open_: dict[Path, tuple[str, str]] = {}
    for event in events:
        match event:
            case Begun(path, kind):
                open_[path] = (kind, "")
            case Piece(path, kind, text):
                open_[path] = (kind, open_.get(path, (kind, ""))[1] + text)
            case _:
                done.append(event)
                if open_:
                    _close(open_, event)
    searches = iter(range(1, len(done) + 1))
    seen: set[str] = set()
    lines = [_line(step, searches, supporting, seen) for step in done]
    return (*lines, *(_under_way(kind, text) for kind, text in open_.values()))


def meters(events: Iterable[Event]) -> Meters:
    """Queries sent and tokens so far; a piece of a generation under way counts as one token."""
    queries = thinking = completion = read = 0
    done: list[Step] = []
    open_: dict[Path, tuple[str, str]] = {}
    pieces: dict[Path, int] = {}
    for event in events:
        match event:
            case Begun(path, kind):
                open_[path] = (kind, "")
            case Piece(path, kind, text):
                open_[path] = (kind, open_.get(path, (kind, ""))[1] + text)
                pieces[path] = pieces.get(path, 0) + 1
            case _:
                done.append(event)
                _close(open_, event)
                queries += isinstance(event, Search) and not event.refused
                thinking += event.tokens if isinstance(event, Thought) else 0
                completion += event.tokens
                read += event.input_tokens
    thinking += sum(pieces.get(p, 0) for p, (kind, _) in open_.items() if kind == "thought")
    completion += sum(pieces.get(p, 0) for p in open_)
    forms = parsed(done)
    return Meters(queries, thinking, completion, read, len(forms), sum(forms))


def _close(open_: dict[Path, tuple[str, str]], step: Step) -> None:
    """Drop what this step has finished. A written query ends with the search, or the thought, that took it up."""
    match step:
        case Stopped():
            open_.clear()
        case Reading(path):
            open_.pop(path[:-1], None)
        case Thought(note=note) if note in (*TOLD.values(), HIDDEN):
            pass
        case Search(query=text) | Thought(text=text):
            if open_.pop(step.path, None) is None:
                _close_query(open_, text)
        case _:
            open_.pop(step.path, None)


def _close_query(open_: dict[Path, tuple[str, str]], text: str) -> None:
    queries = [path for path, (kind, _) in open_.items() if kind == "search"]
    same = [path for path in queries if open_[path][1].strip() == text.strip()]
    for path in (same or queries)[:1]:
        del open_[path]


def _line(
    step: Step, searches: Iterator[int], supporting: Collection[str], seen: set[str]
) -> StepInfo:
    match step:
        case Thought():
            return _thought(step)
        case Search(refused=True):
            return StepInfo("search", "Search refused", step.query, ("search budget spent",))
        case Search():
            return StepInfo("search", f"Search {next(searches)}", step.query, _facts(step))
        case Reading():
            passages = tuple(_passage(p, supporting, seen) for p in step.passages)
            seen.update(p.passage.id for p in step.passages)
            return StepInfo("reading", _count(len(passages)), "", _facts(step), passages)
        case Answer():
            return StepInfo("answer", "Answer", step.text, _facts(step))
        case Stopped():
            return StepInfo("stopped", ENDINGS[step.by], step.detail)


def _thought(step: Thought) -> StepInfo:
    if step.refused:
        spent = ("reasoning budget spent", step.note)
        return StepInfo("thought", "Thought refused", "", tuple(filter(None, spent)))
    remarks = (("cut by the budget",) if step.cut else ()) + ((step.note,) if step.note else ())
    remarks += () if step.worth is None else (f"judged {step.worth:.2f}",)
    return StepInfo("thought", "Thought", step.text, _facts(step) + remarks)


def _passage(ranked: Ranked, supporting: Collection[str], seen: set[str]) -> PassageInfo:
    passage = ranked.passage
    return PassageInfo(
        ranked.rank,
        passage.title,
        passage.text,
        f"{ranked.score:.2f}",
        passage.id in supporting,
        passage.id not in seen,
    )


def _facts(step: Step) -> tuple[str, ...]:
    tokens = (f"{step.tokens} tokens",) if step.tokens else ()
    seconds = (span(step.seconds),) if step.seconds else ()
    return tokens + seconds + _remarks(step)


def _remarks(step: Step) -> tuple[str, ...]:
    """What is odd about a text, and how the assistant's turn went on."""
    noted = isinstance(step, Thought) and step.note == "malformed turn"
    form = ("not well-formed",) if step.well_formed is False and not noted else ()
    return form + ((RESUMED[step.resumed],) if step.resumed else ())


def _count(passages: int) -> str:
    return "No passage found" if not passages else f"Read {passages} passage{'s'[: passages > 1]}"


def _under_way(kind: str, text: str) -> StepInfo:
    return StepInfo(kind, UNDER_WAY.get(kind, kind), text, under_way=True)


# ------------------------------------------------------------------------------------------------ the end


@dataclass(frozen=True, slots=True)
class Summary:
    """The end of a run in words."""

    answer: str
    verdict: str
    """Right, partly right or wrong; empty where no gold is known."""
    right: bool | None
    gold: str
    """The gold answer and its aliases."""
    ending: str
    """What bound the run."""
    marks: tuple[str, ...] = ()
    """Words to be marked in passages: the answer and the gold ones."""


def summary(run: Run) -> Summary:
    gold = " / ".join(run.question.answers)
    ending = ENDINGS[run.trace.stopped_by]
    if run.trace.cut_off:
        ending += " The answer was forced there."
    return Summary(run.trace.answer, *verdict(run.scores), gold, ending, marks(run))


def marks(run: Run) -> tuple[str, ...]:
    """What to mark in passages: the gold answers and the one that was given."""
    return markable((*run.question.answers, run.trace.answer))


def markable(texts: Iterable[str]) -> tuple[str, ...]:
    """Those worth marking; too long an answer stands in no passage, too short a one in all."""
    said = (" ".join(text.split()) for text in texts)
    held = (text for text in said if len(text) <= LONGEST_MARK)
    return tuple(dict.fromkeys(t for t in held if len(t) > 2 or t.isdigit()))


def verdict(scores: Scores) -> tuple[str, bool | None]:
    """In words and as a fact; a fact only by exact match or the lack of it."""
    if scores.em is None:
        return "", None
    if scores.em == 1:
        return "Right", True
    if scores.contains == 1:
        return "Contains the right answer, but says more", False
    if scores.f1:
        return f"Partly right (F1 {scores.f1:.2f})", False
    return "Wrong", False
