"""CoRAG, greedy: a chain of sub-queries and sub-answers, then the final answer.

Source: CoRAG (arXiv 2501.14342). One unit of S buys one sub-query. One unit of R is one token of a sub-answer or of
the last thought. When R is spent, the best passage's own words stand in for a sub-answer and the chain goes on; when
S is spent, the final answer follows from the chain. `final_top_k` passages of the main question, if any, are fetched
first and are inside S.

A sub-query that was asked before is discarded (its tokens are thinking) and sampled again at temperature 0.7; when R
cannot cover that, it is sent. Deviations: the chain may end before `length`, when the model writes "done" in place of
a sub-query (CoRAG's learned stop as part of the same call, to save one; `early_stop` turns it off; when R cannot
cover that word, the main question is sent and the chain goes on); `final_top_k` is 0 where CoRAG takes 20, and
passages are 3 where it takes 5, since prompts of the model on board must stay short; passages stand in reverse order,
as there.

As a dose (`force`): "done" while S is not spent is dropped, and one look-up more is asked for at temperature 0.7, up
to six times in a row; the last thought goes on behind "Wait" until R is spent. Sub-answers are left as they are.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from pydantic import Field

from engine.run.requests import (
    Discard,
    End,
    Form,
    Play,
    Reply,
    Request,
    Search,
    Think,
    Write,
    says_something,
)
from engine.strategies import base, blocks, turns
from engine.types import Axis, Prompt, Question

SOURCE = "CoRAG, arXiv 2501.14342"

SUB_QUERY = (
    "Break the question into simple look-ups. Write only the next thing to look up, as a short question. "
    'If everything needed is known, write "done".'
)
SUB_ANSWER = (
    "Answer the question from the passages only, in a few words. "
    f'If they do not help, reply "{blocks.NOTHING}".'
)
Chain = tuple[tuple[str, str], ...]


class Knobs(base.Knobs):
    length: int = Field(8, ge=0, le=64, description="longest chain")
    top_k: int = Field(3, ge=1, le=100, description="passages per sub-query")
    final_top_k: int = Field(0, ge=0, le=100, description="passages of the main question")
    early_stop: bool = Field(True, description="the model may end the chain")
    query_cap: int = Field(32, ge=1, le=512, description="longest sub-query, tokens")
    sub_answer_cap: int = Field(48, ge=1, le=2048, description="longest sub-answer, tokens")
    think_cap: int = Field(512, ge=0, le=100_000, description="longest last thought, tokens")
    answer_cap: int = Field(blocks.ANSWER_CAP, ge=1, le=4096, description="longest answer, tokens")

    @property
    def most_searches(self) -> int:
        return self.length + (self.final_top_k > 0)

    @property
    def forcible(self) -> frozenset[Axis]:
        return base.BOTH


def play(question: Question, knobs: Knobs) -> Play:
    background = yield from fetched(question, knobs)
    chain = yield from grown(question, (), knobs.length, knobs)
    if 0 < knobs.length == len(chain):
        yield End("turns")
    return (yield from concluded(question, chain, background, knobs))


def fetched(question: Question, knobs: Knobs) -> Generator[Request, Reply, str]:
    """The block of the main question's own passages, or nothing."""
    if not knobs.final_top_k:
        return ""
    found = yield Search(question.text, knobs.final_top_k)
    return blocks.passage_block(found.passages[::-1])


def grown(
    question: Question, chain: Chain, steps: int, knobs: Knobs, heat: float | None = None
) -> Generator[Request, Reply, Chain]:
    """The chain with up to `steps` look-ups more; `heat` is the temperature of sub-queries."""
    for _ in range(steps):
        request = yield from _next_look_up(question, chain, knobs, heat)
        if request is None:
            break
        found = yield request
        if found.refused:
            break
        note = yield sub_answer(request.query, found, knobs)
        chain += ((request.query, blocks.said(note) or blocks.first_line(found.passages)),)
    return chain


def concluded(question: Question, chain: Chain, background: str, knobs: Knobs) -> Play:
    """The last thought and the answer."""
    given = (background, blocks.known_block(chain))
    prompt = blocks.think_prompt(question, *given)
    thought = yield Think(prompt, knobs.think_cap, again=turns.waiting)
    prompt = blocks.answer_prompt(question, *given, thoughts=thought.text)
    return blocks.said((yield Write(prompt, "answer", knobs.answer_cap, blocks.LINE)))


def _next_look_up(
    question: Question, chain: Chain, knobs: Knobs, heat: float | None
) -> Generator[Request, Reply, Search | None]:
    """The next search to send, or None when the model or the budget ends the chain."""
    asked = {query.casefold() for query, _ in chain}
    again, cue = False, ""
    while True:
        written = yield Write(
            sub_query_prompt(question, chain, cue),
            "query",
            knobs.query_cap,
            blocks.LINE,
            temperature=turns.WARM if again or cue else heat,
            form=sub_query_form(chain, knobs),
        )
        if written.refused:
            return None
        query = blocks.said(written)
        done = is_done(query, knobs)
        if not done and (again or query.casefold() not in asked):
            return Search(query or question.text, knobs.top_k, (written,))
        given_up = yield Discard(written, "done" if done else "repeated query")
        if given_up.refused:
            return Search(question.text if done else query, knobs.top_k, (written,))
        if not done:
            again = True
        elif (yield End(spend=("search",))).go_on is None:
            return None
        else:
            cue = turns.ONE_MORE


def sub_query_form(chain: Chain, knobs: Knobs) -> Form:
    """A look-up of its own, or the word that ends the chain."""
    new = blocks.fresh(query for query, _ in chain)
    return lambda text: is_done(blocks.said(Reply(text=text)), knobs) or new(text)


def sub_answer(query: str, found: Reply, knobs: Knobs) -> Think:
    prompt = sub_answer_prompt(query, found)
    return Think(prompt, knobs.sub_answer_cap, blocks.LINE, form=says_something)


def is_done(query: str, knobs: Knobs) -> bool:
    """Whether the model ends the chain in place of a sub-query."""
    return knobs.early_stop and query.casefold().rstrip(".!") == "done"


def sub_query_prompt(question: Question, chain: Sequence[tuple[str, str]], cue: str = "") -> Prompt:
    return blocks.chat(SUB_QUERY, blocks.question_line(question), blocks.known_block(chain), cue)


def sub_answer_prompt(query: str, found: Reply) -> Prompt:
    return blocks.chat(
        SUB_ANSWER, blocks.passage_block(found.passages[::-1]), blocks.question_line(query)
    )
