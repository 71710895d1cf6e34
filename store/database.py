"""The database file: opened up to date, and set aside where it cannot be read, since the journals make it again."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb

from engine.errors import Damaged, StoreHeld
from store.home import disk_error, writing
from store.migrations import migrate


def opened(path: Path) -> duckdb.DuckDBPyConnection:
    """The database at a path, up to date; one that cannot be read, or that other steps made, is set aside first."""
    try:
        return _migrated(_connect(path))
    except Damaged:
        with writing(path):
            _set_aside(path)
        return _migrated(_connect(path))


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(path))
    except duckdb.Error as error:
        why = " ".join(str(error).split())[:200]
        if "lock" in why.lower():
            raise StoreHeld("the history is open in another program; close that first") from None
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise disk_error(path, PermissionError(13, "Permission denied")) from None
        raise Damaged(f"{path} cannot be opened: {why}") from None


def _migrated(db: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    try:
        migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def _set_aside(path: Path) -> None:
    """Keep a database that cannot be opened under another name; the journals make it again."""
    for part in (path, path.with_name(path.name + ".wal")):
        if part.exists():
            part.replace(part.with_name(part.name + ".damaged"))
