"""Who owns the DuckDB file: one process at a time, said in a small file beside the lock.

The operating system releases the lock when its owner ends, however it ends; what the file says is only for people.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from engine.errors import StoreHeld
from store.home import Home, disk_error, make_folder, write_whole


@dataclass(frozen=True)
class Ownership:
    """Held until it is released or the process ends."""

    lock: FileLock
    about: Path

    def release(self) -> None:
        self.about.unlink(missing_ok=True)
        self.lock.release()


def own(home: Home, wait_s: float = 0.0) -> Ownership:
    """Become the owner, waiting up to `wait_s` seconds; StoreHeld says who is."""
    folder = make_folder(home.locks)
    about = folder / "store.json"
    lock = FileLock(folder / "store.lock", thread_local=False)
    try:
        lock.acquire(timeout=wait_s, poll_interval=0.05)
    except Timeout:
        raise StoreHeld(
            f"the store is held by {holder(home)}; close it or work beside it"
        ) from None
    except OSError as error:
        raise disk_error(folder, error) from error
    ownership = Ownership(lock, about)
    try:
        write_whole(about, json.dumps(_self(), indent=1).encode())
    except BaseException:
        ownership.release()
        raise
    return ownership


def holder(home: Home) -> str:
    """Who says to hold the store. process 4711 (budgetscape sweep) since 2026-11-23 22:56 UTC"""
    try:
        found = json.loads((home.locks / "store.json").read_bytes()[:4096])
        return (
            f"process {int(found['pid'])} ({found['command']!s:.80}) since {found['since']!s:.20}"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _self() -> dict[str, object]:
    words = [Path(sys.argv[0] or "python").name, *sys.argv[1:2]]
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return {"pid": os.getpid(), "command": " ".join(words)[:80], "since": since}
