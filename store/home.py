"""Where everything that is kept stands: the paths under one data folder.

A home knows names of files and folders, not what is in them, and creates nothing until `ensure`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from engine.errors import InputError, StoreError

CHECKOUT = Path(__file__).resolve().parents[1]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Home:
    """The data folder; every path below is absolute when `root` is."""

    root: Path

    @classmethod
    def find(cls, env: Mapping[str, str] | None = None) -> Home:
        """`BUDGETSCAPE_HOME` of the environment, else `.budgetscape/` in the checkout."""
        named = (os.environ if env is None else env).get("BUDGETSCAPE_HOME", "").strip()
        return cls(Path(named).expanduser().absolute() if named else CHECKOUT / ".budgetscape")

    @property
    def database(self) -> Path:
        """The DuckDB file: derived, one process owns it."""
        return self.root / "budgetscape.duckdb"

    @property
    def journals(self) -> Path:
        """What runs appended, one file per worker: the copy that counts."""
        return self.root / "journals"

    @property
    def corpora(self) -> Path:
        """Passages and their vectors, one folder per corpus: the copy that counts."""
        return self.root / "corpora"

    @property
    def questions(self) -> Path:
        """Question sets, one Parquet file each."""
        return self.root / "questions"

    @property
    def indexes(self) -> Path:
        """Chroma folders, derived from corpora."""
        return self.root / "indexes"

    @property
    def bundles(self) -> Path:
        """Exported and imported sets of runs."""
        return self.root / "bundles"

    @property
    def snapshots(self) -> Path:
        """Published views by content hash."""
        return self.root / "snapshots"

    @property
    def sweeps(self) -> Path:
        """How sweeps are driven: plan, orders and status of each by name. Nothing that counts stands here."""
        return self.root / "sweeps"

    @property
    def trash(self) -> Path:
        """What was deleted and can be brought back."""
        return self.root / "trash"

    @property
    def uploads(self) -> Path:
        """Files that a browser sent and that are not taken in yet."""
        return self.root / "uploads"

    @property
    def locks(self) -> Path:
        """Lock files; each says who holds it."""
        return self.root / "locks"

    @property
    def endpoints(self) -> Path:
        """The TOML file that maps model names to endpoints; may be absent."""
        return self.root / "endpoints.toml"

    def ensure(self) -> Home:
        """Create the folders, for their owner only; raises StoreError where the disk does not let
        us.
        """
        folders = (
            self.root,
            self.journals,
            self.corpora,
            self.questions,
            self.indexes,
            self.bundles,
            self.snapshots,
            self.locks,
        )
        for folder in folders:
            make_folder(folder)
        return self


def make_folder(folder: Path) -> Path:
    """Create a folder (and its parents) with mode 0700 if it is not there; raises StoreError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(folder, error) from error
    return folder


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Any OSError inside becomes a StoreError that names `path` and says what to do."""
    try:
        yield
    except OSError as error:
        raise disk_error(path, error) from error


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that others see the old content or the new, never a part of it."""
    with writing(path), aside(path) as new:
        new.write_bytes(data)


@contextmanager
def aside(path: Path) -> Iterator[Path]:
    """A file to write that takes the place of `path` at the end; after an error nothing changed."""
    with scratch(path.parent) as new:
        yield new
        put(new, path)


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A file name in `folder` that nobody else uses; what is left there at the end goes."""
    new = folder / f".{os.getpid()}-{uuid4().hex[:12]}.part"
    try:
        yield new
    finally:
        new.unlink(missing_ok=True)


def put(new: Path, path: Path) -> None:
    """Give a written file its name, whole and on the disk."""
    with new.open("rb+") as file:
        os.fsync(file.fileno())
    os.replace(new, path)


def disk_error(path: Path, error: OSError) -> StoreError:
    """What to do about a disk that refuses.

    OSError(ENOSPC) -> cannot write x: No space left on device; free some space or ...
    """
    why = error.strerror or type(error).__name__
    return StoreError(
        f"cannot write {path}: {why}; "
        "free some space or set BUDGETSCAPE_HOME to a folder you can write"
    )


def checked_name(what: str, name: str) -> str:
    """The name of a corpus, index or question set, safe as a file name; raises InputError.

    checked_name("corpus", "hotpot-dev_100") -> hotpot-dev_100
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{what} name {name[:80]!r} cannot be used: take 1 to 64 letters, digits, '-' or '_', "
            "beginning with a letter or digit"
        )
    return name
