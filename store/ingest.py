"""Journals into tables: each trajectory once, however often it is read and however this is cut off.

A batch is one transaction that holds its rows, how far each file was read, and which configurations are now stale;
their sums are done again at the end. The same id with the same content counts once; with other content the first one
wins and the other is listed under `conflicts`. A body of another shape is listed under `unreadable`. Lines `failed`
give their failures and no runs, since the sweep asks such a question again: all cells of a sweep stand on the same
questions. A sweep is a folder: when a file of it is gone or shorter than before, all of it is taken in again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import duckdb
import pyarrow as pa

from engine.errors import Damaged
from store import judgements
from store.home import Home
from store.journal import Line, Torn, journal_files, read
from store.rows import Row, plan_row, rows_of
from store.summary import refresh

BATCH = 2_000
"""Lines a transaction."""
DERIVED = (
    "runs trajectories sweeps failures conflicts unreadable summary judgements ingested".split()
)


@dataclass
class Ingested:
    """What one ingest took in."""

    trajectories: int = 0
    runs: int = 0
    torn: int = 0
    """Damaged lines that were passed over; an unfinished end is not counted, it is read again next time."""
    conflicts: int = 0
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    name: str
    """Below the journals' folder."""
    at: int
    """Offset behind what was taken in."""

    @property
    def sweep(self) -> str:
        return self.path.parent.name


Found = tuple[_File, Line | Torn]


@dataclass
class _Batch:
    """Rows by table; of an id only the first."""

    upto: dict[str, Row] = field(default_factory=dict)
    sweeps: dict[str, Row] = field(default_factory=dict)
    configs: dict[str, Row] = field(default_factory=dict)
    trajectories: dict[str, Row] = field(default_factory=dict)
    runs: list[Row] = field(default_factory=list)
    failures: dict[str, list[Row]] = field(default_factory=dict)
    judgements: dict[str, Row] = field(default_factory=dict)
    conflicts: list[Row] = field(default_factory=list)
    unreadable: list[Row] = field(default_factory=list)
    torn: int = 0


def ingest(
    db: duckdb.DuckDBPyConnection, home: Home, sweeps: Sequence[str] | None = None
) -> Ingested:
    """Take in what is new in all journals, or in those of some sweeps; one call at a time per database."""
    taken = Ingested()
    found = _found(_files(db, home, sweeps))
    while some := list(islice(found, BATCH)):
        _take_in(db, some, taken)
    refresh(db)
    return taken


def forget(db: duckdb.DuckDBPyConnection, sweep: str) -> None:
    """Drop all that the tables say of a sweep; its journals stay as they are."""
    db.begin()
    try:
        for table in DERIVED:
            db.execute(f"DELETE FROM {table} WHERE sweep = ?", [sweep])
        db.commit()
    except BaseException:
        db.rollback()
        raise


# ------------------------------------------------------------------------------------------- files


def _files(db: duckdb.DuckDBPyConnection, home: Home, sweeps: Sequence[str] | None) -> list[_File]:
    """Every journal with how far it was read, after dropping sweeps whose files changed otherwise than by growing."""
    known = db.execute("SELECT sweep, file, upto FROM ingested").fetchall()
    asked = [row for row in known if sweeps is None or row[0] in sweeps]
    changed = {sweep for sweep, file, at in asked if _size(home.journals / file) < at}
    for sweep in changed:
        forget(db, sweep)
    read_to = {file: int(at) for sweep, file, at in asked if sweep not in changed}
    paths = chain.from_iterable(
        journal_files(home, s) for s in ([None] if sweeps is None else sweeps)
    )
    names = {str(path.relative_to(home.journals)): path for path in paths}
    return [_File(path, name, read_to.get(name, 0)) for name, path in names.items()]


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _found(files: Sequence[_File]) -> Iterator[Found]:
    """All that is new; the unfinished end of a file is left for the next time."""
    for file in files:
        if _size(file.path) > file.at:
            new = ((file, item) for item in read(file.path, file.at))
            yield from (x for x in new if isinstance(x[1], Line) or not x[1].final)


# ----------------------------------------------------------------------------------------- batches


def _take_in(db: duckdb.DuckDBPyConnection, found: Sequence[Found], taken: Ingested) -> None:
    """One batch, in one transaction."""
    known = _known(db, [item for _, item in found if isinstance(item, Line)])
    batch = _Batch()
    for file, item in found:
        batch.upto[file.name] = {"file": file.name, "sweep": file.sweep, "upto": item.end}
        if isinstance(item, Line):
            _sort(batch, file, item, known)
        else:
            batch.torn += 1
    db.begin()
    try:
        _write(db, batch)
        db.commit()
    except BaseException:
        db.rollback()
        raise
    taken.trajectories += len(batch.trajectories)
    taken.runs += len(batch.runs)
    taken.torn += batch.torn
    taken.conflicts += len(batch.conflicts)
    taken.unreadable += len(batch.unreadable)


