"""The history of runs: surfaces from sums, heads from tables, bodies from the journals when asked for.

`Store.open` owns the database file; `Store.scratch` builds one in memory from the same journals, for a process that
only reads while another owns the file. Every call uses a cursor of its own, so a store may be shared between threads.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import duckdb

from engine.analysis.cells import Sums, interval
from engine.analysis.effort import Used, places
from engine.errors import Damaged, StoreHeld, UnknownName
from engine.sweeps.record import from_body, run_from
from engine.sweeps.trajectory import Trajectory
from engine.types import EFFORTS, Run, ThinkMode, effort_of
from store.home import Home, disk_error, writing
from store.ingest import Ingested, ingest
from store.journal import Line, read_at
from store.migrations import migrate
from store.ownership import Ownership, own
from store.summary import METRICS, STRATA

_KEYS = "sweep, strategy, model, index_name, config, search, think, search_mode, think_mode"


@dataclass(frozen=True, slots=True)
class CellRow:
    """One cell of a sweep's surface, or of a stratum of it."""

    sweep: str
    strategy: str
    model: str
    index: str
    config: str
    """Hash of everything else that must be equal on one surface: knobs, decoding, fingerprints."""
    knobs: Mapping[str, Any]
    search: int
    think: int
    search_mode: str
    think_mode: str
    """`effort`: the cell is one of levels, and `think` is what the level used on average."""
    by: tuple[Any, ...]
    """The values of the strata asked for, in their order."""
    n: int
    questions: int
    mean: float
    low: float
    high: float
    cut_off: float
    """Share of runs whose answer a limit forced."""
    search_used: float
    think_used: float
    tokens: float
    """Mean input and completion tokens of a run, as charged."""
    seconds: float
    cost: float | None
    well_formed: float | None = None
    """Share of the model's texts that had the form the protocol asks for; None where that was not recorded."""
    search_compliance: float | None = None
    """Mean use of the search budget over what was requested; None where nothing was."""
    think_compliance: float | None = None
    effort: str = ""
    """The level, where there is one."""

    @property
    def asked(self) -> int:
        """The reasoning budget as it was asked for and is stored: tokens, or the number of a level."""
        return EFFORTS.index(self.effort) + 1 if self.effort else self.think


@dataclass(frozen=True, slots=True)
class RunHead:
    """What a table of runs shows; `Store.run` has the rest."""

    id: str
    sweep: str
    question_id: str
    question: str
    hops: int | None
    operations: int | None
    strategy: str
    model: str
    index: str
    search: int
    think: int
    seed: int
    answer: str
    stopped_by: str
    cut_off: bool
    search_used: int
    think_used: int
    tokens: int
    seconds: float
    cost: float | None
    em: float | None
    f1: float | None
    contains: float | None
    evidence_recall: float | None
    judge: float | None
    citation_support: float | None
    think_mode: ThinkMode = "cap"
    well_formed: float | None = None
    """Share of the model's texts that had the form the protocol asks for; None where that was not recorded."""


@dataclass(frozen=True, slots=True)
class SweepRow:
    """What a sweep holds so far."""

    name: str
    trajectories: int
    runs: int
    questions: int
    failures: int
    paid_tokens: int
    charged_tokens: int


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that has runs."""

    id: str
    text: str
    hops: int | None
    operations: int | None
    runs: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Which runs to look at; None means all. The sums behind surfaces know no single runs and questions."""

    sweeps: tuple[str, ...] | None = None
    strategies: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    indexes: tuple[str, ...] | None = None
    hops: tuple[int, ...] | None = None
    operations: tuple[int, ...] | None = None
    phrasing: tuple[str, ...] | None = None
    search: int | None = None
    think: int | None = None
    config: str | None = None
    questions: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    search_mode: str | None = None
    think_mode: str | None = None

    def where(self) -> tuple[str, list[Any]]:
        """A condition with bound parameters."""
        columns: dict[str, Iterable[Any] | None] = {
            "sweep": self.sweeps,
            "strategy": self.strategies,
            "model": self.models,
            "index_name": self.indexes,
            "hops": self.hops,
            "operations": self.operations,
            "phrasing": self.phrasing,
            "search": None if self.search is None else (self.search,),
            "think": None if self.think is None else (self.think,),
            "config": None if self.config is None else (self.config,),
            "question_id": self.questions,
            "id": self.ids,
            "search_mode": None if self.search_mode is None else (self.search_mode,),
            "think_mode": None if self.think_mode is None else (self.think_mode,),
        }
        asked = {k: list(v) for k, v in columns.items() if v is not None}
        text = " AND ".join(f"list_contains(?, {k})" for k in asked)
        return text or "true", list(asked.values())


ALL = Slice()


