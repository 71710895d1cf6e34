"""Files of rows as data: streamed, bounded, every field checked when it is taken.

Whatever a file says is text to keep, never something to obey. A file that cannot be used is an InputError of one line
that names file, row and field. Nothing here knows passages or questions.
"""

from __future__ import annotations

import codecs
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from engine.errors import InputError

LINE_BYTES = 1 << 20
ENTRY_CHARACTERS = 1 << 22
"""Of one entry of a JSON array: a question with all its passages."""
FILE_BYTES = 4 << 30
MOST_COLUMNS = 500
_CHUNK = 1 << 16
Skip = Callable[[InputError], object]
"""Told what is wrong with a single row, where the others are to be read all the same."""


class Row:
    """One line or entry; a field is checked when it is taken."""

    def __init__(self, where: str, fields: Mapping[str, Any]) -> None:
        self.where, self.fields = where, fields

    def text(self, field: str, default: str | None = None) -> str:
        """A text that is not blank, unless a default says that it may be absent."""
        value = self.fields.get(field)
        if value is None and default is not None:
            return default
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.wrong(field, "must be a text that is not empty")
        return whole_characters(value)

    def key(self, field: str) -> str:
        """An id: a text that is not blank, or a whole number."""
        value = self.fields.get(field)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        return self.text(field)

    def texts(self, field: str) -> tuple[str, ...]:
        value = self.fields.get(field)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise self.wrong(field, "must be a list of texts")
        return tuple(map(whole_characters, value))

    def number(self, field: str) -> int | None:
        value = self.fields.get(field)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 1000:
            raise self.wrong(field, "must be a whole number from 0 to 1000")
        return value

    def rows(self, field: str) -> list[Row]:
        """A list of objects, each as a row of its own; none where the field is absent."""
        value = self.fields.get(field)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            raise self.wrong(field, "must be a list of objects")
        return [Row(f"{self.where}, {field} {n}", one) for n, one in enumerate(value, 1)]

    def inner(self, field: str) -> Row | None:
        """An object inside, as a row of its own; None where the field is absent."""
        value = self.fields.get(field)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self.wrong(field, "must be an object")
        return Row(f"{self.where}, {field}", value)

    def wrong(self, field: str, why: str) -> InputError:
        return InputError(f"{self.where}: field '{field[:60]}' {why}")


class Numbered(NamedTuple):
    """A line of a file, with its number from 1."""

    number: int
    line: bytes


def whole_characters(text: str) -> str:
    """The text with halves of characters joined, or replaced by U+FFFD where alone; all else stays.

    All that is stored is UTF-8, which cannot hold a lone surrogate.
    """
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def json_lines(
    path: Path,
    line_bytes: int = LINE_BYTES,
    file_bytes: int = FILE_BYTES,
    skip: Skip | None = None,
) -> Iterator[Row]:
    """One JSON object a line; blank lines do not count."""
    for number, line in _lines(path, line_bytes, file_bytes):
        where = f"{path.name}, line {number}"
        try:
            fields = _object(where, _decoded(path, number, line)) if line.strip() else None
        except InputError as error:
            if skip is None:
                raise
            skip(error)
            continue
        if fields is not None:
            yield Row(where, fields)


def json_entries(path: Path) -> Iterator[Row]:
    """The objects of a JSON array, or JSON lines, whichever the file holds; one at a time is in memory."""
    if _first_character(path) != "[":
        yield from json_lines(path, 4 * ENTRY_CHARACTERS)
        return
    for number, entry in enumerate(_array(path), 1):
        yield Row(f"{path.name}, entry {number}", entry)


def csv_rows(path: Path, skip: Skip | None = None) -> Iterator[Row]:
    """The rows of a CSV file under its header; commas, semicolons or tabs, whichever the header has most of."""
    lines = _text_lines(path)
    header = next((line for line in lines if line.strip()), "")
    if not header:
        return
    delimiter = max(",;\t", key=header.count)
    csv.field_size_limit(LINE_BYTES)
    reader = csv.reader(_again(header, lines), delimiter=delimiter, strict=True)
    names: list[str] = []
    try:
        for cells in reader:
            where = f"{path.name}, line {reader.line_num}"
            if not names:
                names = _header(where, cells)
            elif any(cell.strip() for cell in cells):
                if len(cells) != len(names):
                    wrong = InputError(
                        f"{where}: has {len(cells)} cells where the header has {len(names)}; check its quotes"
                    )
                    if skip is None:
                        raise wrong
                    skip(wrong)
                    continue
                yield Row(where, {k: v or None for k, v in zip(names, cells, strict=True)})
    except csv.Error as error:
        raise InputError(
            f"{path.name}, line {reader.line_num}: is not CSV ({error}); check its quotes"
        ) from error


