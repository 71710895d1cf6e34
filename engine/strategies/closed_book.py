"""Closed book: think, then answer; the index is never touched.

Source: s1 budget forcing (arXiv 2501.19393). One unit of R is one token of the thought. When R is spent the thought
is cut and the answer is asked for at once; at R = 0 the answer follows the question directly. S has no use here:
cells with S > 0 are missing. With `think_mode = force` an early end of the thought is dropped and "Wait" put behind
it, up to six times, until R is spent; `think_cap` bounds a capped thought only. Deviation: the answer is a second
call that shows the thought again, since chat endpoints cannot all be continued inside one turn.
"""

from __future__ import annotations

from pydantic import Field

from engine.run.requests import Play, Think, Write
from engine.strategies import base, blocks, turns
from engine.types import Axis, Question

SOURCE = "s1 budget forcing, arXiv 2501.19393"


class Knobs(base.Knobs):
    think_cap: int = Field(512, ge=0, le=100_000, description="longest thought, tokens")
    answer_cap: int = Field(blocks.ANSWER_CAP, ge=1, le=4096, description="longest answer, tokens")

    @property
    def most_searches(self) -> int:
        return 0

    @property
    def forcible(self) -> frozenset[Axis]:
        return frozenset({"think"})


def play(question: Question, knobs: Knobs) -> Play:
    thought = yield Think(blocks.think_prompt(question), knobs.think_cap, again=turns.waiting)
    prompt = blocks.answer_prompt(question, thoughts=thought.text)
    return blocks.said((yield Write(prompt, "answer", knobs.answer_cap, blocks.LINE)))