class Store:
    """The history; close it, or use it in a `with`."""

    def __init__(
        self,
        home: Home,
        db: duckdb.DuckDBPyConnection,
        owner: Ownership | None,
        only: Sequence[str] | None,
    ) -> None:
        self.home, self._db, self._owner, self._only = home, db, owner, only
        self._writing = threading.Lock()
        """Held during an ingest and on closing: two ingests at once would read the same lines."""

    @classmethod
    def open(cls, home: Home, wait_s: float = 2.0) -> Self:
        """Own the database file; a damaged one is made again from the journals.

        Raises StoreHeld, with who holds it, when it is not free within `wait_s` seconds, and StoreError.
        """
        owner = own(home, wait_s)
        try:
            return cls(home, _opened(home.database), owner, None)
        except BaseException:
            owner.release()
            raise

    @classmethod
    def scratch(cls, home: Home, sweeps: Sequence[str] | None = None) -> Self:
        """A store in memory with all sweeps, or those named."""
        db = duckdb.connect(":memory:")
        migrate(db)
        store = cls(home, db, None, sweeps)
        store.ingest()
        return store

    def ingest(self) -> Ingested:
        """Take in what the journals have that this store has not."""
        with self._writing, self._db.cursor() as db:
            return ingest(db, self.home, self._only)

    def version(self) -> str:
        """Changes whenever something was taken in; a key for caches."""
        row = self._one(
            "SELECT count(*), coalesce(sum(upto), 0), (SELECT count(*) FROM stale) FROM ingested"
        )
        return "-".join(map(str, row))

    # ------------------------------------------------------------------------------------ surfaces

    def cells(
        self, where: Slice = ALL, metric: str = "em", by: Sequence[str] = ()
    ) -> list[CellRow]:
        """Cells with clustered intervals, from sums alone; raises UnknownName for a metric or stratum."""
        if metric not in METRICS:
            raise UnknownName("metric", metric, METRICS)
        for name in by:
            if name not in STRATA:
                raise UnknownName("stratum", name, STRATA)
        keys = ", ".join([_KEYS, *by])
        text, values = where.where()
        rows = self._all(
            f"""
            SELECT {keys}, (SELECT any_value(content) FROM configs c WHERE c.config = s.config),
                   sum(questions), sum(n), sum(y), sum(yy), sum(ny), sum(nn), sum(cut_off),
                   sum(search_used), sum(think_used), sum(tokens), sum(seconds),
                   CASE WHEN count(cost) = count(*) THEN sum(cost) END,
                   CASE WHEN count(turns) = count(*) THEN sum(turns) END,
                   CASE WHEN count(well_formed) = count(*) THEN sum(well_formed) END
            FROM summary s WHERE metric = ? AND {text} GROUP BY {keys} ORDER BY {keys}
            """,
            [metric, *values],
        )
        return _placed([_cell(row, len(by)) for row in rows])

    # ------------------------------------------------------------------------------------ heads

    def runs(self, where: Slice = ALL, limit: int = 500, offset: int = 0) -> list[RunHead]:
        """Heads of runs, by question and then cell; at most `limit`."""
        text, values = where.where()
        rows = self._all(
            f"""
            SELECT id, sweep, question_id, question, hops, operations, strategy, model, index_name,
                   search, think, seed, answer, stopped_by, cut_off, search_used, think_used,
                   input_tokens + completion_tokens, seconds, cost, em, f1, contains, evidence_recall, judge,
                   citation_support,
                   think_mode, CASE WHEN turns > 0 THEN well_formed / turns END
            FROM runs WHERE {text} ORDER BY question_id, strategy, model, search, think, seed, id
            LIMIT ? OFFSET ?
            """,
            [*values, limit, offset],
        )
        return [RunHead(*row) for row in rows]

    def asked(self, where: Slice = ALL) -> list[Asked]:
        """The questions that have runs, the easier first."""
        text, values = where.where()
        rows = self._all(
            f"""
            SELECT question_id, any_value(question), any_value(hops), any_value(operations), count(*)
            FROM runs WHERE {text} GROUP BY question_id ORDER BY 3 NULLS LAST, 4 NULLS LAST, 1
            """,
            values,
        )
        return [Asked(*row) for row in rows]

    def sweeps(self) -> list[SweepRow]:
        """All sweeps with runs, `live` among them."""
        rows = self._all(
            """
            SELECT sweep, t.n, coalesce(r.n, 0), coalesce(r.questions, 0), coalesce(f.n, 0),
                   t.paid, coalesce(r.charged, 0)
            FROM (SELECT sweep, count(*) AS n, sum(paid_input + paid_completion) AS paid
                  FROM trajectories GROUP BY sweep) t
            LEFT JOIN (SELECT sweep, count(*) AS n, count(DISTINCT question_id) AS questions,
                       sum(input_tokens + completion_tokens) AS charged
                       FROM runs GROUP BY sweep) r USING (sweep)
            LEFT JOIN (SELECT sweep, count(*) AS n FROM failures GROUP BY sweep) f USING (sweep)
            ORDER BY sweep
            """,
            [],
        )
        return [SweepRow(name, *map(int, counts)) for name, *counts in rows]

    def plan(self, sweep: str) -> dict[str, Any] | None:
        """What the sweep was planned to be, as its journal has it; None where that was not recorded."""
        rows = self._all("SELECT plan FROM sweeps WHERE sweep = ?", [sweep])
        body = json.loads(rows[0][0]) if rows else None
        return body if isinstance(body, dict) else None

    def troubles(self) -> list[str]:
        """What was not taken in as a run and should have been, a line each."""
        rows = self._all(
            """
            SELECT file, start, id || ' came again with other content; the first is kept'
            FROM conflicts
            UNION ALL SELECT file, start, id || ' was not taken in: ' || reason FROM unreadable
            ORDER BY ALL
            """,
            [],
        )
        return [f"{file} at byte {start}: {what}" for file, start, what in rows]

    # ------------------------------------------------------------------------------------ bodies

    def run(self, run_id: str) -> Run:
        """A run with its steps; raises UnknownName, or Damaged when the journal no longer has it."""
        row = self._all("SELECT trajectory_id FROM runs WHERE id = ?", [run_id])
        if not row:
            raise UnknownName(
                "run", run_id, (), "take its sweep in first: budgetscape store ingest"
            )
        run = run_from(self.line(row[0][0]).body, run_id)
        if run is not None:
            return run
        raise Damaged(f"the journal no longer holds run {run_id}; see budgetscape store check")

    def trajectory(self, trajectory_id: str) -> Trajectory:
        return from_body(self.line(trajectory_id).body)

    def places(self, where: Slice) -> list[tuple[str, str, str]]:
        """Question, trajectory and id of runs, in that order: where to find the bodies of many."""
        text, values = where.where()
        rows = self._all(
            f"SELECT question_id, trajectory_id, id FROM runs WHERE {text} ORDER BY ALL", values
        )
        return [(question, trajectory, run) for question, trajectory, run in rows]

    def line(self, trajectory_id: str) -> Line:
        """The journal line of a trajectory, checked against its hash."""
        rows = self._all("SELECT file, start, size FROM trajectories WHERE id = ?", [trajectory_id])
        if not rows:
            raise UnknownName("trajectory", trajectory_id, ())
        file, start, size = rows[0]
        line = read_at(self.home.journals / file, start, size)
        if not isinstance(line, Line) or line.id != trajectory_id:
            raise Damaged(
                f"journal {file} no longer holds {trajectory_id}; see budgetscape store check"
            )
        return line

    def trajectory_ids(self, sweep: str) -> list[str]:
        rows = self._all("SELECT id FROM trajectories WHERE sweep = ? ORDER BY id", [sweep])
        return [row[0] for row in rows]

    # ------------------------------------------------------------------------------------ plumbing

    def frame(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """A query of ours as a DataFrame; never built from text that came from outside."""
        with self._db.cursor() as db:
            return db.execute(sql, list(values)).df()

    def close(self) -> None:
        with self._writing:
            self._db.close()
        if self._owner is not None:
            self._owner.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _all(self, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        with self._db.cursor() as db:
            return db.execute(sql, list(values)).fetchall()

    def _one(self, sql: str) -> tuple[Any, ...]:
        return self._all(sql, [])[0]


def _opened(path: Path) -> duckdb.DuckDBPyConnection:
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


def _cell(row: tuple[Any, ...], strata: int) -> CellRow:
    keys, by, (content, *sums) = row[:9], row[9 : 9 + strata], row[9 + strata :]
    questions, n, y, yy, ny, nn, cut_off, searched, thought, tokens, seconds, cost, *formed = sums
    found = interval(Sums(int(questions), int(n), y, yy, ny, nn))
    assert found is not None
    sweep, strategy, model, index, config, search, think, search_mode, think_mode = keys
    return CellRow(
        sweep=sweep,
        strategy=strategy,
        model=model,
        index=index,
        config=config,
        knobs=json.loads(content)["knobs"],
        search=search,
        think=think,
        search_mode=search_mode,
        think_mode=think_mode,
        by=tuple(by),
        n=int(n),
        questions=int(questions),
        mean=found.mean,
        low=found.low,
        high=found.high,
        cut_off=float(cut_off) / n,
        search_used=searched / n,
        think_used=thought / n,
        tokens=float(tokens) / n,
        seconds=seconds / n,
        cost=None if cost is None else cost / n,
        well_formed=_share(*formed),
        search_compliance=searched / n / search if search else None,
        think_compliance=thought / n / think if think else None,
    )


def _placed(cells: list[CellRow]) -> list[CellRow]:
    """Cells of effort levels at the tokens that the levels used; the others as they are."""
    found = places(
        Used(_surface(c), c.think, c.n, c.think_used * c.n)
        for c in cells
        if c.think_mode == "effort"
    )
    if not found:
        return cells
    return [
        replace(
            c,
            think=found[_surface(c), c.think],
            effort=effort_of(c.think, c.think_mode),
            think_compliance=None,
        )
        if c.think_mode == "effort"
        else c
        for c in cells
    ]


def _surface(cell: CellRow) -> tuple[str, ...]:
    return (cell.sweep, cell.strategy, cell.model, cell.index, cell.config, cell.search_mode)


def _share(turns: int | None, well_formed: int | None) -> float | None:
    return None if not turns or well_formed is None else float(well_formed) / float(turns)
