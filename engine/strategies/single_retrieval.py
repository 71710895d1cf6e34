"""Single retrieval: search once with the question, think, answer.

Source: plain retrieval-augmented generation. The first unit of S buys the one search; more is never used, so cells with
S > 1 are missing. One unit of R is one token of the thought between reading and answering; at R = 0 the answer follows
the passages directly. At S = 0 the question is answered without passages by the same prompts.
With `think_mode = force` an early end of the thought is dropped and "Wait" put behind it, up to six times.
The one search is always sent, so a dose of it is spent by itself.
"""

from __future__ import annotations

from pydantic import Field

from engine.run.requests import Play, Search, Think, Write
from engine.strategies import base, blocks, turns
from engine.types import Axis, Question

SOURCE = "retrieval-augmented generation with one retrieval, arXiv 2005.11401"


class Knobs(base.Knobs):
    top_k: int = Field(3, ge=1, le=100, description="passages per search")
    think_cap: int = Field(512, ge=0, le=100_000, description="longest thought, tokens")
    answer_cap: int = Field(blocks.ANSWER_CAP, ge=1, le=4096, description="longest answer, tokens")

    @property
    def most_searches(self) -> int:
        return 1

    @property
    def forcible(self) -> frozenset[Axis]:
        return base.BOTH


def play(question: Question, knobs: Knobs) -> Play:
    found = yield Search(question.text, knobs.top_k)
    given = blocks.passage_block(found.passages)
    thought = yield Think(
        blocks.think_prompt(question, given), knobs.think_cap, again=turns.waiting
    )
    prompt = blocks.answer_prompt(question, given, thoughts=thought.text)
    return blocks.said((yield Write(prompt, "answer", knobs.answer_cap, blocks.LINE)))
