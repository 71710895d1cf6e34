"""Self-Ask: follow-up questions and their intermediate answers, line by line, until the final answer's stem.

Source: Self-Ask (arXiv 2210.03350). Each line of the turn begins with a stem. Where the model writes `Follow up:`,
the question behind it is sent and answered from the passages in a call of its own (`Intermediate answer:`); where it
writes `So the final answer is:`, what follows is the answer. Any other line is kept as thinking and noted as a
malformed turn, up to `malformed` times; an empty line ends the turn.

One unit of S buys one follow-up question. One unit of R is one token of a stem, of another line or of an intermediate
answer. When R is spent the harness opens `Follow up:` itself until S is spent, and the best passage's own words stand
in for an intermediate answer. When S, `follow_ups` or the malformed lines are spent, the one forced-answer template
of all strategies follows from what is known. An empty follow-up is given up as thinking, or, where R cannot cover it,
the question is sent.

Defaults: 3 passages, 5 follow-ups. Deviations: no worked examples, since prompts of the model on board must stay
short, so the rules are told; the source's opening line, whether follow-ups are needed, is left out, since the first
stem tells it; passages do not stay in the turn; an intermediate answer is read from passages, where the source takes
a search engine's answer box. Where an endpoint cannot continue a turn, the same prompt replays it as a finished turn.

As a dose (`force`): the stem of a final answer that comes too early is dropped and a line stands in its place: that
more can be looked up, while S is not spent, else "Wait", while R is not; up to six times (for S: in a row). After a
limit one thought more goes on until R is spent.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from pydantic import Field

from engine.run.requests import (
    Discard,
    End,
    Play,
    Reply,
    Request,
    Search,
    Think,
    Write,
    malformed,
    says_something,
)
from engine.strategies import base, blocks, turns
from engine.types import Axis, Prompt, Question

SOURCE = "Self-Ask, arXiv 2210.03350"

TASK = (
    'Answer the question by asking simpler ones first. Write one line at a time. "Follow up:" and a simple question '
    'asks for a fact; its "Intermediate answer:" is then given to you. When you know enough, write '
    '"So the final answer is:" and the short answer.'
)
READ = "Answer the question from the passages only, in a few words."
FOLLOW_UP = "Follow up:"
FINAL = "So the final answer is:"
_STOPS = (" up:", " is:", "\n")
_ENDS = ("Follow", "answer")
"""What the stems leave when their stop strings are cut off."""


class Knobs(base.Knobs):
    follow_ups: int = Field(5, ge=0, le=64, description="most follow-up questions")
    top_k: int = Field(3, ge=1, le=100, description="passages per search")
    malformed: int = Field(2, ge=0, le=64, description="lines without a stem that are kept")
    line_cap: int = Field(
        48, ge=1, le=2048, description="longest line or intermediate answer, tokens"
    )
    query_cap: int = Field(32, ge=1, le=512, description="longest follow-up question, tokens")
    answer_cap: int = Field(blocks.ANSWER_CAP, ge=1, le=4096, description="longest answer, tokens")

    @property
    def most_searches(self) -> int:
        return self.follow_ups

    @property
    def forcible(self) -> frozenset[Axis]:
        return base.BOTH


@dataclass
class _State:
    """The lines so far and what they found out."""

    prompt: Prompt
    said: list[str] = field(default_factory=list)
    known: list[tuple[str, str]] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    """Lines without a stem."""

    def text(self, stem: str = "") -> str:
        return "".join([*(f"{line}\n" for line in self.said), stem])

    def keep(self, line: str) -> None:
        self.other.append(line)
        self.said.append(line)


def play(question: Question, knobs: Knobs) -> Play:
    state = _State(blocks.chat(TASK, blocks.question_line(question)))
    while len(state.known) <= knobs.follow_ups and len(state.other) <= knobs.malformed:
        prompt = turns.continued(state.prompt, state.text())
        request = Think(prompt, knobs.line_cap, _STOPS, ends=_ENDS)
        reply = yield request
        line = blocks.harmless(reply.text)
        if malformed(request, reply):
            if not line:
                yield End("malformed")
                break
            state.keep(line)
        elif reply.finish == "stop" and not reply.refused and line.endswith("answer"):
            go_on = (yield turns.wants_to_end(len(state.known) < knobs.follow_ups)).go_on
            if go_on:
                state.said.append(turns.CUES[go_on])
                continue
            final = yield turns.written(
                state.prompt, state.text(FINAL), "answer", knobs.answer_cap, blocks.LINE
            )
            return blocks.said(final)
        elif len(state.known) == knobs.follow_ups:
            yield End("turns")
            break
        elif not (yield from _followed(question, state, knobs)):
            break
    if len(state.other) > knobs.malformed:
        yield End("malformed")
    return (yield from _forced(question, state.known, state.other, knobs))


def _followed(question: Question, state: _State, knobs: Knobs) -> Generator[Request, Reply, bool]:
    """Ask one follow-up and answer it from passages; False when no search is left or nothing was asked."""
    written = yield turns.written(
        state.prompt,
        state.text(FOLLOW_UP),
        "query",
        knobs.query_cap,
        blocks.LINE,
        blocks.fresh(asked for asked, _ in state.known),
    )
    if written.refused:
        return False
    query = blocks.said(written)
    if not query:
        given_up = yield Discard(written, "malformed turn")
        if not given_up.refused:
            yield End("malformed")
            return False
    found = yield Search(query or question.text, knobs.top_k, (written,))
    asked = query or blocks.harmless(question.text)
    passages = blocks.passage_block(found.passages)
    read = blocks.chat(READ, passages, blocks.question_line(asked))
    note = yield Think(read, knobs.line_cap, blocks.LINE, form=says_something)
    answer = blocks.said(note) or blocks.first_line(found.passages)
    state.known.append((asked, answer))
    state.said += [f"{FOLLOW_UP} {asked}", f"Intermediate answer: {answer}"]
    return True


def _forced(
    question: Question, known: Sequence[tuple[str, str]], other: Sequence[str], knobs: Knobs
) -> Play:
    given, so_far = blocks.known_block(known), "\n".join(other)
    so_far += yield from turns.dose(question, given, so_far)
    prompt = blocks.answer_prompt(question, given, thoughts=so_far)
    return turns.last_answer((yield Write(prompt, "answer", knobs.answer_cap, blocks.LINE)).text)
