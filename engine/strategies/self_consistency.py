"""Self-consistency: several samples of another strategy, one answer chosen among theirs.

Source: self-consistency (arXiv 2203.11171); the choice by fewest searches after DeepDive (arXiv 2509.10446).
`samples` runs of the strategy named by the knob `strategy` start at once, each at `temperature`. Both budgets are
totals over the samples: S and R are split evenly before any starts (the first ones take odd units), and what one
leaves is not passed to another. One unit of S is one query of one sample, one unit of R one token of its thinking or
of its answer, since an answer to choose from is thinking; each sample keeps back up to `answer_cap` tokens of its
share for that. The chosen answer is written by nobody again and costs nothing more.

`select`: `majority` takes the most frequent normalised answer and its first wording; `fewest_searches` the answer of
the sample that searched least; `verifier` the answer that the model itself most likely calls right when asked once
more with the passages of its sample (`verifier.py`), best-of-N. The verifier's tokens are thinking, paid from the
sample's own share and kept back like its answer's; where one may not be spent, the majority decides, and the refused
thought says so, as among equals. Ties go to the first seen; samples without an answer have no say. When S is spent in
a share, that sample goes on as its strategy does. When R has not one token for each sample, none starts and one plain
run of the strategy takes all of S; when no sample gave an answer, the question is answered once without what they
found.

Smaller N: sample i is the steps whose path begins with the place of the samples and i; its answer is the thought
noted `sample answer`. `samples_of(steps)` reads them from a trace and `chosen(samples[:k], select)`, or of any k of
them, is what k samples with the same shares (totals k/N of both budgets) would have said: nothing is run again.
Deviations: a sample knows only its share, so a sample here is not a run at the whole budget.

What can be a dose (`force`) is what the sampled strategy can; each sample spends its share, and what is kept back for
its answer may be left over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from engine.grading import normalised
from engine.run.requests import Play, Reply, Request, Search, Think, Together, Write
from engine.strategies import base, blocks, verifier
from engine.types import Axis, Question, Ranked, Step, Thought
from engine.types import Search as SearchStep

SOURCE = "self-consistency, arXiv 2203.11171"

SAMPLE_ANSWER = "sample answer"
"""The driver's note on an answer that is written in a branch."""
Select = Literal["majority", "fewest_searches", "verifier"]


def _others(schema: dict[str, Any]) -> None:
    """The names that the knob `strategy` may have, for those who list knobs."""
    from engine.strategies import STRATEGIES

    schema["enum"] = [name for name, module in STRATEGIES.items() if module.__name__ != __name__]


class Knobs(base.Knobs):
    strategy: str = Field(
        "corag", description="what is sampled: any other strategy", json_schema_extra=_others
    )
    knobs: dict[str, Any] = Field(
        default_factory=dict, validate_default=True, description="that strategy's own knobs"
    )
    samples: int = Field(4, ge=1, le=64, description="samples")
    select: Select = Field("majority", description="how one answer is chosen")
    temperature: float = Field(0.7, ge=0, le=2, description="temperature of every sample")
    answer_cap: int = Field(
        blocks.ANSWER_CAP,
        ge=1,
        le=4096,
        description="thinking kept back for a sample's answer, tokens",
    )

    @field_validator("strategy")
    @classmethod
    def _another(cls, name: str) -> str:
        from engine.strategies import strategy

        if strategy(name).__name__ == __name__:
            raise ValueError("name another strategy than self_consistency itself")
        return name

    @field_validator("knobs")
    @classmethod
    def _filled_in(cls, given: Mapping[str, Any], info: ValidationInfo) -> dict[str, Any]:
        """All knobs of the sampled strategy, so that the run's identity holds them."""
        from engine.strategies import knobs_of

        if "strategy" not in info.data:
            return dict(given)
        return knobs_of(info.data["strategy"], given).model_dump()

    @property
    def most_searches(self) -> int:
        from engine.strategies import knobs_of

        return self.samples * knobs_of(self.strategy, self.knobs).most_searches

    @property
    def forcible(self) -> frozenset[Axis]:
        from engine.strategies import knobs_of

        return knobs_of(self.strategy, self.knobs).forcible

    @property
    def texts(self) -> tuple[str, ...]:
        return (verifier.VERIFY, verifier.YES) if self.select == "verifier" else ()


@dataclass(frozen=True, slots=True)
class Sample:
    """What one sample said, the queries it sent, and what the verifier gave it."""

    answer: str
    searches: int
    worth: float | None = None


@dataclass(slots=True)
class _Tally:
    """What is noted of a sample while it plays."""

    searches: int = 0
    worth: float | None = None
    shown: tuple[Ranked, ...] = ()


