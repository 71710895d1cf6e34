"""The verifier: how likely the model itself finds a proposed answer right, as one number between 0 and 1.

One fixed question, with the passages that led to the answer, to be answered yes or no. Where the endpoint scores texts,
the number is the probability of "yes" as the reply. Elsewhere one short reply to the same prompt (thinking, noted as
the verifier's) stands in: of the likeliest first tokens that the endpoint tells, the share of yes among yes and no.
Where none of them is either, the probability of the first token if it begins a yes, what it left to all others if it
begins a no (an upper bound), 0 if neither; 1 and 0 where no log-probabilities are told.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Sequence

from engine.run.requests import Reply, Request, Score, Think
from engine.strategies import blocks
from engine.types import Prompt, Question, Ranked

VERIFY = (
    "Is the proposed answer to the question right, as far as the passages tell? "
    "Reply with one word only: yes or no."
)
YES, NO = "yes", "no"
NOTE = "verifier; where it may not think, the majority decides"
CAP = 2
"""Tokens of the short reply: enough to tell a yes from a no."""
MOST_SHOWN = 6
"""Passages of a sample that are shown again, the last ones."""


def verified(
    question: Question, answer: str, shown: Sequence[Ranked]
) -> Generator[Request, Reply, float | None]:
    """The number, which the driver also keeps on the step; None where the budget refuses it."""
    prompt = verify_prompt(question, answer, shown)
    scored = yield Score(prompt, YES, note=NOTE)
    if scored.score is not None:
        return math.exp(min(0.0, scored.score))
    said = yield Think(prompt, CAP, blocks.LINE, temperature=0.0, note=NOTE, worth=by_reply)
    return None if said.refused else by_reply(said)


def verify_prompt(question: Question, answer: str, shown: Sequence[Ranked]) -> Prompt:
    once = tuple({r.passage.id: r for r in shown}.values())
    return blocks.chat(
        VERIFY,
        blocks.passage_block(once[-MOST_SHOWN:]),
        blocks.question_line(question),
        f"Proposed answer: {blocks.harmless(answer)}",
    )


def by_reply(reply: Reply) -> float:
    """What stands in for the probability of a yes, from one short reply.

    Candidates "yes" at .3 and "no" at .1 -> .75; without any: "Yes", first logprob -.1 -> .9; "no", -.1 -> .1
    """
    yes, no = (_mass(reply.first_tokens, word) for word in (YES, NO))
    if yes + no > 0:
        return yes / (yes + no)
    said = blocks.said(reply).casefold()
    first = math.exp(min(0.0, reply.logprobs[0])) if reply.logprobs else 1.0
    if said.startswith(YES):
        return first
    return 1.0 - first if said.startswith(NO) else 0.0


def _mass(candidates: Iterable[tuple[str, float]], word: str) -> float:
    """The probability of all first tokens that are the word, however it is written."""
    return sum(math.exp(p) for token, p in candidates if token.strip().casefold() == word)
