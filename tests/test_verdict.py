"""Does search scale like reasoning: rarely wrong when alike, found when different, a plan when it cannot be told."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import coverage
from budgetscape.cli import answers
from budgetscape.cli.values import plain
from engine.analysis.common_cost import placed
from engine.analysis.estimate import Estimate
from engine.analysis.evidence import difference, evidence
from engine.analysis.lines import line
from engine.analysis.needed import filled, questions_for
from engine.analysis.panel import Group, Row, Unknown, panels
from engine.analysis.sentences import sentence, wanted
from engine.analysis.verdict import verdict
from engine.sweeps.plan import read_plan
from tests.panel_fakes import SEARCH, THINK, panel_of, scores, tokens


def surface(search, think, questions, seed=1, **more):
    """Quality that grows by so much per doubling of added tokens."""
    s = np.log2(1 + 150 * np.array(SEARCH) / 150)[:, None]
    t = np.log2(1 + 3 * np.array(THINK) / 150)[None, :]
    return panel_of(scores(0.1 + search * s + think * t, questions, seed), SEARCH, THINK, **more)


def test_a_clear_difference_is_told_with_its_direction():
    got = verdict(surface(0.1, 0.01, 300))
    assert got.mixture.word == "differs" and got.needed is None
    assert "buys more when spent on searching" in sentence(got)
    assert verdict(surface(0.01, 0.1, 300)).mixture.compared[0].difference.value < 0


def test_equal_curves_with_many_questions_are_told_to_be_alike():
    got = verdict(surface(0.06, 0.06, 20_000))
    assert got.mixture.word == "alike" and sentence(got).startswith("Search scales like reasoning")


def test_nothing_gained_anywhere_is_not_called_scaling():
    got = verdict(panel_of(scores(np.full((7, 7), 0.4), 20_000, 3), SEARCH, THINK))
    assert got.mixture.word == "neither" and "Neither" in sentence(got)


def test_too_few_questions_ask_for_more_of_the_same_cells():
    got = verdict(surface(0.05, 0.05, 60))
    assert got.mixture.word == "cannot tell"
    assert got.needed.questions > 60 and (32, 1024) in got.needed.cells
    assert got.needed.tokens > 0


def test_too_few_levels_ask_for_the_missing_ones_as_a_plan_that_can_be_read():
    y = scores(np.full((4, 3), 0.4), 40, 1)
    group = Group("corag", "small", index_name="sample")
    got = verdict(panel_of(y, (0, 1, 2, 4), (0, 32, 128), group))
    assert got.mixture.word == "cannot tell" and "a shape needs 7" in got.mixture.why
    assert len(got.needed.search) == len(got.needed.think) == 7
    plan = read_plan(got.needed.toml("sample"))
    assert plan.search == got.needed.search and plan.limit == got.needed.questions


def test_a_strategy_that_searches_once_is_not_asked_to_search_more():
    once = Group("single_retrieval", "small", most_searches=1)
    got = verdict(panel_of(scores(np.full((2, 7), 0.4), 40, 1), (0, 1), THINK, once))
    assert got.needed is None and "at most once" in sentence(got)


def test_effort_levels_are_not_asked_for_more_levels():
    levels = Group("closed_book", "small", think_mode="effort")
    got = verdict(panel_of(scores(np.full((7, 3), 0.4), 40, 1), SEARCH, (90, 200, 700), levels))
    assert got.needed is None and "effort levels" in sentence(got)


def test_spending_that_does_not_overlap_is_not_compared():
    p = surface(
        0.05, 0.05, 60, spend=100 + 5000.0 * np.array(SEARCH)[:, None] + 1.0 * np.array(THINK)
    )
    got = verdict(p)
    assert "they share less than 2 doublings" in got.mixture.why
    assert max(got.needed.think) > 1024


def test_strata_are_told_with_their_weights():
    strata = tuple({"hops": int(i % 4 == 0)} for i in range(400))
    got = verdict(surface(0.1, 0.01, 400, strata=strata), by=("hops",))
    assert [(p.stratum, p.weight) for p in got.strata] == [
        ((("hops", 0),), 0.75),
        ((("hops", 1),), 0.25),
    ]
    wide = [p.compared[0].difference.half for p in got.strata]
    assert min(wide) > got.mixture.compared[0].difference.half


def test_a_level_stands_at_what_it_really_spent():
    p = surface(0.05, 0.05, 40)
    got = placed(line(p, "search"), "tokens")
    assert got.x == pytest.approx(150 * np.array(SEARCH[1:]))
    idle = surface(0.05, 0.05, 40, spend=np.full((7, 7), 100.0))
    assert "spends no more tokens" in placed(line(idle, "search"), "tokens").why
    unused = tokens(SEARCH, THINK)
    unused[5:] = unused[4]
    assert len(placed(line(surface(0.05, 0.05, 40, spend=unused), "search"), "tokens").x) == 4


def test_the_evidence_takes_one_family_for_both_axes():
    got = verdict(surface(0.08, 0.02, 400))
    under = evidence(*got.placed)
    assert under.family in under.search.fits and under.family in under.think.fits
    assert [a.name for a in under.apart] == ["exponent", "knee", "ceiling"]


def test_differences_of_fitted_numbers_join_both_intervals():
    got = difference(Estimate(3.0, 2.0, 4.0), Estimate(1.0, 0.0, 2.0))
    assert got.value == 2 and got.low == pytest.approx(2 - math.sqrt(2))
    assert isinstance(
        difference(Estimate(1.0, 0.5, math.inf), Estimate(1.0, 0.5, math.inf)), Unknown
    )
    assert isinstance(difference(Unknown("no"), Estimate(1.0, 0, 2)), Unknown)


@pytest.mark.parametrize(
    ("levels", "most", "wanted"),
    [
        ((0, 1, 4), None, (0, 1, 2, 4, 8, 16, 32)),
        ((), None, (0, 1, 2, 4, 8, 16, 32)),
        ((0, 1, 2, 4), 8, (0, 1, 2, 4, 6, 7, 8)),
        ((0, 1, 2), 3, (0, 1, 2, 3)),
        (SEARCH, None, SEARCH),
    ],
)
def test_levels_are_filled_up_to_seven(levels, most, wanted):
    assert filled(levels, 1, most=most) == wanted


def test_twice_the_precision_takes_four_times_the_questions():
    assert questions_for(100, 0.04, 0.02) == 400
    assert questions_for(100, math.inf, 0.02) == 100


def test_axes_that_scale_alike_are_rarely_called_different():
    """The short version of benchmarks/coverage.py."""
    for world in (coverage.ALIKE["power laws"], coverage.ALIKE["kinked, skewed"]):
        assert coverage.wrong(world, 120, 21) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 120)


def test_a_difference_of_the_size_that_is_stated_is_found():
    stated, found = coverage.right(120, 22)
    assert 0.005 < stated < 0.1 and found >= 0.8 - 3 * math.sqrt(0.8 * 0.2 / 120)


def test_intervals_hold_the_truth_and_exponents_come_back():
    for held in coverage.intervals(coverage.ALIKE["graded, three seeds"], 120, 23).values():
        assert held >= 0.93 - 3 * math.sqrt(0.05 * 0.95 / 120)
    back = coverage.exponents(0.8, 60, 24)
    assert back.median == pytest.approx(0.8, rel=0.1) and back.held >= 0.85


ROWS = st.lists(
    st.builds(
        Row,
        group=st.sampled_from(
            [Group("corag", "m"), Group("fan_out", "m", width=2, most_searches=1)]
        ),
        question=st.sampled_from([f"q{i}" for i in range(12)]),
        search=st.sampled_from([0, 1, 2]),
        think=st.sampled_from([0, 32]),
        n=st.integers(0, 3),
        y=st.one_of(st.none(), st.just(math.nan), st.floats(-0.5, 3)),
        tokens=st.one_of(st.none(), st.just(math.nan), st.floats(0, 1e6)),
        search_used=st.one_of(st.none(), st.floats(0, 5)),
        recall=st.one_of(st.none(), st.floats(0, 3)),
        hops=st.one_of(st.none(), st.integers(0, 2)),
    ),
    max_size=80,
)


@settings(max_examples=40)
@given(ROWS)
def test_whatever_the_rows_are_there_is_an_answer_or_a_reason(rows):
    some = panels(rows)
    for p in some:
        one = answers.fitted(p, (), "tokens", None, None)
        told = answers.judged(p, ("hops",), "tokens", None, None, 0.01)
        assert answers.fitted_lines(one) and answers.judged_lines(told)
        assert plain(one) and plain(told)
    body = answers.allocated(some, ("hops",), "tokens", 0.02, 50.0, 0.5)
    assert answers.allocated_lines(body, "tokens") and plain(body)


def test_a_budget_that_goes_unused_is_planned_to_be_spent():
    """More questions at the same permissions would tell nothing: the plan makes a dose of the budget."""
    group = Group("corag", "small", forcible=("search", "think"), index_name="sample")
    idle = surface(0.05, 0.05, 40, group=group, spend=np.full((7, 7), 100.0))
    used = np.minimum(np.array(THINK), 64.0)[None, None, :] * np.ones((40, 7, 1))
    idle.spent["think_used"][:] = used
    idle.spent["search_used"][:] = np.array(SEARCH)[None, :, None]
    got = verdict(idle)
    assert "spends no more tokens" in got.mixture.why and got.needed.force == ("think",)
    assert got.needed.runs == got.needed.questions * len(got.needed.cells)
    plan = read_plan(got.needed.toml("sample"))
    assert plan.think_mode == "force" and plan.search_mode == "cap" and plan.index == "sample"
    assert "reasoning budget to be spent" in wanted(got.needed)
