"""What the memo saves: a grid of both budgets with and without it, answer by answer the same.

Real prompts over a generated world, searched by words; the model is made up, its replies follow from the prompt alone.
Counted are generated tokens and input tokens, none of them cached by an endpoint. The promise is 0.35.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys

from engine.identity import content_hash
from engine.models.scripted import Scripted
from engine.retrieval.lexical import Bm25
from engine.run.ports import Call
from engine.strategies import PLAYED
from engine.sweeps.trajectory import Trajectory, run_cells
from engine.types import Budget, Question, RunConfig, Usage
from engine.worlds import World, build

PROMISE = 0.35
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


def measure(strategy: str, world: World) -> tuple[int, int, int]:
    """Tokens paid with the memo, tokens paid without, cells that differ."""
    index = Bm25(world.passages)
    shared = naive = wrong = 0
    for question in world.questions:
        both = [asyncio.run(grid(strategy, question, index, share)) for share in (True, False)]
        shared, naive = shared + tokens(both[0].paid), naive + tokens(both[1].paid)
        wrong += differences(*both)
    return shared, naive, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help=f"fail above {PROMISE}")
    parser.add_argument("--questions", type=int, default=12)
    options = parser.parse_args()
    world = build(1, 200, options.questions, "test")
    shared = naive = wrong = 0
    for strategy in PLAYED:
        with_memo, without, differing = measure(strategy, world)
        print(
            f"{strategy:18} {with_memo:>10,} of {without:>11,} tokens, "
            f"ratio {with_memo / without:.3f}, {differing} cells differ"
        )
        shared, naive, wrong = shared + with_memo, naive + without, wrong + differing
    ratio = shared / naive
    print(f"ratio {ratio:.3f}")
    if options.check and (ratio > PROMISE or wrong):
        sys.exit(f"promised: at most {PROMISE} and no cell that differs ({wrong} did)")


if __name__ == "__main__":
    main()
