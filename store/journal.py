"""What runs append: one line a thing, in a file of the worker's own.

    {"v":1,"kind":"trajectory","id":"t...","sha":"...","body":{...}}

A line counts only when its newline is there and `sha` is the content hash of `body`; what does not count is Torn.
Bodies are written as canonical JSON, so that a line is checked by hashing its bytes as they stand. A file has one
writer: its name says when it was begun and by which process. Nothing here knows what a body means.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeGuard
from uuid import uuid4

from engine.errors import InputError, StoreError
from engine.identity import canonical_json, content_hash
from store.home import Home, checked_name, make_folder, writing

SUFFIX = ".jsonl"
MOST_LINE = 256 * 2**20
"""Bytes of the longest line that is read, so that a file without newlines cannot fill the memory."""
_HEAD = re.compile(
    rb'\{"v":1,"kind":"([a-z]{1,32})","id":"([^"\\\x00-\x1f]{1,800})","sha":"([0-9a-f]{32})","body":'
)
_PLAIN = re.compile(r'[^"\\\x00-\x1f]{1,200}')


@dataclass(frozen=True, slots=True)
class Line:
    """A line that counts."""

    kind: str
    id: str
    sha: str
    body: dict[str, Any]
    start: int
    """Offset of its first byte in the file."""
    size: int
    """Bytes with the newline."""

    @property
    def end(self) -> int:
        return self.start + self.size


@dataclass(frozen=True, slots=True)
class Torn:
    """Bytes that are no line, and why."""

    reason: str
    start: int
    size: int
    final: bool
    """The unfinished end of the file, perhaps still being written."""

    @property
    def end(self) -> int:
        return self.start + self.size


class Journal:
    """One worker's file of one sweep. Safe to share between the threads of its process."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._file = descriptor
        self._broken = False
        """The file ends within a line, because a write failed."""
        self._guard = threading.Lock()
        """Held while a line is written, so that lines of two threads do not mix."""

    @classmethod
    def open(cls, home: Home, sweep: str, worker: str = "") -> Self:
        """A new, empty file in the sweep's folder; StoreError when the disk does not let us."""
        folder = make_folder(sweep_folder(home, sweep))
        part = checked_name("worker", worker) + "-" if worker else ""
        path = folder / f"{stamp()}-{part}{os.getpid()}-{uuid4().hex[:12]}{SUFFIX}"
        with writing(path):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            return cls(path, os.open(path, flags, 0o600))

    def append(self, kind: str, id: str, body: Mapping[str, Any]) -> None:
        """Write one line. When the disk refuses: StoreError, and what was written of it is torn, so nothing is lost."""
        raw = line_bytes(kind, id, body)
        with self._guard, writing(self.path):
            if self._broken:
                raw = b"\n" + raw
            self._broken = True
            view = memoryview(raw)
            while view:
                view = view[os.write(self._file, view) :]
            self._broken = False

    def flush(self) -> None:
        """Return when all lines are on the disk: call it before anything is called done."""
        with writing(self.path):
            os.fsync(self._file)

    def close(self) -> None:
        """Flush and close; a file that stayed empty goes. Closing twice is fine."""
        with self._guard, writing(self.path):
            if self._file < 0:
                return
            descriptor, self._file = self._file, -1
            try:
                os.fsync(descriptor)
                if os.fstat(descriptor).st_size == 0:
                    self.path.unlink(missing_ok=True)
            finally:
                os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()


def stamp() -> str:
    """The time for a file name: names sort by when they were begun. 20261123T225601123456"""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")


def line_bytes(kind: str, id: str, body: Mapping[str, Any]) -> bytes:
    """A line with its newline; InputError for an id that would need escaping."""
    return _line_of(kind, id, canonical_json(body))


def line_again(kind: str, id: str, body: Mapping[str, Any]) -> bytes:
    """The same for a body that was read from JSON, twenty times quicker: there is nothing in it but JSON types."""
    return _line_of(kind, id, canonical_again(body))


