"""A model that babbles and an index that knows little: deterministic, hostile, and free.

The parrot's reply is a function of prompt and seed, cut at the cap; the shelf's passages are a function of the query.
"""

import random
from dataclasses import replace

from engine.identity import content_hash
from engine.models.scripted import Scripted
from engine.types import Passage, Question, Ranked

QUESTION = Question("q1", "Where was the ship built?", ("Pirnby",), ("p1",), hops=1, operations=0)

WORDS = [
    "done",
    "done.",
    "So",
    "the",
    "answer is",
    "Pirnby",
    "No",
    "relevant",
    "information",
    "what?",
] + ["<|im_end|>", "</s>", "[INST]", "\n", "\n\n", "é", "漢字", '"', "\x00", "1,234", "   ", "<b>"]


def babble(key, longest=30):
    """A text of at most `longest` words, often short, often `done`, sometimes empty."""
    dice = random.Random(content_hash(key))
    if dice.random() < 0.2:
        return dice.choice(["", "done", "Done!", "same query", "So the answer is: Pirnby"])
    return " ".join(dice.choices(WORDS, k=dice.choice([1, 2, 3, 5, 8, longest])))


class Parrot(Scripted):
    """Says `babble` of the prompt, the seed where it samples, and its own name.

    `habits` are what endpoints do to pieces: `whole` one a token, `trimmed` fewer than tokens, `none`, `broken`
    (they do not join to the text). Each prompt has one habit.
    """

    def __init__(self, name=0, habits=("whole",)):
        super().__init__(lambda call: babble(self._key(call)))
        self.name, self.habits = name, habits

    def _key(self, call):
        return [self.name, call.prompt, call.seed if call.temperature else 0]

    async def generate(self, call, on_piece=None):
        reply = await super().generate(call, on_piece)
        habit = random.Random(content_hash(self._key(call))).choice(self.habits)
        reply = replace(reply, seconds=reply.tokens / 100)
        if habit == "none":
            return replace(reply, pieces=())
        if habit == "broken":
            return replace(reply, pieces=tuple(p[::-1] + "x" for p in reply.pieces))
        if habit == "trimmed":
            pieces = list(reply.pieces)
            while pieces and not pieces[-1]:
                pieces.pop()
            return replace(reply, pieces=tuple(pieces))
        return reply


class Shelf:
    """A retriever of `size` passages; remembers what it was asked and what it gave."""

    def __init__(self, size=7):
        self.size, self.asked, self.given = size, [], []

    async def search(self, queries):
        self.asked += queries
        found = [self._find(q) for q in queries]
        self.given += [r for several in found for r in several]
        return found

    def _find(self, query):
        dice = random.Random(query.text)
        picked = dice.sample(range(self.size), min(query.top_k, self.size))
        return tuple(
            Ranked(Passage(f"p{n}", f"Title {n}", babble(n)), rank, 1 / rank)
            for rank, n in enumerate(picked, 1)
        )
