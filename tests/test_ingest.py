"""Journals become tables once, whatever stands in them and whenever that is cut off."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import duckdb
import pytest

from engine.identity import canonical_json
from engine.sweeps.record import to_body
from engine.types import Budget
from store import ingest as module
from store.history import Slice, Store
from store.home import CHECKOUT
from store.ingest import ingest
from store.journal import Journal, journal_files, line_bytes
from store.migrations import migrate
from store.summary import METRICS
from tests.store_fakes import CELLS, trajectory, write


@pytest.fixture
def db():
    with duckdb.connect(":memory:") as db:
        migrate(db)
        yield db


def count(db, table):
    return db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def table(db, name, leave_out=""):
    kept = f"EXCLUDE ({leave_out})" if leave_out else ""
    return sorted(db.execute(f"SELECT * {kept} FROM {name}").fetchall(), key=repr)


def same_tables(one, other, places=False):
    """Whether two databases hold the same; places in files only where asked."""
    for name, place in (
        ("runs", ""),
        ("summary", ""),
        ("trajectories", "" if places else "file, start"),
    ):
        assert table(one, name, place) == table(other, name, place)


def test_every_run_of_a_trajectory_is_taken_in_once(home, db):
    write(home, [trajectory(n) for n in range(5)], plan={"name": "grid"})
    taken = ingest(db, home)
    assert (taken.trajectories, taken.runs, taken.torn) == (5, 5 * len(CELLS), 0)
    assert (count(db, "runs"), count(db, "sweeps")) == (5 * len(CELLS), 1)
    again = ingest(db, home)
    assert (again.trajectories, again.runs, count(db, "runs")) == (0, 0, 5 * len(CELLS))


def test_a_row_says_what_the_run_says(home, db):
    made = trajectory(4, cells=(Budget(2, 32),))
    write(home, [made])
    ingest(db, home)
    (run,) = made.runs
    row = db.execute("SELECT * FROM runs").df().iloc[0]
    assert (row.id, row.trajectory_id, row.sweep) == (run.id, made.id, "grid")
    assert (row.search, row.think, row.search_used, row.think_used) == (2, 32, 2, 8)
    assert (row.thinking_tokens, row.query_tokens, row.answer_tokens) == (8, 10, 2)
    assert row.completion_tokens == 20 and row.input_tokens == 100 and row.rounds == 2
    assert (row.answer, row.stopped_by, row.seconds, row.cost) == (
        run.trace.answer,
        "answer",
        1.5,
        0.5,
    )
    assert (row.hops, row.operations, row.phrasing) == (1, 0, "trained-phrasing")
    assert list(row.tags) == ["trained-phrasing"]
    assert (row.em, row.f1) == (run.scores.em, run.scores.f1)
    assert db.execute('SELECT count(*) FROM runs WHERE "numeric" IS NULL').fetchone()[0] == 1


def test_the_unfinished_end_of_a_file_is_taken_in_when_it_is_finished(home, db):
    path = write(home, [trajectory(n) for n in range(3)])
    data = path.read_bytes()
    path.write_bytes(data[:-10])
    assert ingest(db, home).trajectories == 2
    assert ingest(db, home).trajectories == 0
    path.write_bytes(data)
    assert ingest(db, home).trajectories == 1
    assert count(db, "runs") == 3 * len(CELLS)


def test_damage_between_lines_costs_the_damaged_line_only(home, db):
    path = write(home, [trajectory(n) for n in range(3)])
    rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(rows[0] + rows[1][:200] + b"\n" + rows[2])
    taken = ingest(db, home)
    assert (taken.trajectories, taken.torn) == (2, 1)


def test_the_same_trajectory_in_two_files_counts_once(home, db):
    write(home, [trajectory(0), trajectory(0), trajectory(1)])
    write(home, [trajectory(1), trajectory(0)])
    taken = ingest(db, home)
    assert (taken.trajectories, taken.conflicts) == (2, 0)


def test_other_content_under_a_known_id_is_kept_as_a_conflict_and_the_first_wins(home, db):
    first = trajectory(0, text="first")
    write(home, [first])
    write(home, [trajectory(0, text="second")])
    ingest(db, home)
    write(home, [trajectory(0, text="third")])
    assert ingest(db, home).conflicts == 1
    assert count(db, "conflicts") == 2 and count(db, "trajectories") == 1
    kept = {row[0] for row in db.execute("SELECT kept FROM conflicts").fetchall()}
    assert kept == {db.execute("SELECT sha FROM trajectories").fetchone()[0]}


def test_a_failed_trajectory_gives_failures_and_no_runs_until_it_succeeds(home, db):
    broken = trajectory(0, failed=(Budget(2, 32),))
    write(home, [broken], kind="failed")
    write(home, [broken], kind="failed")
    ingest(db, home)
    assert (count(db, "runs"), count(db, "failures")) == (0, 1)
    write(home, [trajectory(0)])
    write(home, [broken], kind="failed")
    ingest(db, home)
    assert (count(db, "runs"), count(db, "failures")) == (len(CELLS), 0)


HARMFUL = {
    "no runs": lambda b: b.pop("runs"),
    "a number beyond 64 bits": lambda b: b["runs"][0]["usage"].update(input_tokens=10**30),
    "a negative count": lambda b: b["runs"][0]["tokens"].update(thinking=-1),
    "a text for a number": lambda b: b["runs"][0].update(seconds="soon"),
    "a score of 7": lambda b: b["runs"][0]["scores"].update(em=7),
    "an unknown mode": lambda b: b["runs"][0]["budget"].update(search_mode="'; DROP TABLE runs"),
    "another sweep": lambda b: b.update(sweep="other"),
    "another id": lambda b: b.update(id="t0"),
    "one run twice": lambda b: b["runs"].append(b["runs"][0]),
}


@pytest.mark.parametrize("what", HARMFUL)
def test_a_body_of_another_shape_is_listed_and_stops_nothing(home, db, what):
    body = to_body(trajectory(0))
    HARMFUL[what](body)
    with Journal.open(home, "grid") as journal:
        journal.append("trajectory", trajectory(0).id, body)
    write(home, [trajectory(1)])
    taken = ingest(db, home)
    assert (taken.trajectories, taken.unreadable) == (1, 1)
    assert db.execute("SELECT reason FROM unreadable").fetchone()[0]


@pytest.mark.parametrize("knob", ["1e999", "[" * 400 + "]" * 400, "[" * 5000 + "]" * 5000])
def test_numbers_without_end_and_bodies_without_bottom_stop_nothing(home, db, knob):
    body = canonical_json(to_body(trajectory(0))).replace('"top_k":3', f'"top_k":{knob}').encode()
    sha = hashlib.sha256(body).hexdigest()[:32]
    head = f'{{"v":1,"kind":"trajectory","id":"{trajectory(0).id}","sha":"{sha}","body":'
    path = write(home, [])
    path.write_bytes(
        head.encode() + body + b"}\n" + line_bytes("sweep", "grid", {"hash": "h", "plan": 1})
    )
    ingest(db, home)
    assert count(db, "sweeps") == 1
    assert db.execute("SELECT sum(cost) FROM runs").fetchone()[0] in (None, 3.0)


def test_text_that_is_no_unicode_is_stored_with_a_mark(home, db):
    made = trajectory(0, cells=(Budget(0, 0),))
    body = to_body(made)
    body["runs"][0]["answer"] = "half \ud83d a pair"
    with Journal.open(home, "grid") as journal:
        journal.append("trajectory", made.id, body)
    ingest(db, home)
    assert db.execute("SELECT answer FROM runs").fetchone() == ("half ? a pair",)


def test_kinds_that_a_later_version_may_write_are_passed_over(home, db):
    with Journal.open(home, "grid") as journal:
        journal.append("remark", "j1", {"anything": 1})
    taken = ingest(db, home)
    assert (taken.trajectories, taken.unreadable, taken.torn) == (0, 0, 0)


def test_a_sweep_whose_file_is_gone_or_shorter_is_taken_in_anew(home, db):
    one = write(home, [trajectory(0), trajectory(1)])
    write(home, [trajectory(2)])
    write(home, [trajectory(0, "other")], "other")
    ingest(db, home)
    one.unlink()
    ingest(db, home)
    assert db.execute("SELECT DISTINCT sweep, question_id FROM runs ORDER BY ALL").fetchall() == [
        ("grid", "q2"),
        ("other", "q0"),
    ]
    (two,) = journal_files(home, "grid")
    two.write_bytes(line_bytes("trajectory", "x", {}))
    ingest(db, home)
    assert [r[0] for r in db.execute("SELECT DISTINCT sweep FROM summary").fetchall()] == ["other"]


def test_small_batches_and_one_at_a_time_come_to_the_same(home, db, monkeypatch):
    with duckdb.connect(":memory:") as whole:
        migrate(whole)
        for part in range(2):
            write(
                home, [trajectory(n, seed=s) for n in range(part * 5, part * 5 + 5) for s in (0, 1)]
            )
            monkeypatch.setattr(module, "BATCH", 3)
            ingest(db, home)
        monkeypatch.setattr(module, "BATCH", 1000)
        ingest(whole, home)
        same_tables(db, whole, places=True)
        assert count(whole, "runs") == 20 * len(CELLS)


def test_killed_between_batches_the_rest_and_the_sums_follow(home, db, monkeypatch):
    write(home, [trajectory(n) for n in range(10)])
    monkeypatch.setattr(module, "BATCH", 4)
    really, calls = module._write, []

    def dies(db, batch):
        calls.append(1)
        really(db, batch)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "_write", dies)
    with pytest.raises(KeyboardInterrupt):
        ingest(db, home)
    assert count(db, "trajectories") == 4
    monkeypatch.setattr(module, "_write", really)
    assert ingest(db, home).trajectories == 6
    assert db.execute("SELECT sum(n) FROM summary WHERE metric = 'em'").fetchone()[0] == 10 * len(
        CELLS
    )
    assert count(db, "stale") == 0


INGESTER = """
import sys
from pathlib import Path
from store import ingest as module
from store.history import Store
from store.home import Home
module.BATCH = 5
with Store.open(Home(Path(sys.argv[1]))) as store:
    print("ready", flush=True)
    store.ingest()
