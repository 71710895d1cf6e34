"""The recommendation saves where it may, and is not fooled by the best of many equal cells."""

import numpy as np
import pytest

from engine.analysis.choice import choose
from engine.analysis.paired import Cell, Table
from engine.analysis.panel import Group, Unknown

G = Group("corag", "small")


def made(y, spend=None):
    k = y.shape[1]
    spend = np.arange(1.0, k + 1) if spend is None else np.asarray(spend, dtype=float)
    return Table(tuple(Cell(G, i, 0) for i in range(k)), y, spend, "tokens", 0)


def test_the_cheapest_of_equals_is_picked_and_its_saving_told():
    rng = np.random.default_rng(1)
    base = (rng.random((2000, 1)) < 0.6).astype(float)
    worse = base * (rng.random((2000, 1)) < 0.5)
    flips = (rng.random((2000, 1)) < 0.002).astype(float)
    y = np.hstack([worse, np.maximum(base - flips, 0), base])
    got = choose(made(y, [1, 10, 100]))
    assert got.pick.search == 1 and got.best.search == 2
    assert got.state == "as good" and got.same == 5 and got.saving == pytest.approx(0.9)
    assert "saves 90% of the tokens" in got.sentence
    assert [s.state for s in got.standings] == ["worse", "as good", "as good"]


def test_where_nothing_cheaper_is_shown_to_be_as_good_the_best_is_kept():
    rng = np.random.default_rng(2)
    y = (rng.random((60, 3)) < [0.3, 0.5, 0.6]).astype(float)
    got = choose(made(y))
    assert got.pick == got.best and got.saving == 0
    assert got.sentence.startswith("No cheaper setting")


def test_all_alike_takes_the_cheapest_and_says_so():
    got = choose(made(np.zeros((30, 3))))
    assert got.pick.search == 0 and got.sentence.startswith("Every setting scores the same")


def test_the_best_of_many_equal_cells_is_not_taken_for_better():
    """Forty cells of one quality: the difference that is told must hold 0."""
    rng, held, naive = np.random.default_rng(3), 0, 0
    for _ in range(100):
        y = (rng.random((100, 40)) < rng.beta(2, 2, (100, 1))).astype(float)
        got = choose(made(y))
        held += got.difference.low <= 0 <= got.difference.high
        naive += y.mean(axis=0).max() > y[:, 0].mean() + 0.05
    assert held >= 93 and naive > 50


def test_what_cannot_be_judged_has_a_reason():
    y = np.ones((30, 2))
    assert "10 questions" in choose(made(y[:9])).why
    assert "one cell" in choose(made(y[:, :1])).why
    assert isinstance(choose(made(y, [1, np.nan])), Unknown)