def play(question: Question, knobs: Knobs) -> Play:
    tallies = [_Tally() for _ in range(knobs.samples)]
    branches = tuple(_sample(question, knobs, tally) for tally in tallies)
    checks = verifier.CAP if knobs.select == "verifier" else 0
    replies = yield Together(branches, keep=knobs.answer_cap + checks)
    if replies.refused:
        return (yield from _plain(question, knobs))
    pairs = zip(replies.replies, tallies, strict=True)
    samples = [Sample(reply.text, t.searches, t.worth) for reply, t in pairs]
    answer = chosen(samples, knobs.select)
    if answer:
        return answer
    prompt = blocks.answer_prompt(question)
    return blocks.said((yield Write(prompt, "answer", knobs.answer_cap, blocks.LINE)))


def chosen(samples: Sequence[Sample], select: Select = "majority") -> str:
    """The answer of the samples, or "" when none has one.

    majority of "Ann", "Bob", "the ann" -> "Ann"
    """
    said = [s for s in samples if s.answer.strip()]
    if not said:
        return ""
    if select == "fewest_searches":
        return min(said, key=lambda s: s.searches).answer
    if select == "verifier" and all(s.worth is not None for s in said):
        most_likely = max(s.worth or 0.0 for s in said)
        said = [s for s in said if s.worth == most_likely]
    most = Counter(_key(s.answer) for s in said).most_common(1)[0][0]
    return next(s.answer for s in said if _key(s.answer) == most)


def _key(answer: str) -> str:
    """By what answers are the same; an answer that is nothing but an article is itself."""
    return normalised(answer) or answer.strip().lower()


def samples_of(steps: Iterable[Step]) -> list[Sample]:
    """The samples of a trace, in order; empty when none was started."""
    answers: dict[tuple[int, ...], str] = {}
    searches: Counter[tuple[int, ...]] = Counter()
    worths: dict[tuple[int, ...], float | None] = {}
    for step in steps:
        place = step.path[:2]
        if isinstance(step, Thought) and step.note == SAMPLE_ANSWER:
            answers[place] = "" if step.refused else blocks.said(Reply(step.text))
        elif isinstance(step, Thought) and step.note == verifier.NOTE:
            worths[place] = step.worth
        elif isinstance(step, SearchStep) and not step.refused:
            searches[place] += 1
    return [
        Sample(answer, searches[place], worths.get(place))
        for place, answer in sorted(answers.items())
    ]


def _plain(question: Question, knobs: Knobs) -> Play:
    from engine.strategies import knobs_of, start

    return start(knobs.strategy, question, knobs_of(knobs.strategy, knobs.knobs))


def _sample(question: Question, knobs: Knobs, tally: _Tally) -> Play:
    """One sample and, where the verifier chooses, its verdict on the answer."""
    answer = yield from _warmed(_plain(question, knobs), knobs.temperature, tally)
    if knobs.select == "verifier" and answer.strip():
        tally.worth = yield from verifier.verified(question, answer, tally.shown)
    return answer


def _warmed(play: Play, heat: float, tally: _Tally) -> Play:
    """The same play, sampled: what leaves the temperature open gets `heat`; `tally` counts the queries it sent."""
    reply: Reply | None = None
    try:
        while True:
            request = next(play) if reply is None else play.send(reply)
            reply = yield _with_heat(request, heat, tally)
            tally.searches += _sent(request, reply)
            tally.shown += _found(request, reply)
    except StopIteration as end:
        return str(end.value or "")


def _with_heat(request: Request, heat: float, tally: _Tally) -> Request:
    if isinstance(request, Think | Write) and request.temperature is None:
        return replace(request, temperature=heat)
    if isinstance(request, Together):
        return replace(request, branches=tuple(_branch(b, heat, tally) for b in request.branches))
    return request


def _branch(branch: Request | Play, heat: float, tally: _Tally) -> Request | Play:
    if isinstance(branch, Generator):
        return _warmed(branch, heat, tally)
    return _with_heat(branch, heat, tally)


def _sent(request: Request, reply: Reply) -> int:
    """Queries that went out by this request itself, not by sub-plays of it."""
    if isinstance(request, Together):
        pairs = zip(request.branches, reply.replies, strict=True)
        return sum(_sent(b, r) for b, r in pairs if isinstance(b, Request))
    return int(isinstance(request, Search) and not reply.refused)


def _found(request: Request, reply: Reply) -> tuple[Ranked, ...]:
    """The passages that came back by this request itself."""
    several = reply.replies if isinstance(request, Together) else (reply,)
    return tuple(found for one in several for found in one.passages)
