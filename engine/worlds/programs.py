"""Questions as programs over the stated facts, each with its worked solution.

A question has one to three operands. An operand is a path of look-ups that starts at a name in the
question (the author of a novel, the town where he was born, its population), or a value that stands
in the question. `hops` is the number of look-ups, `operations` the number of reasoning steps over
the operands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from random import Random

from engine.errors import InputError
from engine.types import Question
from engine.worlds.facts import Entity
from engine.worlds.names import Split
from engine.worlds.operations import OPERATIONS, Operation
from engine.worlds.passages import Stated, Written
from engine.worlds.phrasings import UNITS, WORDINGS, YEARS, Wording
from engine.worlds.solutions import (
    Path,
    Solution,
    bare,
    lookups_of,
    names_of,
    number_of,
    operands_of,
    other_answers,
)

STRATA: tuple[tuple[int, int], ...] = tuple((h, o) for h in range(5) for o in range(4) if h or o)
"""All (hops, operations) that make sense."""
_TRIES = 400
_NEAREST, _FARTHEST = 2, 320
"""Bounds of every difference that is worked out."""


Posed = tuple[Question, Solution]


def pose(
    rng: Random,
    split: Split,
    seed: int,
    written: Written,
    count: int,
    wordings: Mapping[str, Wording] = WORDINGS,
) -> list[Posed]:
    """`count` different questions, round the strata; InputError when they run out."""
    poser = _Poser(rng, split, written, wordings)
    posed: list[Posed] = []
    seen: set[str] = set()
    for number in range(count):
        stratum = STRATA[number % len(STRATA)]
        unseen = split == "test" and (number // len(STRATA)) % 2 == 1
        posed.append(poser.fresh(f"w{seed}-q{number + 1:04d}", stratum, unseen, seen))
        seen.add(posed[-1][0].text)
    return posed


class _Poser:
    """Holds the facts of one world in the orders in which questions need them."""

    def __init__(
        self, rng: Random, split: Split, written: Written, wordings: Mapping[str, Wording]
    ) -> None:
        self.rng, self.split, self.wordings = rng, split, wordings
        self.by_relation: dict[str, list[Stated]] = defaultdict(list)
        self.into: dict[str, list[Stated]] = defaultdict(list)
        for stated in _plain(written):
            self.by_relation[stated.fact.relation].append(stated)
            if isinstance(stated.fact.value, Entity):
                self.into[stated.fact.value.name].append(stated)

    def fresh(self, id: str, stratum: tuple[int, int], unseen: bool, seen: set[str]) -> Posed:
        """A question not yet in `seen`, with the wanted phrasing where one is found soon."""
        spare: Posed | None = None
        for _ in range(_TRIES):
            posed = self.question(id, *stratum, unseen)
            if posed is None or posed[0].text in seen:
                continue
            if ("untrained-phrasing" in posed[0].tags) == unseen:
                return posed
            spare = spare or posed
        if spare is None:
            raise InputError(
                f"no further question of {stratum[0]} hops and {stratum[1]} operations is left; "
                "ask for fewer questions or more passages"
            )
        return spare

    def question(self, id: str, hops: int, operations: int, unseen: bool) -> Posed | None:
        if operations == 0:
            return self._chain(id, hops, unseen)
        operation = self._operation(operations)
        lengths = self._lengths(hops, operation.operands)
        counted = self.rng.random() < 0.35
        paths = self._operands(lengths, counted, unseen)
        return None if paths is None else self._posed(id, operation, paths, counted, unseen)

    def _operation(self, steps: int) -> Operation:
        """Kinds first, so that none crowds out the others."""
        fitting = [o for o in OPERATIONS if o.steps == steps]
        kind = self.rng.choice(sorted({o.kind for o in fitting}))
        return self.rng.choice([o for o in fitting if o.kind == kind])

    def _lengths(self, hops: int, operands: int) -> list[int]:
        """Look-ups per operand."""
        lengths = [0] * operands
        for place in range(hops):
            spread = place < operands and self.rng.random() < 0.8
            lengths[place if spread else self.rng.randrange(operands)] += 1
        self.rng.shuffle(lengths)
        return lengths

    # --------------------------------------------------------------------------------------- paths

    def _path(self, end: Stated, length: int, unseen: bool) -> Path | None:
        """A path of `length` look-ups that ends in this fact, walked backwards."""
        facts = [end]
        while len(facts) < length:
            onto = [
                s
                for s in self.into[facts[0].fact.subject.name]
                if all(s.fact.subject != f.fact.subject for f in facts)
            ]
            if not onto:
                return None
            facts.insert(0, self.rng.choice(onto))
        if not unseen and any(f.said.unseen for f in facts[:length]):
            return None
        subject = facts[0].fact.subject
        by_alias = subject.alias and length > 0 and self.rng.random() < 0.3
        chosen = [
            self._choose(
                self.wordings[s.fact.relation].noun,
                self.wordings[s.fact.relation].unseen_noun,
                unseen,
            )
            for s in facts[:-1]
        ]
        return Path(
            tuple(facts),
            length == 0,
            f"the {subject.alias}" if by_alias else subject.text,
            tuple(text for text, _ in chosen),
            any(new for _, new in chosen) or any(f.said.unseen for f in facts[:length]),
        )

    def _choose(
        self, trained: tuple[str, ...], untrained: tuple[str, ...], unseen: bool
    ) -> tuple[str, bool]:
        new = unseen and self.rng.random() < 0.35
        return self.rng.choice(untrained if new else trained), new

    def _operands(self, lengths: list[int], counted: bool, unseen: bool) -> tuple[Path, ...] | None:
        """Paths to comparable numbers that lie close to each other, of different subjects."""
        relation = self.rng.choice(tuple(UNITS) if counted else YEARS)
        mixed = not counted and self.rng.random() < 0.6
        paths: list[Path] = []
        for length in lengths:
            near = self.by_relation[self.rng.choice(YEARS) if mixed else relation]
            ends = [s for s in near if all(_comparable(s, p.end) for p in paths)]
            if not ends:
                return None
            path = self._path(self.rng.choice(ends), length, unseen)
            if path is None:
                return None
            paths.append(path)
        subjects = [f.fact.subject.name for p in paths for f in p.facts]
        return tuple(paths) if len(subjects) == len(set(subjects)) else None

    # ----------------------------------------------------------------------------------- questions

    def _chain(self, id: str, hops: int, unseen: bool) -> Posed | None:
        relation = self.rng.choice(tuple(self.wordings))
        ends = self.by_relation[relation]
        path = self._path(self.rng.choice(ends), hops, unseen) if ends else None
        if path is None:
            return None
        wording = self.wordings[relation]
        template, new = self._choose(wording.ask, wording.unseen_ask, unseen)
        answers = names_of(path.end.fact.value)
        if any(answer in path.phrase for answer in answers):
            return None
        answer = bare(path.end.said.surface)
        solution = Solution(tuple(lookups_of((path,))), (), answer)
        tags = ("open", "chain", _phrasing(new or path.unseen))
        return _ask(id, template.format(m=path.phrase, s=path.phrase), answers, solution, 0, tags)

    def _posed(
        self, id: str, operation: Operation, paths: tuple[Path, ...], counted: bool, unseen: bool
    ) -> Posed | None:
        values = tuple(number_of(p.end) for p in paths)
        parameter = self._parameter(operation, values)
        worked = operation.work(values, parameter or 0)
        if operation.name == "wider" and abs(values[0] - values[1]) == abs(values[1] - values[2]):
            return None
        text, new = self._text(operation, paths, counted, unseen, parameter)
        lookups = tuple(lookups_of(paths))
        operands = operands_of(paths, values)
        answers: tuple[str, ...] = (str(worked.answer),)
        if isinstance(worked.answer, int):
            answers = (
                operands[worked.answer].label,
                *other_answers(paths[worked.answer], operands[worked.answer].label),
            )
        if operation.parameter == "none" and str(worked.answer) == "0":
            return None
        lines = (
            " ".join(f"{o.label}: {o.value}." for o in operands),
            *(line.format(answer=answers[0]) for line in worked.lines),
        )
        solution = Solution(lookups, lines, answers[0], operation.name, operands, parameter)
        tags = (
            "choice" if operation.closed else "open",
            operation.kind,
            _phrasing(new or any(p.unseen for p in paths)),
        )
        return _ask(id, text, answers, solution, operation.steps, tags)

    def _parameter(self, operation: Operation, values: tuple[int, ...]) -> int | None:
        """The further number of the question; never equal to what it is compared with."""
        if operation.parameter == "none":
            return None
        if operation.parameter == "shift":
            return self.rng.randrange(5, 60)
        if operation.parameter == "gap":
            gap = abs(values[0] - values[1])
            return self.rng.choice(
                [n for n in range(max(1, gap - 30), gap + 30) if abs(n - gap) > 1]
            )
        low, high = min(values) - 45, max(values) + 45
        return self.rng.choice([n for n in range(low, high) if all(abs(n - v) > 1 for v in values)])

    def _text(
        self,
        operation: Operation,
        paths: tuple[Path, ...],
        counted: bool,
        unseen: bool,
        parameter: int | None,
    ) -> tuple[str, bool]:
        unit = UNITS[paths[0].end.fact.relation] if counted else ("", "", "")
        phrases, new = [], False
        for path in paths:
            phrase = path.phrase
            if not counted:
                wording = self.wordings[path.end.fact.relation]
                event, fresh = self._choose(wording.noun, wording.unseen_noun, unseen)
                phrase, new = event.format(m=phrase), new or fresh
            phrases.append(phrase + (_aside(path, counted, unit[0]) if path.given else ""))
        template, fresh = self._choose(
            operation.counts if counted else operation.years,
            operation.unseen_counts if counted else operation.unseen_years,
            unseen,
        )
        names = dict(zip("abc", phrases, strict=False))
        text = template.format(**names, n=parameter, unit=unit[0], verb=unit[1], verbs=unit[2])
        return text, new or fresh


def _plain(written: Written) -> list[Stated]:
    """The facts whose subject and value no other passage names together."""
    whole = {p.id: f" {p.title} {p.text} " for p in written.passages}
    mentions: dict[str, list[str]] = defaultdict(list)
    for stated in written.stated:
        for entity in (stated.fact.subject, stated.fact.value):
            if isinstance(entity, Entity):
                mentions[entity.name].append(stated.passage_id)
    kept = []
    for stated in written.stated:
        value = stated.fact.value
        names = names_of(value)
        elsewhere = (i for i in mentions[stated.fact.subject.name] if i != stated.passage_id)
        if not any(name in whole[i] for i in elsewhere for name in names):
            kept.append(stated)
    return kept


def _comparable(one: Stated, other: Stated) -> bool:
    return (
        _NEAREST <= abs(number_of(one) - number_of(other)) <= _FARTHEST
        and one.fact.subject != other.fact.subject
    )


def _aside(path: Path, counted: bool, unit: str) -> str:
    return f" ({number_of(path.end)} {unit})" if counted else f" ({number_of(path.end)})"


def _phrasing(unseen: bool) -> str:
    return "untrained-phrasing" if unseen else "trained-phrasing"


def _ask(
    id: str,
    text: str,
    answers: tuple[str, ...],
    solution: Solution,
    operations: int,
    tags: tuple[str, ...],
) -> Posed:
    text = text[0].upper() + text[1:]
    if solution.answer in answers:
        answers = (solution.answer, *(a for a in answers if a != solution.answer))
    supporting = tuple(dict.fromkeys(lookup.passage_id for lookup in solution.lookups))
    return Question(
        id, text, answers, supporting, len(solution.lookups), operations, tags
    ), solution
