"""Where the next unit goes, checked by hand on surfaces whose lines are known."""

import math

import numpy as np
import pytest

from engine.analysis import allocation
from engine.analysis.demand import demands, yields
from engine.analysis.estimate import Estimate
from engine.analysis.forecast import readings
from engine.analysis.frontier import front, fronts_cross, wide_deep
from engine.analysis.grid import crossings
from engine.analysis.paired import table
from engine.analysis.panel import Group, Unknown
from tests.panel_fakes import panel_of, scores

S, T = (0, 1, 3), (0, 1, 3)
PLAIN = np.add.outer([1.0, 2.0, 3.0], [0.0, 1.0, 2.0])


def test_a_line_of_equal_spend_runs_from_thinking_to_searching_straight_in_the_logarithm():
    p = panel_of(np.ones((5, 3, 3)), S, T, spend=PLAIN)
    exact = crossings(PLAIN, p, 3.0)
    assert [(q.search, q.think) for q in exact] == [(0, 3), (1, 1), (3, 0)]
    between = crossings(PLAIN, p, 2.5)
    assert [q.measured for q in between] == [False] * 4
    assert between[0].think == pytest.approx(math.expm1((math.log(2) + math.log(4)) / 2))


def test_a_missing_cell_breaks_the_line_and_nothing_lies_outside():
    holed = PLAIN.copy()
    holed[1, 1] = np.nan
    p = panel_of(np.ones((5, 3, 3)), S, T, spend=PLAIN)
    assert [(q.search, q.think) for q in crossings(holed, p, 3.0)] == [(0, 3), (3, 0)]
    assert crossings(PLAIN, p, 9.0) == ()
    assert "they take 1 to 5" in allocation.walk(p, 9.0, "tokens").why


def test_a_walk_has_the_quality_of_its_mix_with_an_interval():
    y = np.zeros((40, 3, 3))
    y[:20, 1, 1] = 1.0
    got = allocation.walk(panel_of(y, S, T, spend=PLAIN), 3.0, "tokens")
    assert [m.quality.value for m in got.mixes] == [0, 0.5, 0]
    assert got.best.point.search == 1 and 0.3 < got.best.quality.low < 0.5
    level = allocation.iso_quality(panel_of(y, S, T, spend=PLAIN), 0.25, "tokens")
    assert len(level.mixes) == 4 and all(
        m.quality.value == pytest.approx(0.25) for m in level.mixes
    )


def test_the_cheapest_path_follows_the_budget_that_pays():
    quality = np.array([[0.1, 0.1, 0.1], [0.4, 0.4, 0.4], [0.8, 0.8, 0.8]])
    p = panel_of(scores(quality, 400, 1), S, T, spend=PLAIN)
    got = allocation.path(p, "tokens", steps=5)
    assert [s.search for s in got][0] == 0 and got[3].search == pytest.approx(3)
    assert all(s.search_low <= s.search <= s.search_high for s in got)
    assert isinstance(allocation.path(panel_of(scores([[0.5]], 9), (0,), (0,)), "tokens"), Unknown)


def test_the_next_unit_goes_where_a_token_buys_more():
    quality = np.array([[0.2, 0.3], [0.6, 0.7]])
    p = panel_of(scores(quality, 800, 1), (0, 1), (0, 32), spend=[[10, 20], [20, 30]])
    got = allocation.next_unit(p, 0, 0, "tokens")
    assert got.word == "search" and got.apart.low > 0
    assert got.gains[0].per_unit.value == pytest.approx(got.gains[0].quality.value / 10)
    swapped = allocation.next_unit(
        panel_of(p.y, (0, 1), (0, 32), spend=[[10, 11], [90, 99]]), 0, 0, "tokens"
    )
    assert swapped.word in ("think", "tied")
    assert allocation.next_unit(p, 1, 32, "tokens").word == "unknown"
    assert isinstance(allocation.next_unit(p, 7, 0, "tokens"), Unknown)


def test_without_evidence_the_next_unit_goes_nowhere():
    p = panel_of(scores(np.full((2, 2), 0.5), 50, 1), (0, 1), (0, 32))
    assert allocation.next_unit(p, 0, 0, "tokens").word == "neither is shown to help"