"""


def test_an_owner_that_is_killed_leaves_a_store_that_goes_on(home):
    write(home, [trajectory(n) for n in range(60)])
    for after in (0.0, 0.03):
        child = subprocess.Popen(
            [sys.executable, "-c", INGESTER, str(home.root)], stdout=subprocess.PIPE, cwd=CHECKOUT
        )
        with child:
            child.stdout.readline()
            try:
                child.wait(after)
            except subprocess.TimeoutExpired:
                child.kill()
    with Store.open(home) as store:
        store.ingest()
        assert sum(c.n for c in store.cells()) == 60 * len(CELLS)
        assert store.sweeps()[0].runs == 60 * len(CELLS)


def test_questions_without_gold_have_runs_and_no_cells(home):
    nothing = lambda n, b, seed: None  # noqa: E731
    write(home, [trajectory(0, score=nothing)])
    with Store.scratch(home) as store:
        assert len(store.runs()) == len(CELLS)
        assert all(store.cells(Slice(sweeps=("grid",)), m) == [] for m in METRICS)


def test_knobs_make_another_configuration_and_seeds_do_not(home, db):
    write(home, [trajectory(0), trajectory(0, seed=1), trajectory(0, knobs={"top_k": 5})])
    ingest(db, home)
    assert count(db, "configs") == 2
    assert replace(trajectory(0).config, seed=1) == trajectory(0, seed=1).config
