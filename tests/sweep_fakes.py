"""What a sweep needs of the application, made up: scripted models, a shelf for an index, questions by number.

python -m tests.sweep_fakes HOME PLAN        runs a plan in this process, as the command does, and says `ready` first
"""

from __future__ import annotations

import asyncio
import random
import sys
from dataclasses import dataclass
from pathlib import Path

from budgetscape.sweep_driver import Drive, stop_with_parent
from budgetscape.sweep_opening import ready
from engine.identity import content_hash
from engine.models.scripted import Scripted
from engine.sweeps.plan import read_plan
from engine.types import Question
from store.home import Home
from tests.fakes import Shelf

PLAN = """
name = "toy"
strategies = ["closed_book", "iterative"]
models = ["m"]
index = "i"
questions = "q"
search = [0, 1, 2]
think = [0, 8]
"""
HOLD = "hold"
"""While a file of this name is in the data folder, whoever is held waits in the middle of what they say."""
QUESTIONS = [
    Question(f"q{n}", f"What is {n}?", ("Pirnby",), hops=n % 3, operations=n % 2) for n in range(12)
]


def say(call):
    """A line that follows from what is asked."""
    dice = random.Random(content_hash([call.prompt, call.stop]))
    return " ".join(dice.choices(["Pirnby", "guild", "the", "of"], k=dice.randint(2, 6)))


class Held(Scripted):
    """A model that may be held."""

    def __init__(self, latency_s: float, file: Path) -> None:
        super().__init__(say, latency_s=latency_s)
        self.file = file

    async def generate(self, call, on_piece=None):
        while self.file.exists():
            await asyncio.sleep(0.02)
        return await super().generate(call, on_piece)


@dataclass
class Spec:
    embedded: bool = False


class Registry:
    places = 4

    def concurrency(self, name):
        return self.places

    def fingerprint(self, name):
        return f"print of {name}"

    def spec(self, name):
        return Spec()


class ToyParts:
    """As budgetscape.wiring.Parts, as far as sweeps know it."""

    def __init__(self, home: Home, latency_s=0.0, model=None, priced=True):
        self.home, self.registry, self.shelf = home, Registry(), Shelf()
        self.toy = model or Scripted(say, latency_s=latency_s)
        self.priced = priced

    async def model(self, name):
        return self.toy

    def think_control(self, model):
        return "hard"

    def agents(self):
        return []

    async def retriever(self, index):
        return self.shelf

    def recipe(self, index):
        return "recipe"

    def price(self, name):
        return lambda usage: (
            (usage.input_tokens + usage.completion_tokens) / 1e3 if self.priced else None
        )

    def questions(self, name):
        return QUESTIONS


async def main(root: str, plan: str, *more: str) -> None:
    latency_s = 0.02 if more else 0.005  # a page has to see it running
    parts = ToyParts(Home(Path(root)).ensure(), model=Held(latency_s, Path(root) / HOLD))
    sweep = await ready(read_plan(Path(plan).read_text()), parts)
    stop_with_parent(sweep.stop)
    print("ready", flush=True)
    try:
        await Drive(sweep).go(lambda *_: None, lambda _: None, only="--quote-only" in more)
    finally:
        sweep.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
