"""A database of any earlier step is brought up to date; one that is not ours is made again."""

import duckdb
import pytest

from engine.errors import Damaged, StoreError, StoreHeld
from store import database, migrations
from store.history import Store
from store.migrations import MIGRATIONS, migrate
from store.ownership import holder, own
from tests.store_fakes import CELLS, trajectory, write


def layout(db):
    return db.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns ORDER BY ALL"
    ).fetchall()


@pytest.fixture
def db():
    with duckdb.connect(":memory:") as db:
        yield db


@pytest.mark.parametrize("done", range(len(MIGRATIONS) + 1))
def test_from_any_step_the_tables_end_the_same(db, monkeypatch, done):
    with duckdb.connect(":memory:") as fresh:
        migrate(fresh)
        wanted = layout(fresh)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", MIGRATIONS[:done])
        assert migrate(db) == done
    assert migrate(db) == len(MIGRATIONS)
    assert layout(db) == wanted
    assert migrate(db) == len(MIGRATIONS)


def test_a_step_that_fails_leaves_nothing_of_itself(db, monkeypatch):
    def half(db):
        db.execute("CREATE TABLE half (a INTEGER)")
        raise RuntimeError("the power is gone")

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", [*MIGRATIONS, half])
        with pytest.raises(RuntimeError):
            migrate(db)
    assert "half" not in {row[0] for row in layout(db)}
    assert migrate(db) == len(MIGRATIONS)


def test_a_database_of_a_newer_version_is_refused_with_what_to_do(db, monkeypatch):
    def later(db):
        db.execute("CREATE TABLE later (a INTEGER)")

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", [*MIGRATIONS, later])
        migrate(db)
    with pytest.raises(StoreError, match="update the program, or delete the database"):
        migrate(db)


def test_a_database_of_other_steps_is_called_damaged(db):
    migrate(db)
    db.execute("UPDATE migrations SET name = 'm002_other' WHERE number = 2")
    with pytest.raises(Damaged):
        migrate(db)


@pytest.mark.parametrize("harm", ["garbage", "other steps"])
def test_a_damaged_file_is_set_aside_and_made_again_from_the_journals(home, harm):
    write(home, [trajectory(0)])
    with Store.open(home) as store:
        store.ingest()
    if harm == "garbage":
        home.database.write_bytes(b"no database at all" * 1000)
    else:
        with duckdb.connect(str(home.database)) as db:
            db.execute("UPDATE migrations SET name = 'm001_other' WHERE number = 1")
    with Store.open(home) as store:
        assert store.ingest().runs == len(CELLS)
    assert home.database.with_name(home.database.name + ".damaged").exists()


def test_a_second_owner_is_told_who_holds_the_store(home):
    with Store.open(home), pytest.raises(StoreHeld, match=r"process \d+ \(.*\) since 2"):
        Store.open(home)
    with Store.open(home):
        pass


def test_waiting_for_the_store_ends_when_it_is_released(home):
    first = own(home)
    import threading

    later = threading.Timer(0.2, first.release)
    later.start()
    own(home, wait_s=120).release()
    later.join()
    assert holder(home) == "another process"


def test_a_file_that_another_program_holds_is_not_taken_for_damaged(home, monkeypatch):
    def held(path):
        raise duckdb.IOException(
            'IO Error: Could not set lock on file "x": Conflicting lock is held'
        )

    monkeypatch.setattr(database.duckdb, "connect", held)
    with pytest.raises(StoreHeld, match="open in another program"):
        Store.open(home)
    monkeypatch.undo()
    assert not home.database.with_name(home.database.name + ".damaged").exists()


def test_a_step_that_needs_more_of_the_journals_has_them_read_again(home, monkeypatch):
    write(home, [trajectory(0)])
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", MIGRATIONS[:5])
        with duckdb.connect(str(home.database)) as db:
            migrate(db)
            db.execute("INSERT INTO ingested VALUES ('grid/gone.jsonl', 'grid', 9)")
    with Store.open(home) as store:
        store.ingest()
        assert {c.passages for c in store.cells()} == {0, 1, 2}