def checked_size(path: Path, most: int) -> int:
    """The size of a file in bytes; InputError where it is too large, empty or cannot be read."""
    try:
        size = path.stat().st_size
    except OSError as error:
        raise unreadable(path, error) from error
    if size > most:
        raise InputError(f"{path.name}: is over {most} bytes long; split it")
    if not size:
        raise InputError(f"{path.name}: is empty")
    return size


def unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path} cannot be read: {error.strerror}; check the file")


# ---------------------------------------------------------------------------------------- lines


def _lines(
    path: Path, line_bytes: int = LINE_BYTES, file_bytes: int = FILE_BYTES
) -> Iterator[Numbered]:
    """Numbered lines, no more of the file in memory than one."""
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(line_bytes + 1):
                number += 1
                if len(line) > line_bytes:
                    raise InputError(f"{path.name}, line {number}: is over {line_bytes} bytes long")
                if file.tell() > file_bytes:
                    raise InputError(f"{path.name}: is over {file_bytes} bytes long; split it")
                yield Numbered(number, line)
    except OSError as error:
        raise unreadable(path, error) from error


def _text_lines(path: Path) -> Iterator[str]:
    for number, line in _lines(path):
        yield _decoded(path, number, line)


def _decoded(path: Path, number: int, line: bytes) -> str:
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name}, line {number}: is not UTF-8 at byte {error.start + 1}; convert the file"
        ) from error


def _object(where: str, text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: is not JSON ({_why(error)})") from error
    if not isinstance(value, dict):
        raise InputError(f"{where}: must be a JSON object with named fields")
    return value


def _again(first: str, rest: Iterable[str]) -> Iterator[str]:
    yield first
    yield from rest


def _header(where: str, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    if len(names) > MOST_COLUMNS:
        raise InputError(f"{where}: has {len(names)} columns, at most {MOST_COLUMNS} can be read")
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{where}: the header names column '{name[:60]}' twice")
    return names


# ---------------------------------------------------------------------------------------- arrays


def _first_character(path: Path) -> str:
    try:
        with path.open("rb") as file:
            head = file.read(_CHUNK)
    except OSError as error:
        raise unreadable(path, error) from error
    return head.decode("utf-8-sig", "replace").lstrip()[:1]


def _characters(path: Path) -> Iterator[str]:
    """The text of a file piece by piece; InputError names the byte that is not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    done = 0
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield decoder.decode(chunk)
                done += len(chunk)
                if done > FILE_BYTES:
                    raise InputError(f"{path.name}: is over {FILE_BYTES} bytes long; split it")
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path.name}: is not UTF-8 near byte {done + error.start + 1}; convert the file"
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error


def _array(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON array one after the other; the buffer holds little more than one."""
    buffer = _Buffer(_characters(path))
    buffer.take("[")
    number = 1
    while buffer.next() != "]":
        if number > 1:
            if buffer.next() != ",":
                raise InputError(f"{path.name}, entry {number}: is not JSON ({_found(buffer)})")
            buffer.take(",")
        yield _entry(f"{path.name}, entry {number}", buffer)
        number += 1


def _entry(where: str, buffer: _Buffer) -> dict[str, Any]:
    if buffer.next() not in ("{", ""):
        raise InputError(f"{where}: must be a JSON object with named fields")
    while True:
        try:
            value, end = _DECODER.raw_decode(buffer.text)
            buffer.text = buffer.text[end:]
            return value  # type: ignore[no-any-return]
        except RecursionError as error:
            raise InputError(f"{where}: is not JSON (too deep or too large a value)") from error
        except ValueError as error:
            if len(buffer.text) > ENTRY_CHARACTERS:
                raise InputError(
                    f"{where}: is over {ENTRY_CHARACTERS} characters long, or not JSON ({_why(error)})"
                ) from error
            if not buffer.grow():
                raise InputError(
                    f"{where}: is not JSON ({_why(error)}); was the file cut off?"
                ) from error


class _Buffer:
    """The text of a file from where it is read now; it at least doubles when it grows."""

    def __init__(self, pieces: Iterator[str]) -> None:
        self.text, self._pieces = "", pieces

    def grow(self) -> bool:
        """False at the end of the file."""
        more: list[str] = []
        size = 0
        for piece in self._pieces:
            more.append(piece)
            size += len(piece)
            if size > len(self.text):
                break
        self.text += "".join(more)
        return bool(size)

    def next(self) -> str:
        """The next character that is no white space, which `text` then begins with; empty at the end."""
        self.text = self.text.lstrip()
        while not self.text and self.grow():
            self.text = self.text.lstrip()
        return self.text[:1]

    def take(self, mark: str) -> None:
        assert self.next() == mark
        self.text = self.text[1:]


_DECODER = json.JSONDecoder()


def _found(buffer: _Buffer) -> str:
    found = buffer.next()
    return f"found {found!r}" if found else "the file ends here; was it cut off?"


def _why(error: Exception) -> str:
    return str(getattr(error, "msg", "too deep or too large a value"))
