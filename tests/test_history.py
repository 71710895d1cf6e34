"""Reads of the history: from several threads, beside an owner, with steps on demand."""

import subprocess
import sys
import threading
import time

import pytest

from engine.errors import Damaged, StoreError, UnknownName
from engine.types import Budget
from store.history import Slice, Store
from store.home import CHECKOUT, Home
from store.journal import journal_files
from tests.store_fakes import CELLS, trajectory, write


def filled(home):
    write(home, [trajectory(n, strategy=s) for n in range(6) for s in ("corag", "iterative")])
    write(home, [trajectory(0, "live")], "live")
    store = Store.open(home)
    store.ingest()
    return store


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A store that is only read: a sweep `grid` of six questions and one live run."""
    with filled(Home(tmp_path_factory.mktemp("kept"))) as store:
        yield store


@pytest.fixture
def store(home):
    """The same, to be changed."""
    with filled(home) as store:
        yield store


def test_a_run_comes_back_with_all_its_steps(kept):
    wanted = trajectory(3).runs[-1]
    assert kept.run(wanted.id) == wanted


def test_a_trajectory_comes_back_with_what_its_runs_share(kept):
    assert kept.trajectory(trajectory(3).id) == trajectory(3)


@pytest.mark.parametrize("ask", [Store.run, Store.trajectory])
def test_an_unknown_id_is_said_to_be_unknown(kept, ask):
    with pytest.raises(UnknownName, match="not known"):
        ask(kept, "r' OR true --")


def test_heads_can_be_sliced_and_paged(kept):
    where = Slice(sweeps=("grid",), strategies=("corag",), search=2, think=32)
    heads = kept.runs(where)
    assert [h.question_id for h in heads] == [f"q{n}" for n in range(6)]
    assert kept.runs(where, limit=2, offset=2) == heads[2:4]
    assert {h.tokens for h in heads} == {120}
    assert {h.hops for h in kept.runs(Slice(hops=(1,)))} == {1}


def test_runs_can_be_asked_for_by_question_and_by_id(kept):
    heads = kept.runs(Slice(sweeps=("grid",), questions=("q2", "none")))
    assert {h.question_id for h in heads} == {"q2"} and len({h.strategy for h in heads}) == 2
    wanted = (heads[0].id, heads[-1].id)
    assert {h.id for h in kept.runs(Slice(ids=wanted))} == set(wanted)
    assert kept.runs(Slice(ids=())) == []


def test_questions_are_listed_with_their_runs_the_easier_first(kept):
    asked = kept.asked(Slice(sweeps=("grid",)))
    assert {q.id for q in asked} == {f"q{n}" for n in range(6)}
    assert [(q.hops, q.operations) for q in asked] == sorted((q.hops, q.operations) for q in asked)
    assert all(q.runs == len(kept.runs(Slice(sweeps=("grid",), questions=(q.id,)))) for q in asked)


def test_sweeps_are_listed_with_what_they_hold(kept):
    grid, live = kept.sweeps()
    assert (grid.name, grid.trajectories, grid.runs, grid.questions) == (
        "grid",
        12,
        12 * len(CELLS),
        6,
    )
    assert (live.name, live.runs, live.failures) == ("live", len(CELLS), 0)


def test_the_version_changes_with_what_is_stored_and_only_then(store):
    before = store.version()
    store.ingest()
    assert store.version() == before
    write(store.home, [trajectory(7)])
    assert store.version() == before
    store.ingest()
    assert store.version() != before


@pytest.mark.parametrize(("metric", "by"), [("accuracy", ()), ("em", ("1; DROP TABLE runs",))])
def test_what_cannot_be_asked_is_refused_by_name(kept, metric, by):
    with pytest.raises(UnknownName, match="not known"):
        kept.cells(metric=metric, by=by)


def test_a_journal_that_is_gone_or_changed_is_said_so(store):
    head = store.runs(Slice(sweeps=("live",)))[0]
    (path,) = journal_files(store.home, "live")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"Pirnby", b"Pirnbx"))
    with pytest.raises(Damaged, match="store check"):
        store.run(head.id)
    path.unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        store.run(head.id)


def test_a_scratch_store_beside_the_owner_says_the_same(kept):
    with Store.scratch(kept.home, ["grid"]) as scratch:
        assert scratch.cells() == kept.cells(Slice(sweeps=("grid",)))
        assert scratch.run(trajectory(1).runs[0].id) == trajectory(1).runs[0]
        assert [s.name for s in scratch.sweeps()] == ["grid"]


def test_many_threads_may_read_while_one_takes_in(store):
    wanted, errors = store.cells(Slice(sweeps=("live",))), []

    def reads():
        try:
            for _ in range(15):
                assert store.cells(Slice(sweeps=("live",))) == wanted
                assert len(store.runs(limit=10)) == 10
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=reads) for _ in range(4)]
    for t in threads:
        t.start()
    for n in range(10, 16):
        write(store.home, [trajectory(n)])
        store.ingest()
    for t in threads:
        t.join()
    assert not errors
    assert store.sweeps()[0].trajectories == 18


READER = """
import sys
from pathlib import Path
from store.history import Store
from store.home import Home
with Store.scratch(Home(Path(sys.argv[1])), ["grid"]) as store:
    print(sum(c.n for c in store.cells()), flush=True)
"""


def test_other_processes_read_while_one_owns_and_one_sweeps(store):
    """Two readers start while new lines arrive; each sees a whole number of trajectories."""
    command = [sys.executable, "-c", READER, str(store.home.root)]
    readers = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) for _ in range(2)
    ]
    for n in range(20, 30):
        write(store.home, [trajectory(n)])
        store.ingest()
        time.sleep(0.02)
    seen = [int(r.communicate(timeout=240)[0]) for r in readers]
    assert all(n % len(CELLS) == 0 and 12 * len(CELLS) <= n <= 22 * len(CELLS) for n in seen)
    assert sum(c.n for c in store.cells(Slice(sweeps=("grid",)))) == 22 * len(CELLS)


def test_an_empty_home_has_an_empty_history(home):
    with Store.open(home) as store:
        assert (store.cells(), store.runs(), store.sweeps(), store.ingest().runs) == ([], [], [], 0)


def test_a_home_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "home").write_text("a file in the way")
    with pytest.raises(StoreError, match="cannot write") as caught:
        Store.open(Home(tmp_path / "home"))
    assert "\n" not in str(caught.value)


def test_cells_show_how_much_of_each_budget_was_used_and_modes_are_never_mixed(home):
    modes = ("cap", "force")
    cells = [Budget(s, t, m, m) for m in modes for s, t in ((0, 0), (2, 32))]
    write(home, [trajectory(n, cells=cells) for n in range(3)])
    with Store.scratch(home) as store:
        rows = {(c.search, c.search_mode): c for c in store.cells()}
        assert len(rows) == 4
        spent = rows[2, "force"]
        assert (spent.search_compliance, spent.think_compliance) == (1.0, 8 / 32)
        nothing = rows[0, "cap"]
        assert (nothing.search_compliance, nothing.think_compliance) == (None, None)
        forced = store.runs(Slice(search=2, search_mode="force", think_mode="force"))
        assert len(forced) == 3 and len(store.runs(Slice(search=2))) == 6
