"""How a sweep is driven from outside its process: a plan, an order and a status, as files under its name.

    sweeps/NAME/plan.toml      the plan it was started with
    sweeps/NAME/order          go, pause or cancel; written by whoever may, obeyed within a second
    sweeps/NAME/status.json    what the process says of itself, whole each time
    sweeps/NAME/log.txt        what a child printed

A lock says whether a process runs it: the system releases it however that process ends, so a sweep whose status says
`running` and whose lock is free was interrupted, and can be resumed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from engine.errors import InputError, StoreError, StoreHeld, UnknownName
from engine.identity import plain
from engine.sweeps.plan import Plan, read_plan
from store.home import Home, checked_name, disk_error, make_folder, write_whole

Order = Literal["go", "pause", "cancel"]
State = Literal[
    "starting", "quoted", "running", "paused", "done", "stopped", "failed", "interrupted"
]
Part = dict[str, Any]
"""What one strategy on one model took: strategy, model, calls, tokens, cost."""
RUNNING = ("starting", "running", "paused")
WAIT_S = 3.0


@dataclass(frozen=True, slots=True)
class Status:
    """What a sweep says of itself. Amounts are over all its starts unless they say otherwise."""

    name: str
    state: State = "starting"
    note: str = ""
    """Why it stands where it stands, in words."""
    trajectories: int = 0
    done: int = 0
    """Trajectories recorded."""
    runs: int = 0
    runs_done: int = 0
    failed: int = 0
    """Trajectories with cells that have no answer; they are asked again by the next start."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """Cells without an answer, by kind; of this start."""
    faults: Mapping[str, int] = field(default_factory=dict)
    """Calls that failed and were tried again, by kind; of this start."""
    reason: str = ""
    """What the last failed cell said."""
    tokens: int = 0
    calls: int = 0
    queries: int = 0
    cost: float | None = None
    seconds: float = 0.0
    charged_tokens: int = 0
    """What the runs recorded by this start would have taken alone; `paid_tokens` is what they took."""
    paid_tokens: int = 0
    caps: Mapping[str, float | None] = field(default_factory=dict)
    rate: float = 0.0
    """Runs a minute, lately."""
    left_s: float | None = None
    """Until it is done, at this rate."""
    places: Mapping[str, int] = field(default_factory=dict)
    """Calls at once that each model is asked now."""
    quote: Mapping[str, Any] | None = None
    """The first quote, as in its journal."""
    parts: tuple[Part, ...] = ()
    """What each strategy on each model has taken."""
    pid: int = 0
    started: float = 0.0
    """Seconds since 1970."""
    updated: float = 0.0

    @property
    def over(self) -> bool:
        return self.state not in RUNNING


_STATUS = TypeAdapter(Status)


def folder(home: Home, name: str) -> Path:
    return home.sweeps / checked_name("sweep", name)


def names(home: Home) -> list[str]:
    """Sweeps that were started here, the last one first."""
    found = home.sweeps.glob("*/plan.toml")
    return [p.parent.name for p in sorted(found, key=_written, reverse=True)]


def _written(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


# ------------------------------------------------------------------------------------------- plan and orders


def save_plan(home: Home, plan: Plan) -> Path:
    """Keep the plan where a child and a resume find it."""
    path = make_folder(folder(home, plan.name)) / "plan.toml"
    write_whole(path, plan.to_toml().encode())
    return path


def saved_plan(home: Home, name: str) -> Plan:
    """The plan of a sweep that was started here; UnknownName."""
    path = folder(home, name) / "plan.toml"
    try:
        return read_plan(path.read_text("utf-8"), f"the plan of {name}")
    except (OSError, UnicodeDecodeError):
        raise UnknownName("sweep", name, names(home), "(start it with its plan)") from None


def give(home: Home, name: str, order: Order) -> None:
    """Tell the process that runs a sweep what to do; InputError where none does."""
    if order not in get_args(Order):
        raise InputError(f"a sweep can be told {', '.join(get_args(Order))}, not {order[:40]!r}")
    if not held(home, name):
        raise InputError(f"sweep '{name}' is not running; resume it with budgetscape sweeps resume")
    write_whole(folder(home, name) / "order", order.encode())


def ordered(home: Home, name: str) -> Order:
    try:
        said = (folder(home, name) / "order").read_text("utf-8", "replace").strip()
    except OSError:
        return "go"
    return said if said in ("pause", "cancel") else "go"  # type: ignore[return-value]


def forget_orders(home: Home, name: str) -> None:
    """What was said to an earlier process is not meant for the next one."""
    (folder(home, name) / "order").unlink(missing_ok=True)


# ------------------------------------------------------------------------------------------- status


def tell(home: Home, status: Status) -> None:
    """Write the status; a disk that refuses does not end a sweep, its journal does that."""
    with suppress(StoreError):
        stamped = replace(status, updated=time.time(), pid=os.getpid())
        path = make_folder(folder(home, status.name)) / "status.json"
        write_whole(path, json.dumps(plain(stamped)).encode())


def told(home: Home, name: str) -> Status | None:
    """The last status as it was written; None when there is none that can be read."""
    try:
        return _STATUS.validate_json((folder(home, name) / "status.json").read_bytes())
    except (OSError, ValidationError):
        return None


def status(home: Home, name: str) -> Status | None:
    """How a sweep stands, `interrupted` where its process ended without a word."""
    said = told(home, name)
    if said is None or said.over or held(home, name):
        return said
    note = "its process ended before it was done; resume it to go on where it was"
    return replace(told(home, name) or said, state="interrupted", note=note)


# ------------------------------------------------------------------------------------------- the lock


def lock(home: Home, name: str) -> FileLock:
    """Become the one process that runs a sweep; StoreHeld when another does. Release it when done."""
    mine = FileLock(_lock_path(home, name), thread_local=False)
    try:
        mine.acquire(timeout=WAIT_S, poll_interval=0.05)
    except Timeout:
        said = told(home, name)
        who = f"process {said.pid}" if said and said.pid else "another process"
        raise StoreHeld(
            f"sweep '{name}' is being run by {who}; watch it, or cancel it first: budgetscape sweeps cancel {name}"
        ) from None
    except OSError as error:
        raise disk_error(home.locks, error) from error
    return mine


def held(home: Home, name: str) -> bool:
    """Whether a process runs this sweep now."""
    probe = FileLock(_lock_path(home, name), thread_local=False)
    try:
        probe.acquire(timeout=0)
    except Timeout:
        return True
    except OSError:
        return False
    probe.release()
    return False


def _lock_path(home: Home, name: str) -> Path:
    return make_folder(home.locks) / f"sweep-{checked_name('sweep', name)}.lock"
