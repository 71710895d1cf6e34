"""Fan-out: several queries at once, their rankings fused, one answer.

Source: query fan-out with reciprocal rank fusion (Cormack et al. 2009), constant 60. The question itself is always the
first query; the others are written in one call, as variants of the question or as its sub-questions (knob `by`), and
all are sent in one parallel round. One unit of S buys one query of that round, in the order written, so a small S cuts
the round short; `width` is the most that it may hold, and `width = 1` is single retrieval. Queries are counted apart
from rounds: the same S spent here in one round is spent by `iterative` or `corag` in as many rounds as queries.

One unit of R is one token of the thought between reading and answering; at R = 0 the answer follows the fused passages.
At S = 0 nothing is written and the question is answered without passages. Writing the list costs query tokens, charged
to the round's first query, whatever part of it S lets through. Deviations: each query reads 3 passages and 6 are kept
after the fusion, where systems fuse much deeper rankings, since every passage read counts as shown.

As a dose (`force`): the last thought goes on behind "Wait", up to six times, until R is spent. Searching cannot be
forced: there is one round by definition, and its queries are those that the model lists.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.retrieval.fusion import fuse
from engine.run.requests import Play, Reply, Think, Write
from engine.strategies import base, blocks, turns, wide
from engine.types import Axis, Question

SOURCE = "query fan-out with reciprocal rank fusion, doi 10.1145/1571941.1572114"

VARIANTS = (
    "Write up to {count} other wordings of the question, as short search queries, one a line."
)
SUB_QUESTIONS = (
    "Write up to {count} short look-ups that together give the answer to the question, one a line."
)


class Knobs(base.Knobs):
    by: Literal["variants", "sub_questions"] = Field(
        "sub_questions", description="what the other queries are"
    )
    width: int = Field(
        4, ge=1, le=64, description="most queries of the round, the question's own among them"
    )
    top_k: int = Field(3, ge=1, le=100, description="passages per query")
    keep: int = Field(6, ge=1, le=200, description="passages kept after the fusion")
    query_cap: int = Field(32, ge=1, le=512, description="longest list, tokens per query")
    think_cap: int = Field(512, ge=0, le=100_000, description="longest thought, tokens")
    answer_cap: int = Field(blocks.ANSWER_CAP, ge=1, le=4096, description="longest answer, tokens")

    @property
    def most_searches(self) -> int:
        return self.width

    @property
    def forcible(self) -> frozenset[Axis]:
        return frozenset({"think"})


def play(question: Question, knobs: Knobs) -> Play:
    queries: tuple[str, ...] = (question.text,)
    written: tuple[Reply, ...] = ()
    others = knobs.width - 1
    rankings: tuple[Reply, ...] = ()
    if others:
        listing = yield _list_of(question, others, knobs)
        written = () if listing.refused else (listing,)
        queries += wide.listed(listing.text, others, queries)
    if written or not others:
        rankings = (yield wide.sent(queries, knobs.top_k, written)).replies
    fused = fuse([r.passages for r in rankings], knobs.keep)
    given = blocks.passage_block(fused)
    thought = yield Think(
        blocks.think_prompt(question, given), knobs.think_cap, again=turns.waiting
    )
    prompt = blocks.answer_prompt(question, given, thoughts=thought.text)
    return blocks.said((yield Write(prompt, "answer", knobs.answer_cap, blocks.LINE)))


def _list_of(question: Question, count: int, knobs: Knobs) -> Write:
    rule = VARIANTS if knobs.by == "variants" else SUB_QUESTIONS
    prompt = blocks.chat(rule.format(count=count), blocks.question_line(question))
    form = wide.well_listed(count, [question.text])
    return Write(prompt, "query", knobs.query_cap * count, wide.PARAGRAPH, form=form)
