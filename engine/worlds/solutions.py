"""What it takes to answer a question: look-ups in order, then lines of thinking.

Knows how a path of facts is asked for step by step, not how questions are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.worlds.facts import Entity
from engine.worlds.passages import Stated
from engine.worlds.phrasings import WORDINGS, YEARS


@dataclass(frozen=True, slots=True)
class Lookup:
    """One needed search and what it brings."""

    query: str
    """The plain sub-question, with the names found so far."""
    alternatives: tuple[str, ...]
    """Other queries for the same passage."""
    answer: str
    """As the passage has it."""
    passage_id: str
    key_sentence: str
    depends_on: tuple[int, ...]
    """Positions of the look-ups whose answers the query needs."""
    called: str = ""
    """What the query calls its subject."""
    other: str = ""
    """The subject's other name, if it has one: about half of what is told stands under that name."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A number that is reasoned over."""

    label: str
    value: int
    lookup: int | None
    """Position of the look-up that brings it; None when the question states it."""


@dataclass(frozen=True, slots=True)
class Solution:
    """How a question is answered, step by step."""

    lookups: tuple[Lookup, ...]
    thinking: tuple[str, ...]
    """Lines that carry out the operations; empty when there are none."""
    answer: str
    rule: str = "chain"
    """Name of the operation."""
    operands: tuple[Operand, ...] = ()
    parameter: int | None = None
    """The further number in the question, if any."""


@dataclass(frozen=True, slots=True)
class Path:
    """Facts to look up one after the other, or one fact that the question gives away."""

    facts: tuple[Stated, ...]
    given: bool
    anchor: str
    """What the question calls the first subject."""
    phrases: tuple[str, ...]
    """Noun phrases chosen for the values on the way."""
    unseen: bool

    @property
    def end(self) -> Stated:
        return self.facts[-1]

    @property
    def subject(self) -> Entity:
        return self.end.fact.subject

    @property
    def phrase(self) -> str:
        """The last subject, as the question calls it."""
        text = self.anchor
        for phrase in self.phrases:
            text = phrase.format(m=text)
        return text


def lookups_of(paths: tuple[Path, ...]) -> list[Lookup]:
    lookups: list[Lookup] = []
    for path in (p for p in paths if not p.given):
        called = path.anchor
        for place, stated in enumerate(path.facts):
            other = _other(stated.fact.subject, called)
            query, alternatives = _queries(stated, called, other)
            depends = (len(lookups) - 1,) if place else ()
            answer = bare(stated.said.surface)
            lookups.append(
                Lookup(
                    query,
                    alternatives,
                    answer,
                    stated.passage_id,
                    stated.said.sentence,
                    depends,
                    called,
                    other,
                )
            )
            called = stated.said.surface
    return lookups


def _other(subject: Entity, called: str) -> str:
    """The name that is not at hand; empty where there is but one."""
    if not subject.alias:
        return ""
    return subject.text if called != subject.text else f"the {subject.alias}"


def _queries(stated: Stated, called: str, other: str) -> tuple[str, tuple[str, ...]]:
    """The plain query by the name at hand; then by the other name; then in other words."""
    wording = WORDINGS[stated.fact.relation]
    plain = wording.ask[0]
    told = [t.removesuffix(" {o}") for t in wording.says if t.endswith(" {o}")]
    texts = [plain.format(m=other)] if other else []
    texts += [t.format(m=called, s=called) for t in (*told, *wording.ask[1:], *wording.keywords)]
    return plain.format(m=called), tuple(dict.fromkeys(texts))


def operands_of(paths: tuple[Path, ...], values: tuple[int, ...]) -> tuple[Operand, ...]:
    """Operands are called what the question, or the last look-up but one, calls them."""
    operands, position = [], -1
    for path, value in zip(paths, values, strict=True):
        position += 0 if path.given else len(path.facts)
        label = path.facts[-2].said.surface if len(path.facts) > 1 else path.anchor
        operands.append(Operand(bare(label), value, None if path.given else position))
    return tuple(operands)


def other_answers(path: Path, label: str) -> tuple[str, ...]:
    """Further right answers where an operand is the answer: other names, and the event itself."""
    names = [n for n in names_of(path.subject) if n != label]
    if path.end.fact.relation in YEARS:
        names.append(WORDINGS[path.end.fact.relation].noun[0].format(m=path.subject.text))
    return tuple(names)


def names_of(value: Entity | int) -> tuple[str, ...]:
    """All that counts as naming it."""
    if isinstance(value, int):
        return (str(value),)
    return (*value.names, value.short) if value.alias and value.short else value.names


def bare(surface: str) -> str:
    return surface.removeprefix("the ")


def number_of(stated: Stated) -> int:
    assert isinstance(stated.fact.value, int)
    return stated.fact.value
