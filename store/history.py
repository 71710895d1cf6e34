"""The history of runs: surfaces from sums, heads from tables, bodies from the journals when asked for.

`Store.open` owns the database file; `Store.scratch` builds one in memory from the same journals, for a process that
only reads while another owns the file. Every call uses a cursor of its own, so a store may be shared between threads.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Self

import duckdb

from engine.errors import Damaged, UnknownName
from engine.sweeps.record import from_body, run_from
from engine.sweeps.trajectory import Trajectory
from engine.types import Run
from store import database, surfaces
from store.home import Home
from store.ingest import Ingested, ingest
from store.journal import Line, read_at
from store.migrations import migrate
from store.ownership import Ownership, own
from store.values import ALL, Asked, CellRow, RunHead, Slice, SweepRow

__all__ = ["ALL", "Asked", "CellRow", "RunHead", "Slice", "Store", "SweepRow"]


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
        self._known, self._version, self._ingests = threading.Lock(), "", 0
        """Only an ingest changes what is stored, and every page asks for the version several times."""

    @classmethod
    def open(cls, home: Home, wait_s: float = 2.0) -> Self:
        """Own the database file; a damaged one is made again from the journals.

        Raises StoreHeld, with who holds it, when it is not free within `wait_s` seconds, and StoreError.
        """
        owner = own(home, wait_s)
        try:
            return cls(home, database.opened(home.database), owner, None)
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
        try:
            with self._writing, self._db.cursor() as db:
                return ingest(db, self.home, self._only)
        finally:
            with self._known:
                self._version, self._ingests = "", self._ingests + 1

    def version(self) -> str:
        """Changes whenever something was taken in; a key for caches."""
        with self._known:
            held, asked = self._version, self._ingests
        if held:
            return held
        row = self._one(
            "SELECT count(*), coalesce(sum(upto), 0), (SELECT count(*) FROM stale) FROM ingested"
        )
        found = "-".join(map(str, row))
        with self._known:
            if asked == self._ingests:
                self._version = found
        return found

    # ------------------------------------------------------------------------------------ surfaces

    def cells(
        self, where: Slice = ALL, metric: str = "em", by: Sequence[str] = ()
    ) -> list[CellRow]:
        """Cells with clustered intervals, from sums alone; raises UnknownName for a metric or stratum."""
        with self._db.cursor() as db:
            return surfaces.cells(db, where, metric, by)

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

    def players(self) -> list[tuple[str, str]]:
        """Every strategy and model that has runs with a score of any kind."""
        return [
            (strategy, model)
            for strategy, model in self._all(
                "SELECT DISTINCT strategy, model FROM summary ORDER BY ALL", []
            )
        ]

    def models(self) -> dict[str, frozenset[str]]:
        """The models of each sweep that have runs with a score of any kind; sweeps without any are missing."""
        found: dict[str, set[str]] = defaultdict(set)
        for sweep, model in self._all("SELECT DISTINCT sweep, model FROM summary", []):
            found[sweep].add(model)
        return {sweep: frozenset(models) for sweep, models in found.items()}

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
