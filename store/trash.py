"""Deleting with a way back: what is deleted is moved aside within the home, and moved back whole.

A corpus takes its index along, since that is nothing without it. What was deleted more than a month ago is gone for
good at the next deletion. Runs are not deleted here: what was measured stays, but what was imported from somebody's log
can be taken out again.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from engine.errors import InputError, UnknownName
from store.corpora import corpus_names, question_names
from store.home import Home, checked_name, make_folder, write_whole, writing
from store.index_record import alone, index_names
from store.journal import SUFFIX

KEPT = timedelta(days=30)
IMPORTED = "imported-"
"""How the journal of an imported log begins."""
KINDS = ("corpus", "index", "question set", "endpoint", "import")


@dataclass(frozen=True, slots=True)
class Deleted:
    """Something that can be brought back."""

    id: str
    kind: str
    name: str
    when: str
    """UTC, ISO 8601."""
    parts: tuple[str, ...]
    """Paths within the home, of files and folders."""
    text: str = ""
    """What was cut out of a file that stays, as an endpoint is."""


def delete_corpus(home: Home, name: str) -> Deleted:
    """The passages, their vectors and their index; question sets stay."""
    _known("corpus", name, corpus_names(home))
    parts = [home.corpora / name]
    if name in index_names(home):
        parts.append(home.indexes / name)
    with alone(home, name):
        return _aside(home, "corpus", name, parts)


def delete_index(home: Home, name: str) -> Deleted:
    """The index only: the corpus and its vectors stay, so that it is built again quickly."""
    _known("index", name, index_names(home))
    with alone(home, name):
        return _aside(home, "index", name, [home.indexes / name])


def delete_questions(home: Home, name: str) -> Deleted:
    _known("question set", name, question_names(home))
    return _aside(home, "question set", name, [home.questions / f"{name}.parquet"])


def imports(home: Home) -> list[str]:
    """The sweeps that were imported from logs."""
    return sorted({path.parent.name for path in home.journals.glob(f"*/{IMPORTED}*{SUFFIX}")})


def delete_import(home: Home, name: str) -> Deleted:
    """An imported sweep with what was judged of it."""
    _known("import", name, imports(home))
    return _aside(home, "import", name, [home.journals / name])


def keep_text(home: Home, kind: str, name: str, text: str) -> Deleted:
    """Remember what was cut out of a file."""
    return _aside(home, kind, name, [], text)


def deleted(home: Home) -> list[Deleted]:
    """What can be brought back, the last first."""
    found = [_read(path) for path in home.trash.glob("*/about.json")]
    return sorted(
        (one for one in found if one is not None), key=lambda one: (one.when, one.id), reverse=True
    )


def restore(home: Home, id: str) -> Deleted:
    """Put it back where it was; InputError where something of its name stands there again, UnknownName."""
    one = next((d for d in deleted(home) if d.id == id), None)
    if one is None:
        raise UnknownName("deleted thing", id, [d.id for d in deleted(home)])
    for part in one.parts:
        if (home.root / part).exists():
            raise InputError(
                f"there is a new {one.kind} '{one.name}'; delete that first, then bring the old one back"
            )
    with writing(home.trash):
        for part in one.parts:
            held = home.trash / id / part
            if held.exists():
                make_folder((home.root / part).parent)
                os.replace(held, home.root / part)
    shutil.rmtree(home.trash / id, ignore_errors=True)
    return one


def _aside(home: Home, kind: str, name: str, parts: Sequence[Path], text: str = "") -> Deleted:
    """The description is written before anything moves, so that whatever moved can be found again."""
    _forget_old(home)
    names = tuple(str(part.relative_to(home.root)) for part in parts)
    when = datetime.now(UTC)
    one = Deleted(
        uuid4().hex[:12], kind, name, when.isoformat(timespec="microseconds"), names, text
    )
    folder = make_folder(home.trash / one.id)
    write_whole(folder / "about.json", json.dumps(asdict(one), indent=1).encode())
    with writing(folder):
        for part in names:
            make_folder((folder / part).parent)
            os.replace(home.root / part, folder / part)
    return one


def _read(path: Path) -> Deleted | None:
    """None for a description that is not one of ours, or that names anything but what it may."""
    try:
        said: dict[str, Any] = json.loads(path.read_text("utf-8"))
        one = Deleted(**(said | {"parts": tuple(said["parts"])}))
    except (OSError, ValueError, TypeError, KeyError):
        return None
    fine = all(_may_be(part, one.name) for part in one.parts)
    return one if fine and one.kind in KINDS and one.id == path.parent.name else None


def _may_be(part: str, name: str) -> bool:
    folders = ("corpora", "indexes", "journals")
    return part in (*(f"{folder}/{name}" for folder in folders), f"questions/{name}.parquet")


def _forget_old(home: Home) -> None:
    before = (datetime.now(UTC) - KEPT).isoformat()
    for one in deleted(home):
        if one.when < before:
            shutil.rmtree(home.trash / one.id, ignore_errors=True)


def _known(what: str, name: str, names: Sequence[str]) -> None:
    if checked_name(what, name) not in names:
        raise UnknownName(what, name, names)
