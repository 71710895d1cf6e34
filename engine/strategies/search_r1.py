"""Search-R1: one turn that thinks, searches, reads and answers between tags.

Source: Search-R1 (arXiv 2503.09516). The model thinks between `<think>` tags; at `<search>` its query is cut out and
sent, the passages are put in as an `<information>` block and the turn is resumed; at `<answer>` it is done. Where it
ends a segment with neither, or runs to the segment's cap, the turn is malformed: a short correction is put in and it
tries again, up to `malformed` times. After `turns` searches one closing segment follows that may only answer.

One unit of S buys one query. One unit of R is one token that is in neither a query nor the answer: thoughts, tags
that the model writes, malformed turns. When R is spent the thought is closed at once and the harness opens `<search>`
itself until S is spent. When S is spent, a wish to search is refused and the one forced-answer template of all
strategies follows, with the passages and thoughts so far; so it does after the last malformed turn or a search asked
for in the closing segment. Of several answer blocks in it, the last counts.

Defaults: 3 passages, 4 turns, 500 tokens a segment. Deviations: the first tag that opens is the action, closed or not
(the source wants it closed), since segments end at tags; an empty query is a malformed turn, or, where R cannot cover
it, the question is sent; malformed turns have their own limit instead of using up turns, so that cells with many
searches stay within reach; a forced answer uses the shared template; the oldest turns drop out of the prompt by
number, not by token. Where an endpoint cannot continue a turn, the same prompt replays it as a finished turn.

As a dose (`force`): an answer tag that opens too early is dropped and the turn goes on behind a cue: that more can be
looked up, while S is not spent, else "Wait", while R is not; up to six times (for S: in a row). Before a forced
answer one thought more goes on until R is spent.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

from pydantic import Field

from engine.run.requests import Discard, End, Play, Reply, Request, Search
from engine.strategies import base, blocks, turns
from engine.types import Axis, Prompt, Question, Ranked

SOURCE = "Search-R1, arXiv 2503.09516"

TASK = (
    "Answer the question. Think first, inside <think> and </think>, and again whenever you learn something new. "
    "If you lack a fact, look it up: <search>query</search>. What is found comes back between <information> and "
    "</information>. Search as often as you need. When you know the answer, give only the short answer: "
    "<answer>Oslo</answer>."
)
CORRECTION = (
    "That was not a valid step. To look something up I write <search>query</search>; "
    "to answer I write <answer>answer</answer>. I try again."
)
_TAGS = turns.Markup("<search>", "<answer>")
_DOCUMENT = "Doc {n}(Title: {title}) {text}"


class Knobs(base.Knobs):
    turns: int = Field(4, ge=0, le=64, description="most searches")
    top_k: int = Field(3, ge=1, le=100, description="passages per search")
    malformed: int = Field(2, ge=0, le=64, description="malformed turns that are corrected")
    window: int = Field(8, ge=1, le=64, description="latest turns kept in the prompt")
    pool: int = Field(6, ge=1, le=200, description="passages shown to a forced answer")
    turn_cap: int = Field(500, ge=1, le=100_000, description="longest segment of thinking, tokens")
    query_cap: int = Field(48, ge=1, le=512, description="longest query, tokens")
    answer_cap: int = Field(blocks.ANSWER_CAP, ge=1, le=4096, description="longest answer, tokens")

    @property
    def most_searches(self) -> int:
        return self.turns

    @property
    def forcible(self) -> frozenset[Axis]:
        return base.BOTH


@dataclass
class _State:
    """The turn so far."""

    prompt: Prompt
    knobs: Knobs
    said: list[str] = field(default_factory=list)
    """One text a turn: thought, query and block."""
    thoughts: list[str] = field(default_factory=list)
    pool: tuple[Ranked, ...] = ()
    asked: list[str] = field(default_factory=list)
    """Queries sent."""
    malformed: int = 0

    def text(self, more: str = "") -> str:
        return "".join([*self.said[-self.knobs.window :], more])


def play(question: Question, knobs: Knobs) -> Play:
    state = _State(blocks.chat(TASK, blocks.question_line(question)), knobs)
    while state.malformed <= knobs.malformed:
        request = _TAGS.think(state.prompt, state.text(), knobs.turn_cap)
        reply = yield request
        action = _TAGS.opened(request, reply)
        thought = turns.closed(_TAGS.thought(reply))
        state.thoughts.append(thought)
        if action == "answer":
            go_on = (yield turns.wants_to_end(len(state.asked) < knobs.turns)).go_on
            if go_on:
                state.said.append(f"{thought}\n{turns.CUES[go_on]}\n".lstrip())
                continue
            opened = state.text(_opening(thought, _TAGS.answer))
            final = yield turns.written(state.prompt, opened, "answer", knobs.answer_cap)
            return turns.last_answer(final.text)
        if action == "none":
            _correct(state, thought)
        elif len(state.asked) >= knobs.turns:
            yield End("turns")
            break
        elif not (yield from _searched(question, state, thought)):
            break
    if state.malformed > knobs.malformed:
        yield End("malformed")
    return (yield from turns.forced(question, state.pool, state.thoughts, knobs.answer_cap))


def _searched(question: Question, state: _State, thought: str) -> Generator[Request, Reply, bool]:
    """Have a query written and send it; False when no search is left."""
    knobs, opened = state.knobs, _opening(thought, _TAGS.query)
    form = blocks.fresh(state.asked)
    written = yield turns.written(
        state.prompt, state.text(opened), "query", knobs.query_cap, form=form
    )
    if written.refused:
        return False
    query = blocks.said(written)
    if not query:
        given_up = yield Discard(written, "malformed turn")
        if not given_up.refused:
            _correct(state, thought)
            return True
    found = yield Search(query or question.text, knobs.top_k, (written,))
    state.asked.append(query)
    state.pool = blocks.merged(state.pool, found.passages, knobs.pool)
    block = f"<information>{turns.rows(found.passages, _DOCUMENT)}</information>"
    sent = query or blocks.harmless(question.text)
    state.said.append(f"{opened}{sent}</search>\n\n{block}\n\n")
    return True


def _opening(thought: str, tag: str) -> str:
    return f"{thought}\n{tag}" if thought else tag


def _correct(state: _State, thought: str) -> None:
    state.malformed += 1
    state.said.append(f"{thought}\n{CORRECTION}\n")
