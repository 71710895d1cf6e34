"""The tables, as numbered steps; each step and its record are one transaction.

A new step goes at the end. All tables are derived from journals, so a step may also empty them to have everything read
again, and a file that other steps made is no loss: its owner sets it aside.
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from engine.errors import Damaged, StoreError

Migration = Callable[[duckdb.DuckDBPyConnection], object]
MIGRATIONS: list[Migration] = []
migration = MIGRATIONS.append


@migration
def m001_runs(db: duckdb.DuckDBPyConnection) -> None:
    """Heads of runs; bodies stay in the journal, found by file and offset.

    No keys: ingest takes no id twice, and an index over ten million ids costs more than it gives.
    """
    db.execute("""
        CREATE TABLE ingested (file VARCHAR, sweep VARCHAR, upto BIGINT);
        CREATE TABLE sweeps (sweep VARCHAR, name VARCHAR, hash VARCHAR, plan VARCHAR, sha VARCHAR);
        CREATE TABLE configs (config VARCHAR, content VARCHAR);
        CREATE TABLE trajectories (
            id VARCHAR, sha VARCHAR, sweep VARCHAR, question_id VARCHAR, config VARCHAR,
            seed BIGINT, file VARCHAR, start BIGINT, size BIGINT, paid_input BIGINT,
            paid_cached BIGINT, paid_completion BIGINT, paid_queries BIGINT, paid_calls BIGINT,
            paid_cost DOUBLE
        );
        CREATE TABLE runs (
            id VARCHAR, trajectory_id VARCHAR, leaf INTEGER, sweep VARCHAR,
            question_id VARCHAR, question VARCHAR, hops INTEGER, operations INTEGER, tags VARCHAR[],
            phrasing VARCHAR, strategy VARCHAR, model VARCHAR, index_name VARCHAR, config VARCHAR,
            seed BIGINT, search INTEGER, think INTEGER, search_mode VARCHAR, think_mode VARCHAR,
            search_used INTEGER, think_used INTEGER, answer VARCHAR, stopped_by VARCHAR,
            cut_off BOOLEAN, thinking_tokens BIGINT, query_tokens BIGINT, answer_tokens BIGINT,
            input_tokens BIGINT, cached_input_tokens BIGINT, completion_tokens BIGINT,
            reasoning_tokens BIGINT, queries BIGINT, calls BIGINT, rounds BIGINT,
            seconds DOUBLE, cost DOUBLE, em DOUBLE, f1 DOUBLE, contains DOUBLE, "numeric" DOUBLE,
            evidence_recall DOUBLE
        );
    """)


@migration
def m002_troubles(db: duckdb.DuckDBPyConnection) -> None:
    """What was asked for and is not a run: failed cells, other content under a known id, bodies of another shape."""
    db.execute("""
        CREATE TABLE failures (
            trajectory_id VARCHAR, sweep VARCHAR, question_id VARCHAR, strategy VARCHAR,
            model VARCHAR, search INTEGER, think INTEGER, search_mode VARCHAR, think_mode VARCHAR,
            error VARCHAR
        );
        CREATE TABLE conflicts (
            sweep VARCHAR, kind VARCHAR, id VARCHAR, kept VARCHAR, refused VARCHAR, file VARCHAR,
            start BIGINT
        );
        CREATE TABLE unreadable (
            sweep VARCHAR, id VARCHAR, reason VARCHAR, file VARCHAR, start BIGINT
        );
    """)


@migration
def m003_summary(db: duckdb.DuckDBPyConnection) -> None:
    """Additive sums for each cell and stratum (see summary.py), and the configurations to be summed again."""
    db.execute("""
        CREATE TABLE summary (
            sweep VARCHAR, strategy VARCHAR, model VARCHAR, index_name VARCHAR, config VARCHAR,
            search INTEGER, think INTEGER, search_mode VARCHAR, think_mode VARCHAR,
            hops INTEGER, operations INTEGER, phrasing VARCHAR, metric VARCHAR,
            questions BIGINT, n BIGINT, y DOUBLE, yy DOUBLE, ny DOUBLE, nn DOUBLE,
            cut_off BIGINT, search_used DOUBLE, think_used DOUBLE, tokens DOUBLE, seconds DOUBLE,
            cost DOUBLE
        );
        CREATE TABLE stale (sweep VARCHAR, config VARCHAR);
    """)


@migration
def m004_well_formed(db: duckdb.DuckDBPyConnection) -> None:
    """How many texts of the model the protocol parsed, and how many were well-formed; unknown for earlier runs."""
    for table in ("runs", "summary"):
        for column in ("turns", "well_formed"):
            db.execute(f"ALTER TABLE {table} ADD COLUMN {column} BIGINT")


@migration
def m005_judgements(db: duckdb.DuckDBPyConnection) -> None:
    """What judges made of runs, with its cost (see judgements.py), and the scores of one judge beside each run."""
    db.execute("""
        CREATE TABLE judgements (
            id VARCHAR, sha VARCHAR, sweep VARCHAR, run_id VARCHAR, "by" VARCHAR, model VARCHAR,
            judge DOUBLE, citation_support DOUBLE, reason VARCHAR, cited BIGINT, decided BIGINT,
            input_tokens BIGINT, completion_tokens BIGINT, calls BIGINT, seconds DOUBLE, cost DOUBLE
        );
        ALTER TABLE runs ADD COLUMN judge DOUBLE;
        ALTER TABLE runs ADD COLUMN citation_support DOUBLE;
    """)


@migration
def m006_passages(db: duckdb.DuckDBPyConnection) -> None:
    """Passages shown to each run, and sums of rounds, passages and generated tokens; all journals are read again."""
    db.execute("ALTER TABLE runs ADD COLUMN passages BIGINT")
    for column in ("rounds", "passages", "generated"):
        db.execute(f"ALTER TABLE summary ADD COLUMN {column} DOUBLE")
    for table in (
        *("ingested", "sweeps", "configs", "trajectories", "runs", "failures"),
        *("conflicts", "unreadable", "summary", "stale", "judgements"),
    ):
        db.execute(f"DELETE FROM {table}")


def migrate(db: duckdb.DuckDBPyConnection) -> int:
    """Apply what is missing; returns the version.

    StoreError when a newer version wrote the file, Damaged when other steps than these did.
    """
    db.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER, name VARCHAR)")
    names = [step.__name__ for step in MIGRATIONS]
    done = [name for _, name in db.execute("FROM migrations ORDER BY number").fetchall()]
    if len(done) > len(names) and done[: len(names)] == names:
        raise StoreError(
            f"the database has version {len(done)}, this program knows {len(names)}: "
            "update the program, or delete the database (it is made again from the journals)"
        )
    if done != names[: len(done)]:
        raise Damaged("the database was made by other steps than these")
    for number, step in enumerate(MIGRATIONS[len(done) :], len(done) + 1):
        db.begin()
        try:
            step(db)
            db.execute("INSERT INTO migrations VALUES (?, ?)", [number, step.__name__])
            db.commit()
        except BaseException:
            db.rollback()
            raise
    return len(MIGRATIONS)
