"""The sums of the summary give, for any slice, what the runs themselves give."""

import random

import pytest

from engine.analysis.cells import Sums, interval
from store.history import Slice, Store
from tests.store_fakes import CELLS, trajectory, write


def coin(n, budget, seed):
    """A score that differs by question, cell and seed; some are not known."""
    dice = random.Random(f"{n} {budget} {seed}")
    return dice.choice([0.0, 0.5, 1.0, 1.0, None])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from store.home import Home

    home = Home(tmp_path_factory.mktemp("home"))
    tags = ("trained-phrasing", "untrained-phrasing")
    made = [
        trajectory(n, strategy=s, seed=seed, score=coin, tag=tags[n % 2])
        for n in range(12)
        for s in ("corag", "iterative")
        for seed in range(n % 3 + 1)
    ]
    write(home, made)
    write(home, [trajectory(n, "other", score=coin) for n in range(5)], "other")
    with Store.scratch(home) as store:
        yield store


def by_hand(runs):
    """The sums from the runs' heads themselves."""
    per_question = {}
    for r in runs:
        if r.em is not None:
            per_question.setdefault(r.question_id, []).append(r.em)
    s, n = [sum(q) for q in per_question.values()], [len(q) for q in per_question.values()]
    pairs = list(zip(s, n, strict=True))
    return Sums(
        len(n),
        sum(n),
        sum(s),
        sum(x * x for x in s),
        sum(x * k for x, k in pairs),
        sum(k * k for k in n),
    )


def test_a_cell_knows_what_its_runs_were_shown_and_generated(store):
    for c in store.cells(Slice(sweeps=("grid",))):
        assert (c.rounds, c.passages) == (c.search, c.search)
        assert c.generated == min(8, c.think) + 5 * c.search + 2


@pytest.mark.parametrize(
    "where",
    [
        Slice(sweeps=("grid",)),
        Slice(sweeps=("other",)),
        Slice(sweeps=("grid",), hops=(0, 2)),
        Slice(sweeps=("grid",), hops=(1,), operations=(1,), strategies=("corag",)),
        Slice(sweeps=("grid",), phrasing=("untrained-phrasing",)),
        Slice(sweeps=("grid",), hops=()),
    ],
)
def test_cells_of_a_slice_are_those_of_its_runs(store, where):
    cells = store.cells(where)
    runs = store.runs(where, limit=10_000)
    assert len(cells) == len({(r.sweep, r.strategy, r.search, r.think) for r in runs})
    for c in cells:
        mine = [
            r for r in runs if (r.strategy, r.search, r.think) == (c.strategy, c.search, c.think)
        ]
        wanted = interval(by_hand(mine))
        assert (c.mean, c.low, c.high) == pytest.approx((wanted.mean, wanted.low, wanted.high))
        scored = [r for r in mine if r.em is not None]
        assert (c.n, c.questions) == (len(scored), len({r.question_id for r in scored}))
        for name in ("cut_off", "search_used", "think_used", "seconds", "cost", "tokens"):
            assert getattr(c, name) == pytest.approx(sum(getattr(r, name) for r in scored) / c.n)


@pytest.mark.parametrize("by", [("hops",), ("operations", "hops"), ("phrasing",)])
def test_strata_add_up_to_the_cell(store, by):
    where = Slice(sweeps=("grid",), strategies=("corag",))
    parts = store.cells(where, by=by)
    for whole in store.cells(where):
        mine = [p for p in parts if (p.search, p.think) == (whole.search, whole.think)]
        assert sum(p.n for p in mine) == whole.n
        assert sum(p.questions for p in mine) == whole.questions
        assert sum(p.mean * p.n for p in mine) == pytest.approx(whole.mean * whole.n)
        assert len({p.by for p in mine}) == len(mine)


def test_sweeps_that_share_questions_are_never_added_up(store):
    assert {c.sweep for c in store.cells()} == {"grid", "other"}
    grid = [c for c in store.cells() if c.sweep == "grid"]
    assert grid == store.cells(Slice(sweeps=("grid",)))


def test_a_metric_that_no_run_has_gives_no_cell(store):
    assert store.cells(metric="numeric") == []


def test_one_unknown_cost_makes_the_cells_cost_unknown(home):
    one = (CELLS[0],)
    write(home, [trajectory(0, cells=one, cost=2.0), trajectory(1, cells=one, cost=None)])
    with Store.scratch(home) as store:
        (cell,) = store.cells()
        assert cell.cost is None
        assert [c.cost for c in store.cells(by=("hops",))] == [2.0, None]


def test_new_runs_change_their_cells_and_no_other(home):
    write(home, [trajectory(n) for n in range(4)])
    write(home, [trajectory(n, strategy="iterative") for n in range(4)])
    with Store.scratch(home) as store:
        before = set(map(repr, store.cells()))
        write(home, [trajectory(9)])
        store.ingest()
        after = set(map(repr, store.cells()))
    assert len(before & after) == len(CELLS)
    assert all("iterative" in c for c in before & after)
    assert len(after) == 2 * len(CELLS)
