"""A log of runs into the history: looked at first with the columns as they are guessed, then taken in whole.

Looking writes nothing. Taking in writes one journal file, which has its name only when it is complete; rows that cannot
be read are left out and listed, and a file without one that can is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from budgetscape.intake import Tell
from engine.errors import BudgetscapeError, InputError
from engine.identity import content_hash, plain
from engine.sweeps.record import to_body
from store import judgements
from store.fields import Row
from store.home import Home, aside, checked_name, make_folder, writing
from store.journal import SUFFIX, journal_files, line_bytes, read_sweep
from store.log_columns import METRICS, Columns, checked, guessed, remarks
from store.log_rows import log_rows
from store.run_log import MOST_ROWS, Logged, Runs
from store.trash import IMPORTED, imports

SHOWN, LISTED = 8, 200
"""Runs of a preview; rows that are listed by name because they cannot be read."""
TELL_EACH = 2_000
HEAD = 200
"""Rows that the columns and their scales are guessed from."""


@dataclass
class Unread:
    """Rows that gave no run."""

    count: int = 0
    why: list[str] = field(default_factory=list)
    """Of the first ones: file, row, field and what is wrong."""

    def add(self, error: InputError) -> None:
        self.count += 1
        if len(self.why) < LISTED:
            self.why.append(str(error)[:300])


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import would make of a file."""

    columns: tuple[str, ...]
    chosen: Columns
    problem: str
    """Why these columns give no runs; empty where they do."""
    remarks: tuple[str, ...] = ()
    rows: int = 0
    runs: int = 0
    questions: int = 0
    search: tuple[int, ...] = ()
    think: tuple[int, ...] = ()
    unread: int = 0
    why: tuple[str, ...] = ()
    first: tuple[dict[str, Any], ...] = ()


def look_at_runs(path: Path, columns: Columns | None = None) -> Preview:
    """Read a log to its end and count what an import would make; nothing is kept."""
    names, chosen = _chosen(path, columns)
    try:
        checked(chosen, names)
    except InputError as error:
        return Preview(names, chosen, str(error))
    unread, rows = Unread(), 0
    first: list[dict[str, Any]] = []
    questions: set[str] = set()
    cells: set[tuple[int, int]] = set()
    for logged in _runs(path, chosen, "preview", unread):
        rows += 1
        run = logged.trajectory.runs[0]
        questions.add(run.question.id)
        cells.add((run.config.budget.search, run.config.budget.think))
        if len(first) < SHOWN:
            first.append(_shown(logged))
    return Preview(
        names,
        chosen,
        "" if rows else _none(unread),
        remarks(chosen),
        rows + unread.count,
        rows,
        len(questions),
        tuple(sorted({s for s, _ in cells})),
        tuple(sorted({t for _, t in cells})),
        unread.count,
        tuple(unread.why),
        tuple(first),
    )


def take_runs(
    home: Home, name: str, path: Path, columns: Columns | None, tell: Tell
) -> tuple[int, Unread]:
    """Keep a log as the sweep `name`; how many runs it gave, and the rows that gave none.

    The same file with the same columns again changes nothing. InputError where a sweep of that name is here, and where
    no row can be read; then nothing was taken in.
    """
    checked_name("sweep", name)
    names, chosen = _chosen(path, columns)
    checked(chosen, names)
    mark = content_hash([_hash(path), plain(chosen)], 16)
    target = home.journals / name / f"{IMPORTED}{mark}{SUFFIX}"
    if not target.exists() and journal_files(home, name):
        raise InputError(f"there is a sweep '{name}' already; take another name")
    unread, count = Unread(), 0
    make_folder(target.parent)
    try:
        with writing(target), aside(target) as new:
            with new.open("wb") as out:
                for logged in _runs(path, chosen, name, unread):
                    for line in _lines(logged, chosen):
                        out.write(line)
                    count += 1
                    if count % TELL_EACH == 0:
                        tell("reading", count, 0)
            if not count:
                raise InputError(_none(unread))
    except BaseException:
        _drop_empty(target.parent)
        raise
    return count, unread


@dataclass(frozen=True, slots=True)
class Imported:
    """A sweep that was a log."""

    name: str
    metric: str
    """What its runs are scored by first; empty where that cannot be read."""


def imported(home: Home) -> list[Imported]:
    return [Imported(name, _first_metric(home, name)) for name in imports(home)]


def _first_metric(home: Home, name: str) -> str:
    try:
        first = list(islice(read_sweep(home, name), 2))
        if any(line.kind == judgements.KIND for line in first):
            return "judge"
        scores = first[0].body["runs"][0]["scores"]
        return next((metric for metric in METRICS if scores.get(metric) is not None), "")
    except (BudgetscapeError, LookupError, TypeError, AttributeError):
        return ""


def guesses(path: Path) -> Columns:
    """What the columns of a log are most likely for."""
    return _chosen(path, None)[1]


def _chosen(path: Path, columns: Columns | None) -> tuple[tuple[str, ...], Columns]:
    """The columns of a log, and what they are taken for."""
    head: list[Row] = list(islice(log_rows(path, lambda _: None), HEAD))
    if not head:
        raise InputError(f"{path.name}: holds no row under a header")
    names = tuple(dict.fromkeys(name for row in head for name in row.fields))
    return names, columns or guessed(names, head)


def _runs(path: Path, columns: Columns, sweep: str, unread: Unread) -> Iterator[Logged]:
    made = Runs(columns, sweep, path.name, f"log {_hash(path)[:16]}")
    for number, row in enumerate(log_rows(path, unread.add), 1):
        if number > MOST_ROWS:
            raise InputError(f"{path.name}: is over {MOST_ROWS:,} rows; split it")
        try:
            logged = made.run(row)
        except InputError as error:
            unread.add(error)
            continue
        yield logged


def _none(unread: Unread) -> str:
    return f"no row can be read as a run; the first: {unread.why[0] if unread.why else 'there is none'}"


def _lines(logged: Logged, columns: Columns) -> Iterator[bytes]:
    """A run as its trajectory, and what its judge said as a judgement."""
    trajectory = logged.trajectory
    yield line_bytes("trajectory", trajectory.id, to_body(trajectory))
    if logged.judge is not None:
        run, by = trajectory.runs[0].id, f"log: {columns.of['quality']}"[:100]
        body = {
            **dict.fromkeys(("cited", "decided"), 0),
            **{"run_id": run, "by": by, "model": by, "judge": logged.judge, "reason": ""},
            "usage": dict.fromkeys(("input_tokens", "completion_tokens", "calls"), 0),
            **{"citation_support": None, "seconds": 0.0, "cost": None},
        }
        yield line_bytes(judgements.KIND, judgements.judgement_id(run, by), body)


def _shown(logged: Logged) -> dict[str, Any]:
    run = logged.trajectory.runs[0]
    scores = {k: v for k, v in plain(run.scores).items() if v is not None}
    told = scores if logged.judge is None else {"judge": logged.judge}
    return {
        "question": run.question.text,
        "strategy": run.config.strategy,
        "model": run.config.model,
        "search": run.config.budget.search,
        "think": run.config.budget.think,
        "quality": next(iter(told.values())),
        "answer": run.trace.answer,
    }


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _drop_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
