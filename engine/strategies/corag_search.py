"""CoRAG, searching among chains: best of N chains, or a tree of look-ups; then the final answer.

Source: CoRAG (arXiv 2501.14342), test-time strategies beside greedy decoding; prompts, look-ups, "done" and stand-ins
are those of `corag`. Knob `by`:

- `best_of_n`: `chains` chains at once, the first by the run's own decoding, the others with sub-queries at
temperature 0.7. S and R are split evenly among them before any starts; what one leaves is not passed to another. -
`tree_search`: for each look-up, 1.5 times `expand` sub-queries are sampled at 0.7 and up to `expand` distinct ones
kept, sent and answered; each longer chain is tried by `rollouts` roll-outs of up to `rollout_steps` look-ups, and the
one with the lowest mean penalty is kept. Sub-queries that are not kept are discarded (their tokens are thinking) or,
when R cannot cover that, sent without being read.

One unit of S buys one sub-query of any chain, branch or roll-out, all inside the total. One unit of R is one token of
a sub-answer, a discarded sub-query, a roll-out, a probe or the last thought. When S is spent the best chain so far is
answered from; when R is spent chains grow as in `corag`.

The penalty of a chain is the mean log-probability of "No relevant information found" as the sub-answer to the main
question from the chain alone: low is good. Where the endpoint scores no texts, one short reply to the same prompt
(thinking, noted `penalty by reply: scores are not offered`) stands in: if it says that nothing was found, the mean
log-probability of its tokens, else the log of what its first token left to all other first tokens, an upper bound; 0
and -1 where no log-probabilities are told. Where R refuses that too (the refused thought keeps the note), the share
of look-ups that found nothing, less one. One way is used for all chains of a choice. The first of equals is kept.
Deviations: those of `corag`; one chain is kept at a time, as in the source's own setting; the tree scores a chain
that cannot be rolled out as it is, once.

As a dose (`force`): as in `corag`, in every chain, roll-out and level of the tree; what `length` or the shares of
branches leave of S stays unspent, and the last thought spends R.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import Literal

from pydantic import Field

from engine.run.requests import (
    Discard,
    End,
    Play,
    Reply,
    Request,
    Score,
    Search,
    Think,
    Together,
    Write,
)
from engine.strategies import blocks, corag, turns
from engine.strategies.corag import Chain
from engine.types import Prompt, Question

SOURCE = "CoRAG best-of-N and tree search, arXiv 2501.14342"

HEAT = 0.7
OVERSAMPLED = 1.5
"""Sub-queries sampled for each one that is kept."""
PROBE_CAP = 8
PROBE = "penalty by reply: scores are not offered"


class Knobs(corag.Knobs):
    by: Literal["best_of_n", "tree_search"] = Field(
        "best_of_n", description="how chains are searched"
    )
    chains: int = Field(4, ge=1, le=64, description="best_of_n: chains")
    expand: int = Field(4, ge=1, le=16, description="tree_search: sub-queries kept per look-up")
    rollouts: int = Field(2, ge=1, le=8, description="tree_search: roll-outs per candidate")
    rollout_steps: int = Field(2, ge=0, le=8, description="tree_search: longest roll-out, look-ups")

    @property
    def most_searches(self) -> int:
        chains = self.chains * self.length
        if self.by == "tree_search":
            ahead = (min(self.rollout_steps, self.length - n) for n in range(1, self.length + 1))
            tried = self.expand * self.rollouts * sum(ahead) if self.expand > 1 else 0
            chains = self.length * self.sampled + tried
        return chains + (self.final_top_k > 0)

    @property
    def sampled(self) -> int:
        """Sub-queries sampled for one look-up of the tree."""
        return int(OVERSAMPLED * self.expand)


Asking = Generator[Request, Reply, Chain]


def play(question: Question, knobs: Knobs) -> Play:
    background = yield from corag.fetched(question, knobs)
    search = _best_of_n if knobs.by == "best_of_n" else _tree
    chain = yield from search(question, knobs)
    if 0 < knobs.length == len(chain):
        yield End("turns")
    return (yield from corag.concluded(question, chain, background, knobs))


def _best_of_n(question: Question, knobs: Knobs) -> Asking:
    heats = [None, *[HEAT] * (knobs.chains - 1)]
    chains: list[Chain] = [()] * knobs.chains
    yield Together(
        tuple(
            _branch(question, (), knobs.length, knobs, heat, chains, n)
            for n, heat in enumerate(heats)
        )
    )
    penalties = yield from _penalties(question, chains)
    return chains[penalties.index(min(penalties))]


def _branch(
    question: Question,
    chain: Chain,
    steps: int,
    knobs: Knobs,
    heat: float | None,
    out: list[Chain],
    place: int,
) -> Play:
    """A chain grown beside others; it is handed over in `out`, since plays return text."""
    out[place] = yield from corag.grown(question, chain, steps, knobs, heat)
    return ""


# ---------------------------------------------------------------------------------------------- tree


def _tree(question: Question, knobs: Knobs) -> Asking:
    chain: Chain = ()
    for _ in range(knobs.length):
        candidates = yield from _expanded(question, chain, knobs)
        if not candidates:
            break
        chain = candidates[0]
        if len(candidates) > 1:
            penalties = yield from _rolled_out(question, candidates, knobs)
            chain = candidates[penalties.index(min(penalties))]
    return chain


def _expanded(
    question: Question, chain: Chain, knobs: Knobs
) -> Generator[Request, Reply, list[Chain]]:
    """The chain with one look-up more, in as many ways as the model finds and the budgets allow."""
    kept = yield from _sampled(question, chain, knobs)
    if not kept:
        return []
    found = (yield Together(tuple(kept))).replies
    reading = [corag.sub_answer(s.query, f, knobs) for s, f in zip(kept, found, strict=True)]
    notes = (yield Together(tuple(reading))).replies
    return [
        (*chain, (search.query, blocks.said(note) or blocks.first_line(reply.passages)))
        for search, reply, note in zip(kept, found, notes, strict=True)
    ]


def _sampled(
    question: Question, chain: Chain, knobs: Knobs
) -> Generator[Request, Reply, list[Search]]:
    """Distinct look-ups to send next; none when the model, unless it is forced on, or the budget ends the tree."""
    cue = ""
    while True:
        ask = Write(
            corag.sub_query_prompt(question, chain, cue),
            "query",
            knobs.query_cap,
            blocks.LINE,
            HEAT,
            form=corag.sub_query_form(chain, knobs),
        )
        written = (yield Together((ask,) * knobs.sampled)).replies
        kept = yield from _distinct(question, chain, [w for w in written if not w.refused], knobs)
        if kept or (yield End(spend=("search",))).go_on is None:
            return kept
        cue = turns.ONE_MORE


def _distinct(
    question: Question, chain: Chain, written: Sequence[Reply], knobs: Knobs
) -> Generator[Request, Reply, list[Search]]:
    """The look-ups to send; the rest is discarded or, where that cannot be paid, sent and not read."""
    seen = {query.casefold() for query, _ in chain}
    kept: list[Search] = []
    for reply in written:
        query = blocks.said(reply) or question.text
        done = corag.is_done(query, knobs)
        if not done and query.casefold() not in seen and len(kept) < knobs.expand:
            seen.add(query.casefold())
            kept.append(Search(query, knobs.top_k, (reply,)))
            continue
        given_up = yield Discard(reply, "done" if done else "sub-query not kept")
        if given_up.refused:
            query = question.text if done else query
            rest = Search(query, knobs.top_k, (reply,))
            if kept or query.casefold() in seen:
                yield rest
            else:
                seen.add(query.casefold())
                kept.append(rest)
    return kept


def _rolled_out(
    question: Question, candidates: Sequence[Chain], knobs: Knobs
) -> Generator[Request, Reply, list[float]]:
    """The mean penalty of each candidate over its roll-outs."""
    steps = min(knobs.rollout_steps, knobs.length - len(candidates[0]))
    if not steps:
        return (yield from _penalties(question, candidates))
    starts = [chain for chain in candidates for _ in range(knobs.rollouts)]
    ends = list(starts)
    yield Together(
        tuple(_branch(question, c, steps, knobs, HEAT, ends, n) for n, c in enumerate(starts))
    )
    flat = yield from _penalties(question, ends)
    several = [flat[i : i + knobs.rollouts] for i in range(0, len(flat), knobs.rollouts)]
    return [sum(part) / len(part) for part in several]


# ---------------------------------------------------------------------------------------------- penalty


def _penalties(
    question: Question, chains: Sequence[Chain]
) -> Generator[Request, Reply, list[float]]:
    """One penalty a chain, all found in the same way; equal chains are scored once."""
    unique = list(dict.fromkeys(chains))
    if len(unique) == 1:
        return [0.0] * len(chains)
    prompts = [penalty_prompt(question, chain) for chain in unique]
    scored = (yield Together(tuple(Score(p, blocks.NOTHING) for p in prompts))).replies
    found = [r.score for r in scored if r.score is not None]
    if len(found) < len(unique):
        probes = tuple(
            Think(p, PROBE_CAP, blocks.LINE, note=PROBE, worth=by_reply) for p in prompts
        )
        replies = (yield Together(probes)).replies
        refused = any(r.refused for r in replies)
        found = [barren(c) for c in unique] if refused else [by_reply(r) for r in replies]
    penalty = dict(zip(unique, found, strict=True))
    return [penalty[chain] for chain in chains]


def penalty_prompt(question: Question, chain: Chain) -> Prompt:
    """The sub-answer prompt for the main question, with the chain in the place of passages."""
    return blocks.chat(corag.SUB_ANSWER, blocks.known_block(chain), blocks.question_line(question))


def by_reply(reply: Reply) -> float:
    """What stands in for the log-probability that nothing was found, from one short reply.

    "No relevant", logprobs (-.2, -.4) -> -.3; "Pirnby", first logprob -.1 -> log(1 - e^-.1) = -2.35
    """
    nothing = _says_nothing(blocks.said(reply))
    if not reply.logprobs:
        return 0.0 if nothing else -1.0
    if nothing:
        return sum(reply.logprobs) / len(reply.logprobs)
    return math.log(max(1e-9, -math.expm1(min(0.0, reply.logprobs[0]))))


def barren(chain: Chain) -> float:
    """The share of look-ups that found nothing, less one; 0 for a chain without look-ups."""
    if not chain:
        return 0.0
    return sum(_says_nothing(found) for _, found in chain) / len(chain) - 1.0


def _says_nothing(text: str) -> bool:
    said = text.casefold().rstrip(".!")
    return not said or said.startswith(blocks.NOTHING.casefold()[:11])
