"""Writes the facts of a world down as short passages.

Each entity gets two passages of two facts each; the rest are distractors, which use the same words
about the same names and tell nothing. Every fact is stated once, in one sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from engine.types import Passage
from engine.worlds.facts import Entity, Fact, Facts, draw
from engine.worlds.names import Split
from engine.worlds.phrasings import BASICS, FILLERS, WORDINGS, Wording

ALIAS_TITLE = 0.7
"""Share of the passages of an entity with a second name that are headed by that name."""
ALIAS_MENTION = 0.25
"""Share of the facts about an entity with a second name that call it by that name."""
UNSEEN = 0.25
"""Share of the facts in a test world that are put in words that train worlds lack."""
ENTITIES_PER_PASSAGE = 0.22
"""Twice this is the share of passages that tell something; the others are distractors."""


class Said(NamedTuple):
    """A fact in words."""

    fact: Fact
    sentence: str
    surface: str
    """What the sentence calls the value, article included."""
    unseen: bool
    """Put in words that train worlds lack."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A fact in words, and where they stand."""

    said: Said
    passage_id: str

    @property
    def fact(self) -> Fact:
        return self.said.fact


@dataclass(frozen=True, slots=True)
class Written:
    """The passages of a world and the facts that they state."""

    passages: tuple[Passage, ...]
    stated: tuple[Stated, ...]


class _Draft(NamedTuple):
    title: str
    text: str
    said: tuple[Said, ...] = ()


def write(
    rng: Random, split: Split, seed: int, count: int, wordings: Mapping[str, Wording] = WORDINGS
) -> Written:
    """Exactly `count` passages, with ids `w<seed>-0001` and so on."""
    facts = draw(rng, split, round(count * ENTITIES_PER_PASSAGE))
    drafts = [_telling(rng, split, pair, wordings) for pair in _pairs(rng, facts)]
    drafts += [_distractor(rng, facts) for _ in range(count - len(drafts))]
    rng.shuffle(drafts)
    passages: list[Passage] = []
    stated: list[Stated] = []
    for number, draft in enumerate(drafts, 1):
        passages.append(Passage(f"w{seed}-{number:04d}", draft.title, draft.text))
        stated += [Stated(said, passages[-1].id) for said in draft.said]
    return Written(tuple(passages), tuple(stated))


def _pairs(rng: Random, facts: Facts) -> list[tuple[Fact, Fact]]:
    """The four facts of each entity, dealt onto two passages."""
    pairs = []
    for start in range(0, len(facts.facts), 4):
        four = list(facts.facts[start : start + 4])
        rng.shuffle(four)
        pairs += [(four[0], four[1]), (four[2], four[3])]
    return pairs


def _telling(
    rng: Random, split: Split, pair: tuple[Fact, Fact], wordings: Mapping[str, Wording]
) -> _Draft:
    """Two facts with an aside between or after them."""
    subject = pair[0].subject
    title, opening = _opening(rng, subject)
    words = [wordings[fact.relation] for fact in pair]
    said = (
        _say(rng, split, pair[0], words[0], opening),
        _say(rng, split, pair[1], words[1], None),
    )
    sentences = [s.sentence for s in said]
    asides = _asides(rng, subject, {f.relation for f in pair})
    while asides and (len(sentences) < 3 or sum(len(s.split()) for s in sentences) < 20):
        aside = asides.pop(rng.randrange(len(asides)))
        sentences.insert(rng.randrange(1, 3), _sentence(aside, _later(rng, subject, aside)))
    return _Draft(title, " ".join(sentences), said)


def _asides(rng: Random, subject: Entity, told: set[str]) -> list[str]:
    """Plain fillers, or sentences that touch facts not told here without telling them."""
    if rng.random() < 0.6:
        return list(FILLERS[subject.kind])
    return [rng.choice(WORDINGS[r].vague) for r in _relations(subject.kind) if r not in told]


def _say(rng: Random, split: Split, fact: Fact, wording: Wording, opening: str | None) -> Said:
    """The fact as a first sentence, where an opening is given, or as a later one."""
    unseen = split == "test" and rng.random() < UNSEEN
    template = rng.choice(wording.unseen_says if unseen else wording.says)
    subject = (opening, opening) if opening else _later(rng, fact.subject, template)
    surface = _mention(rng, fact.value)
    return Said(fact, _sentence(template, subject, surface), surface, unseen)


def _distractor(rng: Random, facts: Facts) -> _Draft:
    """A passage with the name and the words of facts, and no fact."""
    subject = rng.choice(facts.entities)
    title, opening = _opening(rng, subject)
    first, second = (rng.choice(WORDINGS[r].vague) for r in rng.sample(_relations(subject.kind), 2))
    later = [
        _sentence(t, _later(rng, subject, t))
        for t in (second, *rng.sample(FILLERS[subject.kind], 2))
    ]
    return _Draft(
        title, " ".join((_sentence(first, (opening, opening)), *later[: rng.choice((2, 3))]))
    )


def _relations(kind: str) -> list[str]:
    return [relation for relation in WORDINGS if relation.startswith(kind + ".")]


Reference = tuple[str, str]
"""Nominative and objective."""


def _opening(rng: Random, subject: Entity) -> tuple[str, str]:
    """Title and first mention, which has both names: one passage tells who is meant."""
    if not subject.alias:
        return subject.name, subject.text
    if rng.random() < ALIAS_TITLE:
        return subject.alias, f"the {subject.alias} ({subject.short or subject.text})"
    return subject.name, f"{subject.text} (the {subject.alias})"


def _later(rng: Random, subject: Entity, template: str) -> Reference:
    """A pronoun, or a plain noun that the sentence does not use itself."""
    if subject.kind == "person":
        return subject.pronoun, subject.name.split()[-1]
    noun = BASICS[subject.kind]
    said_anyway = noun.removeprefix("the ") in template
    return "it" if said_anyway else rng.choice(("it", noun)), noun


def _mention(rng: Random, value: Entity | int) -> str:
    if isinstance(value, int):
        return str(value)
    return f"the {value.alias}" if value.alias and rng.random() < ALIAS_MENTION else value.text


def _sentence(template: str, reference: Reference, surface: str = "") -> str:
    text = template.format(s=reference[0], m=reference[1], o=surface)
    return text[0].upper() + text[1:] + "."