def _known(db: duckdb.DuckDBPyConnection, lines: Sequence[Line]) -> dict[tuple[str, str], str]:
    """The content that is stored under the ids of these lines, by kind and id."""
    db.register("asked", pa.table({"id": sorted({line.id for line in lines})}))
    try:
        rows = db.execute(
            "SELECT 'trajectory', id, sha FROM trajectories SEMI JOIN asked USING (id) "
            "UNION ALL SELECT 'judgement', id, sha FROM judgements SEMI JOIN asked USING (id) "
            "UNION ALL SELECT 'sweep', sweep, sha FROM sweeps"
        ).fetchall()
    finally:
        db.unregister("asked")
    return {(kind, id): sha for kind, id, sha in rows}


def _sort(batch: _Batch, file: _File, line: Line, known: dict[tuple[str, str], str]) -> None:
    """Put one line where it belongs; kinds that later versions may write are passed over."""
    where = {"sweep": file.sweep, "id": line.id, "file": file.name, "start": line.start}
    kept = known.get((line.kind, line.id))
    if line.kind not in ADD or kept == line.sha:
        return
    if kept is not None:
        batch.conflicts.append({**where, "kind": line.kind, "kept": kept, "refused": line.sha})
        return
    if line.kind == "failed" and ("trajectory", line.id) in known:
        return
    try:
        ADD[line.kind](batch, file, line)
    except Damaged as error:
        batch.unreadable.append({**where, "reason": str(error)[:300]})
        return
    if line.kind != "failed":
        known[line.kind, line.id] = line.sha


def _add_plan(batch: _Batch, file: _File, line: Line) -> None:
    if line.id != file.sweep:
        raise Damaged(f"the plan of {line.id} stands in {file.sweep}"[:300])
    batch.sweeps[line.id] = {"sweep": line.id, "name": line.id, "sha": line.sha, **plan_row(line)}


def _add_trajectory(batch: _Batch, file: _File, line: Line) -> None:
    rows = rows_of(line, file.sweep)
    place = {"file": file.name, "start": line.start, "size": line.size}
    batch.configs[rows.config["config"]] = rows.config
    batch.trajectories[line.id] = rows.trajectory | place
    batch.runs += rows.runs
    batch.failures[line.id] = rows.failures


def _add_failures(batch: _Batch, file: _File, line: Line) -> None:
    """The failures of the last try, until the trajectory is there."""
    batch.failures[line.id] = rows_of(line, file.sweep).failures


def _add_judgement(batch: _Batch, file: _File, line: Line) -> None:
    batch.judgements[line.id] = judgements.row_of(line, file.sweep)


ADD = {
    "sweep": _add_plan,
    "trajectory": _add_trajectory,
    "failed": _add_failures,
    judgements.KIND: _add_judgement,
}


def _write(db: duckdb.DuckDBPyConnection, batch: _Batch) -> None:
    """All rows of a batch; the caller holds the transaction."""
    _insert(db, "sweeps", batch.sweeps.values())
    _insert(db, "configs", batch.configs.values(), "ANTI JOIN configs USING (config)")
    _insert(db, "trajectories", batch.trajectories.values())
    _insert(db, "runs", batch.runs)
    _replace(
        db,
        "failures",
        "trajectory_id",
        chain.from_iterable(batch.failures.values()),
        batch.failures,
    )
    _insert(db, "judgements", batch.judgements.values())
    _insert(db, "conflicts", batch.conflicts)
    _insert(db, "unreadable", batch.unreadable)
    _replace(db, "ingested", "file", batch.upto.values(), batch.upto)
    touched = {(t["sweep"], t["config"]) for t in batch.trajectories.values()}
    rows = [{"sweep": s, "config": c} for s, c in sorted(touched)]
    _insert(db, "stale", rows, "ANTI JOIN stale USING (sweep, config)")
    judgements.mark_stale(db, {row["sweep"] for row in batch.judgements.values()})


def _replace(
    db: duckdb.DuckDBPyConnection, table: str, key: str, rows: Iterable[Row], old: Iterable[str]
) -> None:
    """Rows in the place of those with the keys `old`."""
    gone = [{key: value} for value in old]
    _with(db, gone, f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM new_rows)")
    _insert(db, table, rows)


def _insert(
    db: duckdb.DuckDBPyConnection, table: str, rows: Iterable[Row], unless: str = ""
) -> None:
    _with(db, list(rows), f"INSERT INTO {table} BY NAME SELECT * FROM new_rows {unless}")


def _with(db: duckdb.DuckDBPyConnection, rows: Sequence[Row], sql: str) -> None:
    """Run a statement over these rows as the table `new_rows`; nothing happens when there are none."""
    if not rows:
        return
    names = dict.fromkeys(name for row in rows for name in row)
    db.register("new_rows", pa.table({n: [row.get(n) for row in rows] for n in names}))
    try:
        db.execute(sql)
    finally:
        db.unregister("new_rows")
