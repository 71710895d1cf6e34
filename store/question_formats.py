"""Question sets in the formats their authors publish them in, with the passages that come with the questions.

HotpotQA and 2WikiMultihopQA (one JSON array), MuSiQue (JSON lines), Bamboogle (CSV), FlashRAG (JSON lines) and our own.
A passage that comes with a question gets an id made from its content, so the same one in two questions, or in two
files, is one passage. Which passages support a question is kept only when all of them are known.

Sources: the data releases of arXiv 1809.09600, 2011.01060, 2108.00573, 2210.03350 and 2405.13576. Deviations: `hops` is
the number of different supporting passages (MuSiQue: of steps; Bamboogle: 2, as its questions were made); MuSiQue's
unanswerable questions keep no gold answer, are tagged, and get an id of their own where the file has both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import InputError, UnknownName
from engine.identity import content_hash
from engine.types import Passage, Question
from store.fields import Row, checked_size, csv_rows, json_entries, whole_characters
from store.loading import own_question, unique

MOST_BYTES = 4 << 30
MOST_QUESTIONS = 1_000_000


class Asked(NamedTuple):
    """A question of a file; `supporting_ids` name passages of `gold`, or of our own corpus in our own format."""

    question: Question
    gold: tuple[Passage, ...] = ()
    """Supporting passages; one without text is known by its title only."""
    context: tuple[Passage, ...] = ()
    """All passages that come with it."""


class Format(NamedTuple):
    """How a file of this format is told from others, and one of its rows read."""

    title: str
    marks: frozenset[str]
    """Fields that every row has."""
    id: str
    """The field of the id; empty where rows have none and are numbered."""
    read: Callable[[str, Row], Asked]


def read_asked(path: Path, name: str | None = None) -> Iterator[Asked]:
    """The questions of a file; its format is named, or recognised by its first row. InputError names row and field."""
    checked_size(path, MOST_BYTES)
    form = FORMATS[recognised(path, name)]
    rows = _rows(path)
    told = unique(rows, form.id) if form.id and form.id != "id#" else _numbered(path, rows, form)
    count = 0
    for id, row in told:
        count += 1
        if count > MOST_QUESTIONS:
            raise InputError(f"{row.where}: is question {count:,}; at most {MOST_QUESTIONS:,} fit")
        yield form.read(id, row)
    if not count:
        raise InputError(f"{path.name}: holds no question")


def recognised(path: Path, name: str | None = None) -> str:
    """The name of a file's format: the one given, else the first whose fields its first row has."""
    if name is not None:
        if name not in FORMATS:
            raise UnknownName("question format", name, FORMATS)
        return name
    checked_size(path, MOST_BYTES)
    row = next(islice(_rows(path), 1), None)
    if row is None:
        raise InputError(f"{path.name}: holds no question")
    for known, form in FORMATS.items():
        if form.marks <= row.fields.keys():
            return known
    had = ", ".join(field[:30] for field in list(row.fields)[:8]) or "none"
    raise InputError(
        f"{row.where}: is in no known format (fields: {had}); known: {', '.join(FORMATS)}"
    )


def _rows(path: Path) -> Iterator[Row]:
    return csv_rows(path) if path.suffix.lower() in (".csv", ".tsv") else json_entries(path)


def _numbered(path: Path, rows: Iterator[Row], form: Format) -> Iterator[tuple[str, Row]]:
    """Rows without ids are numbered; MuSiQue's pairs share one, so there the unanswerable twin gets its own."""
    if not form.id:
        yield from ((f"{path.stem}-{number}", row) for number, row in enumerate(rows, 1))
        return
    seen: set[str] = set()
    for row in rows:
        id = row.key("id") + ("" if row.fields.get("answerable", True) else "-unanswerable")
        if id in seen:
            raise row.wrong("id", f"repeats {id[:80]!r} of an earlier line")
        seen.add(id)
        yield id, row


def passage_of(title: str, text: str) -> Passage:
    """A passage with an id made from what it says, white space aside."""
    title, text = " ".join(whole_characters(title).split()), whole_characters(text).strip()
    return Passage(content_hash([title, " ".join(text.split())], 16), title, text)


# ---------------------------------------------------------------------------------------- formats


def _own(_: str, row: Row) -> Asked:
    return Asked(own_question(row))


def _hotpot(id: str, row: Row) -> Asked:
    context = _pairs(row, "context", "[title, [sentences]]", _sentences)
    titles = [title for title, _ in _pairs(row, "supporting_facts", "[title, number]", str)]
    tags = tuple(row.text(field) for field in ("type", "level") if row.text(field, "").strip())
    answer = row.text("answer", "").strip()
    answers = tuple(dict.fromkeys([answer, *row.texts("answer_aliases")])) if answer else ()
    return _asked(id, row, answers, [passage_of(*pair) for pair in context], titles, tags)


