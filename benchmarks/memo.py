"""What the memo saves: a grid of both budgets with and without it, answer by answer the same.

Real prompts over a generated world, searched by words; the model is made up, its replies follow from the prompt alone.
Counted are generated tokens and input tokens, none of them cached by an endpoint. The promise is 0.35. The least that
any sharing of replies could pay is each prompt once, with its longest reply. Seconds are those of one child on board,
at the rates it was measured at.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from dataclasses import dataclass, replace

from engine.identity import content_hash
from engine.models.scripted import Scripted
from engine.retrieval.lexical import Bm25
from engine.run.ports import Call
from engine.strategies import PLAYED
from engine.sweeps.trajectory import Trajectory, run_cells
from engine.types import Budget, Question, RunConfig, Usage
from engine.worlds import World, build

PROMISE = 0.35
PROMPT_RATE, WRITING_RATE = 160.0, 47.0
"""Tokens a second that one child of the model on board reads and writes."""
SEARCH = range(9)
THINK = (0, 16, 32, 64, 128, 256, 512)
LINE_WORDS, THOUGHT_WORDS = (2, 30), (20, 400)
SAYS_DONE, SAYS_ANSWER = 0.1, 0.1
"""How often a made-up line ends a chain, so that not every run uses its whole budget."""


def babble(call: Call) -> str:
    """A line or a longer thought that follows from the prompt and the seed, never from the cap."""
    dice = random.Random(content_hash([call.prompt, call.stop, call.seed]))
    words = call.prompt[-1].content.split()
    if not call.stop:
        return " ".join(dice.choices(words, k=dice.randint(*THOUGHT_WORDS)))
    ending = dice.random()
    if ending < SAYS_DONE:
        return "done"
    line = " ".join(dice.choices(words, k=dice.randint(*LINE_WORDS)))
    return f"So the answer is: {line}" if ending < SAYS_DONE + SAYS_ANSWER else line


async def grid(strategy: str, question: Question, index: Bm25, share: bool) -> Trajectory:
    """All cells of one question."""
    config = RunConfig(strategy, "made-up", "world", Budget(0, 0))
    cells = [Budget(s, t) for s in SEARCH for t in THINK]
    model = Scripted(babble)
    return await run_cells(question, config, cells, model, index, share=share)


def tokens(usage: Usage) -> int:
    return usage.completion_tokens + usage.input_tokens - usage.cached_input_tokens


def differences(one: Trajectory, other: Trajectory) -> int:
    """Cells whose answer, or whose charge, is not the same in both."""
    said = [
        {r.config.budget: (r.trace.answer, r.trace.usage) for r in t.runs} for t in (one, other)
    ]
    return sum(said[0].get(b) != said[1].get(b) for b in said[0] | said[1])


def least(naive: Trajectory) -> Usage:
    """Every prompt once, with its longest reply: no sharing of replies can pay less for these cells."""
    longest: dict[Call, Usage] = {}
    for recorded in naive.calls:
        key, usage = replace(recorded.call, cap=0), recorded.reply.usage
        kept = longest.get(key, Usage())
        longest[key] = max(kept, usage, key=lambda u: u.completion_tokens + u.input_tokens)
    return sum(longest.values(), Usage())


def seconds(usage: Usage) -> float:
    """What the model on board would take, one call after another."""
    return usage.input_tokens / PROMPT_RATE + usage.completion_tokens / WRITING_RATE


@dataclass
class Paid:
    """What some grids took, and cells that differ between them."""

    shared: Usage = Usage()
    naive: Usage = Usage()
    least: Usage = Usage()
    wrong: int = 0

    def add(self, other: Paid) -> None:
        self.shared += other.shared
        self.naive += other.naive
        self.least += other.least
        self.wrong += other.wrong

    @property
    def ratio(self) -> float:
        return tokens(self.shared) / tokens(self.naive)

    def line(self) -> str:
        shared, naive, lowest = (tokens(u) for u in (self.shared, self.naive, self.least))
        return (
            f"{shared:>10,} of {naive:>11,} tokens, least {lowest:>10,}, ratio {self.ratio:.3f}, "
            f"{seconds(self.shared):,.0f} of {seconds(self.naive):,.0f} s, {self.wrong} cells differ"
        )


def measure(strategy: str, world: World) -> Paid:
    """The grid of every question, with the memo and without."""
    index, paid = Bm25(world.passages), Paid()
    for question in world.questions:
        shared, naive = (
            asyncio.run(grid(strategy, question, index, share)) for share in (True, False)
        )
        paid.add(Paid(shared.paid, naive.paid, least(naive), differences(shared, naive)))
    return paid


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help=f"fail above {PROMISE}")
    parser.add_argument("--questions", type=int, default=12)
    options = parser.parse_args()
    world = build(1, 200, options.questions, "test")
    total = Paid()
    for strategy in PLAYED:
        paid = measure(strategy, world)
        print(f"{strategy:18} {paid.line()}")
        total.add(paid)
    print(f"{'all':18} {total.line()}")
    print(f"ratio {total.ratio:.3f}")
    if options.check and (total.ratio > PROMISE or total.wrong):
        sys.exit(f"promised: at most {PROMISE} and no cell that differs ({total.wrong} did)")


if __name__ == "__main__":
    main()
