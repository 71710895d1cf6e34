"""Questions and the corpus that answers them: which passages of a corpus are the supporting ones of a file.

The same passage by what it says, white space aside; else the only one of its title. A question of which one supporting
passage is not found keeps none: a part of the evidence would make evidence recall a different measure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from engine.types import Passage, Question
from store.corpora import Corpus
from store.question_formats import Asked, passage_of


@dataclass(frozen=True, slots=True)
class Bound:
    """Questions whose supporting passages are those of one corpus."""

    questions: tuple[Question, ...]
    told: int
    """Questions of which the file tells the supporting passages."""
    found: int
    """Of these, questions of which all were found."""


def bound(asked: Iterable[Asked], corpus: Corpus | None) -> Bound:
    """Name supporting passages by the ids of a corpus; without one, only our own format keeps its ids.

    Passages of a file that becomes a corpus itself (`contexts`) need no other: give that corpus.
    """
    rows = [row._replace(context=()) for row in asked]
    by_content, by_title = _known(corpus, rows) if corpus else ({}, {})
    ids = corpus.ids() if corpus else set()
    questions, told, found = [], 0, 0
    for row in rows:
        question = row.question
        if not row.gold:
            told += bool(question.supporting_ids)
            found += bool(question.supporting_ids) and ids.issuperset(question.supporting_ids)
            questions.append(question)
            continue
        told += 1
        places = [by_content.get(p.id) or by_title.get(p.title) for p in row.gold]
        whole = tuple(dict.fromkeys(place for place in places if place))
        complete = all(places)
        found += complete
        questions.append(replace(question, supporting_ids=whole if complete else ()))
    return Bound(tuple(questions), told, found)


def contexts(asked: Iterable[Asked]) -> Iterator[Passage]:
    """The passages that come with questions, each once."""
    seen: set[str] = set()
    for row in asked:
        for passage in row.context:
            if passage.id not in seen and passage.text:
                seen.add(passage.id)
                yield passage


def _known(corpus: Corpus, rows: list[Asked]) -> tuple[dict[str, str], dict[str, str]]:
    """Ids of the corpus by content, and by title where no other passage has it."""
    wanted = {passage.title for row in rows for passage in row.gold}
    by_content: dict[str, str] = {}
    by_title: dict[str, list[str]] = {}
    for passage in corpus.passages():
        title = " ".join(passage.title.split())
        if title in wanted:
            by_content[passage_of(passage.title, passage.text).id] = passage.id
            by_title.setdefault(title, []).append(passage.id)
    return by_content, {title: ids[0] for title, ids in by_title.items() if len(ids) == 1}