def test_equal_worth_is_called_tied():
    quality = np.array([[0.2, 0.5], [0.5, 0.7]])
    p = panel_of(scores(quality, 300, 1), (0, 1), (0, 32), spend=[[10, 20], [20, 30]])
    assert allocation.next_unit(p, 0, 0, "tokens").word == "tied"


def test_a_step_that_costs_nothing_has_no_gain_per_unit():
    p = panel_of(scores(np.array([[0.2], [0.5]]), 50, 1), (0, 1), (0,), spend=[[10], [10]])
    (gain,) = allocation.next_unit(p, 0, 0, "tokens").gains
    assert gain.per_unit == Unknown("it adds no tokens")


def test_the_front_holds_what_nothing_cheaper_beats():
    quality = np.array([[0.2], [0.6], [0.4]])
    got = front(table((panel_of(scores(quality, 500, 1), (0, 1, 2), (0,)),), "tokens"))
    assert [f.cell.search for f in got] == [0, 1]
    assert all(f.share > 0.95 for f in got)


def test_two_fronts_cross_where_the_leader_changes():
    early, late = Group("closed_book", "small"), Group("corag", "small")
    a = panel_of(
        scores(np.array([[0.4], [0.42], [0.42]]), 600, 1),
        (0, 1, 2),
        (0,),
        early,
        [[10], [20], [40]],
    )
    b = panel_of(
        scores(np.array([[0.1], [0.3], [0.8]]), 600, 2), (0, 1, 2), (0,), late, [[10], [20], [40]]
    )
    (got,) = fronts_cross(table((a, b), "tokens"))
    assert got.one == early and got.certain and got.at.value == 40
    assert fronts_cross(table((a,), "tokens")) == ()


def test_wide_and_deep_are_compared_at_equal_searches():
    deep = panel_of(
        scores(np.array([[0.3], [0.6]]), 200, 1), (1, 4), (0,), Group("fan_out", "m", width=1)
    )
    wide = panel_of(
        scores(np.array([[0.3], [0.3]]), 200, 2),
        (1, 4),
        (0,),
        Group("fan_out", "m", config="x", width=4),
    )
    (got,) = wide_deep((deep, wide))
    assert got.search == 4 and got.wide_minus_deep.state == "worse"


def test_use_of_one_budget_is_told_against_the_other():
    used = np.zeros((50, 2, 3))
    used[:, 1, :] = [1.0, 2.0, 3.0]
    p = panel_of(np.ones((50, 2, 3)), (0, 4), (0, 1, 3), search_used=used)
    (got,) = demands(p, "search")
    assert got.used == (1, 2, 3) and got.per_doubling.value == pytest.approx(1.0)
    alone = demands(panel_of(np.ones((50, 2, 1)), (0, 4), (0,)), "search")
    assert isinstance(alone[0].per_doubling, Unknown)


def test_searches_and_evidence_are_told_by_difficulty():
    used, recall = np.full((40, 1, 1), 2.0), np.full((40, 1, 1), 1.0)
    recall[::2] = 0.5
    got = yields(
        panel_of(np.ones((40, 1, 1)), (4,), (32,), search_used=used, recall=recall), "hops"
    )
    assert [y.gold_per_search.value for y in got] == [0.25, 0.5]
    assert yields(panel_of(np.ones((4, 1, 1)), (4,), (32,)), "nothing") == ()


def test_a_stop_between_cells_is_interpolated_and_one_outside_is_missing():
    p = panel_of(scores(PLAIN / 6, 400, 1), S, T)
    got = {(r.search, r.think): r for r in readings(p, (0, 2, 4), (0, 3), "tokens")}
    assert got[0, 0].kind == "measured" and got[0, 0].quality.value == pytest.approx(
        p.y[:, 0, 0].mean()
    )
    assert got[2, 0].kind == "interpolated"
    low, high = p.y[:, 1, 0].mean(), p.y[:, 2, 0].mean()
    assert low < got[2, 0].quality.value < high and isinstance(got[2, 0].quality, Estimate)
    assert got[4, 0].kind == "missing" and got[4, 0].spend["tokens"] is None
