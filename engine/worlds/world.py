"""A world: a fictional corpus, and questions with answers and solutions known by construction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from engine.errors import InputError
from engine.types import Passage, Question
from engine.worlds.names import Split
from engine.worlds.passages import write
from engine.worlds.phrasings import WORDINGS, Wording
from engine.worlds.programs import pose
from engine.worlds.solutions import Solution

FEWEST_PASSAGES, MOST_PASSAGES = 60, 5000
MOST_QUESTIONS = 5000


@dataclass(frozen=True, slots=True)
class World:
    """What `build` makes; equal arguments give equal worlds on every machine."""

    seed: int
    split: Split
    passages: tuple[Passage, ...]
    questions: tuple[Question, ...]
    """Interleaved over (hops, operations), so that any first part is a fair spread."""
    solutions: Mapping[str, Solution]
    """By question id."""


def build(
    seed: int,
    passages: int,
    questions: int,
    split: Split,
    wordings: Mapping[str, Wording] = WORDINGS,
) -> World:
    """The world of this seed: exactly `passages` passages and `questions` questions, put in these words.

    Raises InputError when the sizes cannot be met: 60 to 5000 passages, at most 5000 questions, and
    not so many that different ones run out.
    """
    _check(seed, passages, questions, split)
    rng = Random(f"budgetscape world {split} {seed}")
    written = write(rng, split, seed, passages, wordings)
    posed = pose(rng, split, seed, written, questions, wordings)
    return World(
        seed, split, written.passages, tuple(q for q, _ in posed), {q.id: s for q, s in posed}
    )


def _check(seed: int, passages: int, questions: int, split: Split) -> None:
    if split not in ("train", "test"):
        raise InputError(f"split '{str(split)[:40]}' is not known; use train or test")
    for name, value, low, high in (
        ("seed", seed, 0, 2**31 - 1),
        ("passages", passages, FEWEST_PASSAGES, MOST_PASSAGES),
        ("questions", questions, 0, MOST_QUESTIONS),
    ):
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise InputError(
                f"{name} must be a whole number from {low} to {high}, not {str(value)[:40]}"
            )
