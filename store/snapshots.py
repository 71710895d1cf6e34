"""Published views, one file each, named by the hash of what is in it: written once, never changed, checked when read.

Whoever knows an id may open it; nothing here lists them to those who do not, and no other file of the data folder can
be named: an id is letters and digits, never a path.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from engine.errors import StoreError, UnknownName
from engine.snapshot import MOST_BYTES, Snapshot, id_of, is_id
from store.home import make_folder, scratch, writing

SUFFIX = ".json"
_WITHDRAWN = ".withdrawn"


@dataclass(frozen=True)
class Snapshots:
    """The folder of published views."""

    folder: Path

    def publish(self, snapshot: Snapshot) -> str:
        """Write a snapshot and return its id; the same content twice is one file."""
        data = snapshot.to_bytes()
        name = id_of(data)
        path = self._path(name)
        make_folder(self.folder)
        with writing(path), scratch(self.folder) as new:
            if path.exists():
                return name
            self._path(name, _WITHDRAWN).unlink(missing_ok=True)
            new.write_bytes(data)
            with new.open("rb") as file:
                os.fsync(file.fileno())
            new.chmod(0o400)
            os.replace(new, path)
        return name

    def open(self, snapshot_id: str) -> Snapshot:
        """Raises UnknownName when it was never published or is withdrawn, Damaged when it was changed."""
        return Snapshot.from_bytes(self.read(snapshot_id), snapshot_id)

    def read(self, snapshot_id: str) -> bytes:
        """What stands in a snapshot's file, unchecked."""
        if not is_id(snapshot_id):
            raise UnknownName("shared view", "", (), "(ask for the link again)")
        path = self._path(snapshot_id)
        try:
            with path.open("rb") as file:
                return file.read(MOST_BYTES + 1)
        except FileNotFoundError:
            raise UnknownName(
                "shared view", snapshot_id, (), "(it was withdrawn, or the link is incomplete)"
            ) from None
        except OSError as error:
            raise StoreError(f"cannot read the shared view: {error.strerror}") from None

    def withdraw(self, snapshot_id: str) -> None:
        """Its link opens nothing any more; `restore` brings it back."""
        self._move(snapshot_id, SUFFIX, _WITHDRAWN)

    def restore(self, snapshot_id: str) -> None:
        self._move(snapshot_id, _WITHDRAWN, SUFFIX)

    def names(self) -> list[str]:
        """The ids of all that is published, the newest first; for those who may publish."""
        files = [path for path in self.folder.glob(f"s*{SUFFIX}") if is_id(path.stem)]
        return [p.stem for p in sorted(files, key=lambda p: (-p.stat().st_mtime, p.name))]

    def _move(self, snapshot_id: str, old: str, new: str) -> None:
        if not is_id(snapshot_id) or not self._path(snapshot_id, old).exists():
            raise UnknownName("shared view", snapshot_id, ())
        path = self._path(snapshot_id, new)
        with writing(path):
            os.replace(self._path(snapshot_id, old), path)

    def _path(self, snapshot_id: str, suffix: str = SUFFIX) -> Path:
        return self.folder / (snapshot_id + suffix)