def canonical_again(body: Mapping[str, Any]) -> str:
    """Canonical JSON of what was read from JSON; ValueError for infinite numbers."""
    return json.dumps(
        body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def _line_of(kind: str, id: str, body: str) -> bytes:
    if not re.fullmatch(r"[a-z]{1,32}", kind) or not _PLAIN.fullmatch(id):
        raise InputError(f"a journal line cannot have the kind {kind[:40]!r} and id {id[:80]!r}")
    text = body.encode("utf-8", "surrogatepass")
    sha = hashlib.sha256(text).hexdigest()[:32]
    return f'{{"v":1,"kind":"{kind}","id":"{id}","sha":"{sha}","body":'.encode() + text + b"}\n"


def sha_of(raw: bytes) -> str:
    """The hash that a line of ours names."""
    head = _HEAD.match(raw)
    assert head is not None, "only for lines made here"
    return head[3].decode()


def read(path: Path, start: int = 0) -> Iterator[Line | Torn]:
    """Everything from `start`, the offset of a line, on; StoreError when the file cannot be read."""
    with reading(path), path.open("rb") as file:
        file.seek(start)
        while raw := file.readline(MOST_LINE):
            size = len(raw)
            while raw[-1:] != b"\n" and (more := file.readline(MOST_LINE)):
                raw, size = more, size + len(more)
            if size == len(raw):
                yield parse(raw, start)
            else:
                yield Torn("longer than any line", start, size, raw[-1:] != b"\n")
            start += size


def read_at(path: Path, start: int, size: int) -> Line | Torn:
    """One line of which the place is known; StoreError when the file cannot be read."""
    with reading(path), path.open("rb") as file:
        file.seek(start)
        return parse(file.read(min(size, MOST_LINE)), start)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Any OSError inside becomes a StoreError that names the file."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise StoreError(f"{path.parent.name}/{path.name} cannot be read: {why}") from error


def parse(raw: bytes, start: int = 0) -> Line | Torn:
    """The line that these bytes are, or why they are none."""

    def torn(reason: str) -> Torn:
        return Torn(reason, start, len(raw), not raw.endswith(b"\n"))

    if not raw.endswith(b"\n"):
        return torn("cut off")
    head = _HEAD.match(raw)
    if head is None or not raw.endswith(b"}\n"):
        return _parse_other(raw, start, torn("not a journal line of version 1"))
    kind, id, sha = (part.decode("utf-8", "replace") for part in head.groups())
    text = raw[head.end() : -2]
    if hashlib.sha256(text).hexdigest()[:32] != sha:
        return _parse_other(raw, start, torn("the body does not match its hash"))
    body = _object(text)
    return (
        torn("the body is no JSON object")
        if body is None
        else Line(kind, id, sha, body, start, len(raw))
    )


def _parse_other(raw: bytes, start: int, torn: Torn) -> Line | Torn:
    """A line with its keys or spaces placed otherwise than we do: its hash decides as well."""
    whole = _object(raw) or {}
    kind, id, sha, body = (whole.get(k) for k in ("kind", "id", "sha", "body"))
    if (
        whole.get("v") != 1
        or not isinstance(body, dict)
        or not _is_plain(kind)
        or not _is_plain(id)
    ):
        return torn
    try:
        same = content_hash(body) == sha
    except (ValueError, RecursionError):
        return torn
    return Line(kind, id, str(sha), body, start, len(raw)) if same else torn


def _is_plain(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(_PLAIN.fullmatch(value)) and value.isprintable()


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


# ------------------------------------------------------------------------------------------- folders


def sweep_folder(home: Home, sweep: str) -> Path:
    return home.journals / checked_name("sweep", sweep)


def journal_files(home: Home, sweep: str | None = None) -> list[Path]:
    """All journals, or those of one sweep, oldest first within a sweep."""
    folder = "*" if sweep is None else checked_name("sweep", sweep)
    found = home.journals.glob(f"{folder}/*{SUFFIX}")
    return sorted(p for p in found if not p.name.startswith(".") and p.is_file())


def read_sweep(home: Home, sweep: str) -> Iterator[Line]:
    """The lines of a sweep that count, in the order of its files; none when there is no such sweep."""
    for path in journal_files(home, sweep):
        for line in read(path):
            if isinstance(line, Line):
                yield line