def _musique(id: str, row: Row) -> Asked:
    context, gold = [], []
    for paragraph in row.rows("paragraphs"):
        passage = passage_of(paragraph.text("title", ""), paragraph.text("paragraph_text"))
        context.append(passage)
        if paragraph.fields.get("is_supporting") is True:
            gold.append(passage)
    can = row.fields.get("answerable", True)
    if not isinstance(can, bool):
        raise row.wrong("answerable", "must be true or false")
    answer = row.text("answer", "").strip()
    answers = (answer, *row.texts("answer_aliases")) if answer and can else ()
    steps = len(row.rows("question_decomposition")) or None
    question = Question(
        id,
        row.text("question").strip(),
        tuple(dict.fromkeys(answers)),
        tuple(dict.fromkeys(p.id for p in gold)) if can else (),
        steps,
        None,
        () if can else ("unanswerable",),
    )
    return Asked(question, tuple(gold) if can else (), tuple(context))


def _bamboogle(id: str, row: Row) -> Asked:
    answer = row.text("Answer").strip()
    return Asked(Question(id, row.text("Question").strip(), (answer,), (), 2))


def _flashrag(id: str, row: Row) -> Asked:
    """Questions of FlashRAG: gold answers, and in `metadata` whatever their first format had."""
    about = row.inner("metadata") or Row(row.where, {})
    context, titles = _columns_of_context(about), []
    facts = about.inner("supporting_facts")
    if facts is not None:
        titles = list(facts.texts("title"))
    tags = tuple(about.text(f) for f in ("type", "level") if isinstance(about.fields.get(f), str))
    answers = tuple(dict.fromkeys(row.texts("golden_answers")))
    return _asked(id, row, answers, context, titles, tuple(t for t in tags if t.strip()))


def _asked(
    id: str,
    row: Row,
    answers: tuple[str, ...],
    context: list[Passage],
    titles: list[str],
    tags: tuple[str, ...],
) -> Asked:
    """A question whose supporting passages are told by their titles."""
    wanted = dict.fromkeys(" ".join(whole_characters(title).split()) for title in titles)
    by_title = {passage.title: passage for passage in reversed(context)}
    gold = tuple(by_title.get(title) or Passage("", title, "") for title in wanted)
    question = Question(
        id,
        row.text("question").strip(),
        answers,
        tuple(passage.id for passage in gold) if all(p.text for p in gold) else (),
        len(wanted) or None,
        None,
        tags,
    )
    return Asked(question, gold, tuple(context))


def _pairs(
    row: Row, field: str, shape: str, second: Callable[[Any], Any]
) -> Iterator[tuple[str, Any]]:
    """The pairs of a list of lists of two; InputError names the one that is none."""
    value = row.fields.get(field) or []
    if not isinstance(value, list):
        raise row.wrong(field, f"must be a list of {shape}")
    for number, pair in enumerate(value, 1):
        try:
            title, other = pair
            if not isinstance(title, str):
                raise TypeError
            yield title, second(other)
        except (TypeError, ValueError) as error:
            raise row.wrong(field, f"must be a list of {shape}; number {number} is not") from error


def _sentences(value: Any) -> str:
    """Sentences as one text: some sets keep the blank between two of them, some do not."""
    if not isinstance(value, list) or not all(isinstance(s, str) for s in value):
        raise TypeError
    return " ".join(" ".join(value).split())


def _columns_of_context(about: Row) -> list[Passage]:
    """Passages as two lists of the same length: titles, and the sentences of each."""
    held = about.inner("context")
    if held is None:
        return []
    titles, field = (
        held.texts("title"),
        "sentences" if held.fields.get("sentences") is not None else "content",
    )
    texts = held.fields.get(field)
    if not isinstance(texts, list) or len(texts) != len(titles):
        raise held.wrong(field, "must be a list as long as the titles")
    try:
        return [passage_of(t, _sentences(s)) for t, s in zip(titles, texts, strict=True)]
    except TypeError as error:
        raise held.wrong(field, "must be a list of lists of texts") from error


FORMATS: Mapping[str, Format] = {
    "musique": Format("MuSiQue", frozenset({"paragraphs", "question"}), "id#", _musique),
    "2wikimultihopqa": Format(
        "2WikiMultihopQA", frozenset({"_id", "question", "context", "evidences"}), "_id", _hotpot
    ),
    "hotpotqa": Format("HotpotQA", frozenset({"_id", "question", "context"}), "_id", _hotpot),
    "flashrag": Format(
        "FlashRAG", frozenset({"id", "question", "golden_answers"}), "id", _flashrag
    ),
    "bamboogle": Format("Bamboogle", frozenset({"Question", "Answer"}), "", _bamboogle),
    "budgetscape": Format("Budgetscape", frozenset({"id", "question"}), "id", _own),
}
"""By the name that `--format` takes; the first whose marks a file's first row has is taken."""
