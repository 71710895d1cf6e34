"""Iterative: what was just thought, or just answered, is the next query.

Sources: IRCoT (arXiv 2212.10509), knob `by = thought`: one sentence of reasoning at a time, which is also the next
query; passages gather in a pool; a sentence that says what the answer is ends the loop. ITER-RETGEN (arXiv
2305.15294), knob `by = answer`: the question with the last answer is the next query; passages are replaced, not
gathered, and only the turns or a budget end the loop.

One unit of S buys one turn. One unit of R is one token of a sentence, of an intermediate answer or of the last
thought; a sentence that is reused as a query counts once, as thinking. When R is spent, the question with the title
of the best new passage, if any, stands in for the sentence, and the turns go on until S is spent. When S is spent, the
last thought and the answer follow. Deviations: the last answer comes from the template that all strategies share; no
worked examples stand in the prompt, since prompts of the model on board must stay short; the pool is smaller than
IRCoT's 15.

As a dose (`force`): a sentence that says the answer while S is not spent is dropped, `Wait` stands in its place and it
is the next query, up to six times in a row; the last thought goes on behind "Wait" until R is spent. By `answer` the
turns are never ended early.

IRCoT keeps the first sentence up to its full stop; here a sentence is a line, since small models end lines more
surely than sentences. Its own exit rule is kept: "answer is", with or without a colon, ends the loop.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from engine.run.requests import End, Play, Reply, Search, Think, Write
from engine.strategies import base, blocks, turns
from engine.types import Axis, Prompt, Question, Ranked

SOURCE = "IRCoT, arXiv 2212.10509; ITER-RETGEN, arXiv 2305.15294"

SENTENCE = (
    "Read the passages and write the next short sentence that helps to answer the question. "
    'When you know the answer, write "So the answer is:" and the answer.'
)
DRAFT = "Answer the question from the passages in one short sentence, even if you are not sure."
_ENDS = re.compile(r"\banswer is\b", re.IGNORECASE)


class Knobs(base.Knobs):
    by: Literal["thought", "answer"] = Field("thought", description="what becomes the next query")
    turns: int = Field(8, ge=1, le=64, description="most turns")
    top_k: int = Field(2, ge=1, le=100, description="passages per search")
    pool: int = Field(6, ge=1, le=200, description="most passages kept")
    sentence_cap: int = Field(48, ge=1, le=2048, description="longest sentence, tokens")
    think_cap: int = Field(512, ge=0, le=100_000, description="longest last thought, tokens")
    answer_cap: int = Field(blocks.ANSWER_CAP, ge=1, le=4096, description="longest answer, tokens")

    @property
    def most_searches(self) -> int:
        return self.turns

    @property
    def forcible(self) -> frozenset[Axis]:
        return base.BOTH


def play(question: Question, knobs: Knobs) -> Play:
    query = question.text
    pool: tuple[Ranked, ...] = ()
    thoughts: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    for _ in range(knobs.turns):
        found = yield Search(query, knobs.top_k)
        if found.refused:
            break
        asked += (query,)
        fresh = _new(found.passages, pool)
        pool = _kept(pool, found.passages, knobs)
        note = yield Think(
            _prompt(question, pool, thoughts, knobs),
            knobs.sentence_cap,
            blocks.LINE,
            form=blocks.fresh(asked),
        )
        sentence = blocks.said(note)
        if sentence and knobs.by == "thought":
            thoughts += (sentence,)
        if knobs.by == "thought" and _ENDS.search(sentence):
            if (yield End(spend=("search",))).go_on is None:
                break
            thoughts = (*thoughts[:-1], turns.CUE)
        query = _next_query(question, note, sentence, fresh, knobs)
    else:
        yield End("turns")
    given = blocks.passage_block(pool)
    so_far = "\n".join(thoughts)
    last = Reply()
    if not _ENDS.search(so_far) or (yield End(spend=("think",))).go_on:
        last = yield Think(
            blocks.think_prompt(question, given, blocks.thoughts_block(so_far)),
            knobs.think_cap,
            again=turns.waiting,
        )
    prompt = blocks.answer_prompt(question, given, thoughts=f"{so_far}\n{last.text}")
    return blocks.said((yield Write(prompt, "answer", knobs.answer_cap, blocks.LINE)))


def _prompt(
    question: Question, pool: Sequence[Ranked], thoughts: Sequence[str], knobs: Knobs
) -> Prompt:
    rule = SENTENCE if knobs.by == "thought" else DRAFT
    so_far = blocks.thoughts_block("\n".join(thoughts))
    return blocks.chat(rule, blocks.passage_block(pool), blocks.question_line(question), so_far)


def _kept(pool: Sequence[Ranked], found: Sequence[Ranked], knobs: Knobs) -> tuple[Ranked, ...]:
    return blocks.merged(pool, found, knobs.pool) if knobs.by == "thought" else tuple(found)


def _new(found: Sequence[Ranked], pool: Sequence[Ranked]) -> list[Ranked]:
    seen = {r.passage.id for r in pool}
    return [r for r in found if r.passage.id not in seen]


def _next_query(
    question: Question, note: Reply, sentence: str, fresh: Sequence[Ranked], knobs: Knobs
) -> str:
    if note.refused or not sentence:
        return f"{question.text} {fresh[0].passage.title}" if fresh else question.text
    return sentence if knobs.by == "thought" else f"{question.text} {sentence}"
