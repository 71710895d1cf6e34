"""R1-Searcher: a thought that stops to look things up, between its own query and document tags.

Source: R1-Searcher (arXiv 2503.05592). The harness opens `<think>`; at `<|begin_of_query|>` the query is cut out,
cleaned of quotes and tabs and sent, its passages are put in between document tags, and the thought is resumed; at
`<answer>` it is done. Anything else is a failure and ends the run: a segment that ends without a tag (noted as a
malformed turn), an empty query, one query more than `retrievals`. With `at_limit = answer` a failure, or a spent
search budget, leads to the one forced-answer template of all strategies; with `refuse`, as in the source, to its own
"I don't know.", written by the harness and costing nothing.

One unit of S buys one query. One unit of R is one token of the thought, with the tags that the model writes in it.
When R is spent the harness opens the query tag itself until S or `retrievals` is spent; the limit then answers.

Defaults: 5 passages, 8 retrievals, 512 tokens a segment. Deviations: the task stands in a system and a user turn,
since chat endpoints take no plain text; an empty query that R cannot cover sends the question and goes on, since its
tokens belong somewhere; the first answer tag ends the run, also inside the thought; the oldest look-ups drop out of
the prompt. Where an endpoint cannot continue a turn, the same prompt replays it as a finished turn.

As a dose (`force`): an answer tag that opens too early is dropped and the thought goes on behind a cue: that more can
be looked up, while S is not spent, else "Wait", while R is not; up to six times (for S: in a row). Before a forced
answer one thought more goes on until R is spent.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Literal

from pydantic import Field

from engine.run.requests import Discard, End, Play, Reply, Request, Search
from engine.strategies import base, blocks, turns
from engine.types import Axis, Prompt, Question, Ranked

SOURCE = "R1-Searcher, arXiv 2503.05592"

TASK = (
    "Think about the question between <think> and </think>, then give the short answer: <answer>Oslo</answer>. "
    "When a fact is missing, stop and look it up: <|begin_of_query|>keywords<|end_of_query|>. What is found comes back "
    "between <|begin_of_documents|> and <|end_of_documents|>. Look up one fact at a time."
)
UNKNOWN = "I don't know."
_TAGS = turns.Markup("<|begin_of_query|>", "<answer>")
_OPEN = "<think>"


class Knobs(base.Knobs):
    retrievals: int = Field(8, ge=0, le=64, description="most searches")
    top_k: int = Field(5, ge=1, le=100, description="passages per search")
    at_limit: Literal["answer", "refuse"] = Field(
        "answer", description="what a limit or a failure leads to"
    )
    window: int = Field(8, ge=1, le=64, description="latest look-ups kept in the prompt")
    pool: int = Field(6, ge=1, le=200, description="passages shown to a forced answer")
    segment_cap: int = Field(
        512, ge=1, le=100_000, description="longest segment of thinking, tokens"
    )
    query_cap: int = Field(48, ge=1, le=512, description="longest query, tokens")
    answer_cap: int = Field(blocks.ANSWER_CAP, ge=1, le=4096, description="longest answer, tokens")

    @property
    def most_searches(self) -> int:
        return self.retrievals

    @property
    def forcible(self) -> frozenset[Axis]:
        return base.BOTH


@dataclass
class _State:
    """The thought so far."""

    prompt: Prompt
    knobs: Knobs
    said: list[str] = field(default_factory=list)
    """One text a look-up: thought, query and documents."""
    thoughts: list[str] = field(default_factory=list)
    pool: tuple[Ranked, ...] = ()
    asked: list[str] = field(default_factory=list)
    """Queries sent."""

    def text(self, more: str = "") -> str:
        return "".join([_OPEN, *self.said[-self.knobs.window :], more])


def play(question: Question, knobs: Knobs) -> Play:
    state = _State(blocks.chat(TASK, blocks.question_line(question)), knobs)
    while True:
        request = _TAGS.think(state.prompt, state.text(), knobs.segment_cap)
        reply = yield request
        action = _TAGS.opened(request, reply)
        thought = _TAGS.thought(reply)
        state.thoughts.append(thought)
        if action == "answer":
            go_on = (yield turns.wants_to_end(len(state.asked) < knobs.retrievals)).go_on
            if go_on:
                state.said.append(f"{thought}\n{turns.CUES[go_on]}\n")
                continue
            opened = turns.closed(state.text(thought)) + "\n" + _TAGS.answer
            final = yield turns.written(state.prompt, opened, "answer", knobs.answer_cap)
            return turns.last_answer(final.text)
        if action == "none" or len(state.asked) == knobs.retrievals:
            yield End("malformed" if action == "none" else "turns")
            break
        if not (yield from _looked_up(question, state, thought)):
            break
    if knobs.at_limit == "refuse":
        return UNKNOWN
    return (yield from turns.forced(question, state.pool, state.thoughts, knobs.answer_cap))


def _looked_up(question: Question, state: _State, thought: str) -> Generator[Request, Reply, bool]:
    """Have a query written and send it; False when no search is left or nothing was asked."""
    knobs, opened = state.knobs, thought + _TAGS.query
    form = blocks.fresh(state.asked)
    written = yield turns.written(
        state.prompt, state.text(opened), "query", knobs.query_cap, form=form
    )
    if written.refused:
        return False
    query = blocks.said(written).replace('"', "").replace("...", "").strip()
    if not query:
        given_up = yield Discard(written, "malformed turn")
        if not given_up.refused:
            yield End("malformed")
            return False
        query = question.text
    found = yield Search(query, knobs.top_k, (written,))
    state.asked.append(query)
    state.pool = blocks.merged(state.pool, found.passages, knobs.pool)
    documents = turns.rows(found.passages, "({n}){title} {text}")
    state.said.append(
        f"{opened}{blocks.harmless(query)}<|end_of_query|>\n\n"
        f"<|begin_of_documents|>\n{documents}<|end_of_documents|>\n\n"
    )
    return True
