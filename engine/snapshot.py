"""A snapshot: a view with all that it showed, under a title; the same bytes have the same id.

Bytes are data from anywhere: bounded, checked against their id, and read into named values or refused. The id is a
hash of the bytes themselves, so nothing in them can be changed without it being another snapshot.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Self

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from engine.errors import Damaged, InputError
from engine.figures.blocks import Block
from engine.identity import canonical_json
from engine.view import View, clean

VERSION = 1
LONGEST_TITLE, LONGEST_NOTES = 200, 4_000
MOST_BYTES = 16_000_000
_ID = re.compile(r"s[0-9a-f]{31}")


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class _Body:
    """A snapshot as it is written."""

    version: int
    view: str
    title: str
    notes: str
    published: str
    blocks: tuple[Block, ...]


_READER = TypeAdapter(_Body)


@dataclass(frozen=True, slots=True)
class Snapshot:
    view: View
    title: str
    notes: str
    published: date
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, view: View, title: str, notes: str, blocks: Sequence[Block]) -> Self:
        """A snapshot of today; raises InputError when it has no title or no content."""
        title = " ".join(clean(title).split())[:LONGEST_TITLE]
        if not title:
            raise InputError("give the view a title: it is what others see first")
        if not blocks:
            raise InputError("this page shows nothing that could be published")
        lines = (clean(line).rstrip() for line in notes[:LONGEST_NOTES].split("\n"))
        return cls(view, title, "\n".join(lines).strip(), datetime.now(UTC).date(), tuple(blocks))

    def to_bytes(self) -> bytes:
        """Canonical JSON; raises InputError where that is more than may be published."""
        body = _Body(
            VERSION,
            self.view.link,
            self.title,
            self.notes,
            self.published.isoformat(),
            self.blocks,
        )
        data = canonical_json(body).encode("utf-8", "replace")
        if len(data) > MOST_BYTES:
            raise InputError(
                f"this view holds {len(data) / 1e6:.0f} MB, more than a snapshot may "
                f"({MOST_BYTES / 1e6:.0f}): choose fewer strategies or questions"
            )
        return data

    @classmethod
    def from_bytes(cls, data: bytes, snapshot_id: str) -> Self:
        """Read back what `to_bytes` gave; raises Damaged with the reason."""
        if len(data) > MOST_BYTES:
            raise Damaged(f"snapshot {snapshot_id} is too large to be one of ours")
        if id_of(data) != snapshot_id:
            raise Damaged(f"snapshot {snapshot_id} is not what was published: its content changed")
        try:
            body = _READER.validate_json(data)
            published = date.fromisoformat(body.published)
            view = View.from_link(body.view)
        except (ValidationError, ValueError, InputError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise Damaged(f"snapshot {snapshot_id} cannot be read: {why[:200]}") from error
        if body.version != VERSION:
            raise Damaged(f"snapshot {snapshot_id} is of version {body.version}, not {VERSION}")
        return cls(view, clean(body.title), body.notes, published, body.blocks)


def id_of(data: bytes) -> str:
    """The id of a snapshot's bytes: s and 31 hexadecimal digits of their SHA-256."""
    return "s" + hashlib.sha256(data).hexdigest()[:31]


def is_id(text: str) -> bool:
    """Whether a text could be the id of a snapshot; nothing else is ever made a file name."""
    return _ID.fullmatch(text) is not None
