"""Which questions of a set a sweep asks, and in which order: strata are filtered, drawn evenly, and taken in turns.

A stratum is a pair of hops and operations. Taking one question of each stratum in turn means that the first minutes of
a sweep already show every stratum, so the whole surface is useful early.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from pydantic import BaseModel, ConfigDict, Field

from engine.types import Question

Stratum = tuple[int | None, int | None]


class Strata(BaseModel):
    """Which questions are wanted; what is left out wants all."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    hops: tuple[int, ...] | None = Field(None, min_length=1, strict=False)
    operations: tuple[int, ...] | None = Field(None, min_length=1, strict=False)
    tags: tuple[str, ...] | None = Field(None, min_length=1, strict=False)
    """Questions that carry any of these."""
    each: int | None = Field(None, ge=1)
    """The most questions of each stratum."""
    draw: int | None = Field(None, ge=0)
    """A seed to draw them by; without it the first ones of the set are taken."""

    def wants(self, question: Question) -> bool:
        return (
            (self.hops is None or question.hops in self.hops)
            and (self.operations is None or question.operations in self.operations)
            and (self.tags is None or bool(set(self.tags) & set(question.tags)))
        )


def picked(
    questions: Sequence[Question], strata: Strata | None, limit: int | None
) -> list[Question]:
    """The questions of a sweep, a spread of strata first. Without strata they are the first `limit` of the set."""
    if strata is None:
        return in_turns(questions[:limit])
    wanted = [q for q in questions if strata.wants(q)]
    if strata.draw is not None:
        random.Random(strata.draw).shuffle(wanted)
    return in_turns(wanted, strata.each)[:limit]


def in_turns(questions: Iterable[Question], each: int | None = None) -> list[Question]:
    """One question of every stratum, then the next one of every stratum; the order inside a stratum stays.

    strata a a a b b -> a b a b a
    """
    by_stratum: dict[Stratum, list[Question]] = {}
    for question in questions:
        by_stratum.setdefault((question.hops, question.operations), []).append(question)
    rounds = zip_longest(*(some[:each] for some in by_stratum.values()))
    return [q for taken in rounds for q in taken if q is not None]
