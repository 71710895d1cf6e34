"""External: a search system of one's own, step by step as it tells them.

Source: the user's own agent, a command or an address (docs/external.md has the lines it speaks). It is told the
question and both budgets, never the gold, and tells its thoughts, searches, readings and its answer. One unit of S buys
one query, asked of us or told as its own; one unit of R is one thinking token as it counts them, or a quarter of the
characters of what it tells without a count, which the step says.

A query asked of us beyond S is refused and the agent goes on. What it did by itself cannot be refused: it is counted
in full, also beyond S or R, the agent is told that the budget is spent, and the next time that it spends what it has
not it is ended, without an answer. An agent that ends without an answer has none, which is a wrong answer, not a
missing one; so has one that sends more than `malformed` lines that are no steps, where it is ended. Deviations: none
to protect; no memo is shared between the cells of a question, since nobody knows what the agent would have done under
another budget.
"""

from __future__ import annotations

from pydantic import Field

from engine.run.budgets import MOST_SEARCHES
from engine.run.requests import End, Outside, Play, Reply, Search
from engine.strategies import base, blocks
from engine.types import Question

SOURCE = "your own system"

OUTSIDE = True
"""It is performed by an agent of the endpoints file, not by a model."""


class Knobs(base.Knobs):
    top_k: int = Field(3, ge=1, le=100, description="passages for each query asked of us")
    searches: int = Field(64, ge=0, le=MOST_SEARCHES, description="most queries that it can use")
    malformed: int = Field(4, ge=0, le=1000, description="lines that may be no steps")

    @property
    def most_searches(self) -> int:
        return self.searches


def play(question: Question, knobs: Knobs) -> Play:
    given: Reply | None = None
    malformed, told = 0, False
    while True:
        said = yield Outside(question.text, given)
        given = None
        match said.act:
            case "answer":
                return blocks.said(said)
            case "end":
                yield End("turns")
                return ""
            case "malformed":
                malformed += 1
                if malformed > knobs.malformed:
                    yield End("malformed")
                    return ""
            case "query":
                asked = Search(blocks.harmless(said.text), knobs.top_k, (said,))
                given = said if said.refused else (yield asked)
            case _ if said.refused and told:
                return ""
            case _ if said.refused:
                told, given = True, Reply(refused=said.refused)
