"""Reads `corpus.jsonl` and `questions.jsonl` as data: one object a line, streamed, bounded.

Whatever a file says is text to keep, never something to obey. A file that cannot be used is an
InputError that names file, line and field. Unknown fields are ignored. Other formats get a reader
of their own beside these.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.errors import InputError
from engine.types import Passage, Question

LINE_BYTES = 1 << 20
FILE_BYTES = 4 << 30


def read_passages(
    path: Path, line_bytes: int = LINE_BYTES, file_bytes: int = FILE_BYTES
) -> Iterator[Passage]:
    """Passages of a `corpus.jsonl`: id, text and, where there is one, title. Ids are unique."""
    for row in _rows(path, line_bytes, file_bytes):
        yield Passage(row.id, row.text("title", ""), row.text("text"))


def read_questions(
    path: Path, line_bytes: int = LINE_BYTES, file_bytes: int = FILE_BYTES
) -> Iterator[Question]:
    """Questions of a `questions.jsonl`: id and question; gold, difficulty and tags may be absent."""
    for row in _rows(path, line_bytes, file_bytes):
        yield Question(
            row.id,
            row.text("question"),
            row.texts("answers"),
            row.texts("supporting_ids"),
            row.number("hops"),
            row.number("operations"),
            row.texts("tags"),
        )


class _Row:
    """One line, with fields that are checked when they are taken."""

    def __init__(self, where: str, fields: Mapping[str, Any]) -> None:
        self._where, self._fields = where, fields
        self.id = self.text("id")

    def text(self, field: str, default: str | None = None) -> str:
        """A text that is not blank, unless a default says that it may be absent."""
        value = self._fields.get(field)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.wrong(field, "must be a text that is not empty")
        return whole_characters(value)

    def texts(self, field: str) -> tuple[str, ...]:
        value = self._fields.get(field)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.wrong(field, "must be a list of texts")
        return tuple(map(whole_characters, value))

    def number(self, field: str) -> int | None:
        value = self._fields.get(field)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1000:
            raise self.wrong(field, "must be a whole number from 0 to 1000")
        return value

    def wrong(self, field: str, why: str) -> InputError:
        return InputError(f"{self._where}: field '{field}' {why}")


def whole_characters(text: str) -> str:
    """The text with halves of characters joined, or replaced by U+FFFD where alone; all else stays.

    All that is stored is UTF-8, which cannot hold a lone surrogate.
    """
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _rows(path: Path, line_bytes: int, file_bytes: int) -> Iterator[_Row]:
    seen: set[str] = set()
    for number, line in _lines(path, line_bytes, file_bytes):
        row = _Row(f"{path.name}, line {number}", _object(path, number, line))
        if row.id in seen:
            raise row.wrong("id", f"repeats {row.id[:80]!r} of an earlier line")
        seen.add(row.id)
        yield row


def _lines(path: Path, line_bytes: int, file_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Numbered lines that are not blank, no more of the file in memory than one line."""
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(line_bytes + 1):
                number += 1
                if len(line) > line_bytes:
                    raise InputError(f"{path.name}, line {number}: is over {line_bytes} bytes long")
                if file.tell() > file_bytes:
                    raise InputError(f"{path.name}: is over {file_bytes} bytes long; split it")
                if line.strip():
                    yield number, line
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}; check the file") from error


def _object(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name}, line {number}: is not UTF-8 at byte {error.start + 1}; convert the file"
        ) from error
    except (ValueError, RecursionError) as error:
        why = getattr(error, "msg", "too deep or too large a value")
        raise InputError(f"{path.name}, line {number}: is not JSON ({why})") from error
    if not isinstance(value, dict):
        raise InputError(f"{path.name}, line {number}: must be a JSON object with named fields")
    return value
