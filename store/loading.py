"""Reads `corpus.jsonl` and `questions.jsonl`, the project's own format: one object a line, ids unique.

Unknown fields are ignored. Other files of passages are read by `documents`, other question sets by `question_formats`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.types import Passage, Question
from store.fields import FILE_BYTES, LINE_BYTES, Row, json_lines, whole_characters

__all__ = ["own_question", "read_passages", "read_questions", "unique", "whole_characters"]


def read_passages(
    path: Path, line_bytes: int = LINE_BYTES, file_bytes: int = FILE_BYTES
) -> Iterator[Passage]:
    """Passages of a `corpus.jsonl`: id, text and, where there is one, title. Ids are unique."""
    for id, row in unique(json_lines(path, line_bytes, file_bytes)):
        yield Passage(id, row.text("title", ""), row.text("text"))


def read_questions(
    path: Path, line_bytes: int = LINE_BYTES, file_bytes: int = FILE_BYTES
) -> Iterator[Question]:
    """Questions of a `questions.jsonl`: id and question; gold, difficulty and tags may be absent."""
    for _, row in unique(json_lines(path, line_bytes, file_bytes)):
        yield own_question(row)


def own_question(row: Row) -> Question:
    """A question as our own format has it."""
    return Question(
        row.key("id"),
        row.text("question"),
        row.texts("answers"),
        row.texts("supporting_ids"),
        row.number("hops"),
        row.number("operations"),
        row.texts("tags"),
    )


def unique(rows: Iterable[Row], field: str = "id") -> Iterator[tuple[str, Row]]:
    """Each row with its id; InputError for one that an earlier row has."""
    seen: set[str] = set()
    for row in rows:
        id = row.key(field)
        if id in seen:
            raise row.wrong(field, f"repeats {id[:80]!r} of an earlier line")
        seen.add(id)
        yield id, row
