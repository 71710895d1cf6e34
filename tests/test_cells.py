"""Intervals of cells cover the truth, and follow from additive sums."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.cells import FEW, Interval, Sums, interval, variance


def sums_of(per_question):
    """Sums of scores given as one list a question."""
    s = [sum(q) for q in per_question]
    n = [len(q) for q in per_question]
    return Sums(
        n=sum(n),
        questions=len(n),
        y=float(sum(s)),
        yy=float(sum(x * x for x in s)),
        ny=float(sum(x * k for x, k in zip(s, n, strict=True))),
        nn=float(sum(k * k for k in n)),
    )


def test_nothing_scored_has_no_mean():
    assert interval(Sums()) is None


def test_one_run_a_question_gives_the_plain_variance_of_a_mean():
    ys = [1.0, 0.0, 0.0, 1.0, 1.0, 0.5]
    assert variance(sums_of([[y] for y in ys])) == pytest.approx(np.var(ys, ddof=1) / len(ys))


def test_the_clustered_variance_is_the_ratio_estimator_worked_by_hand():
    # s = (2, 0, 1), n = (2, 1, 3): m = 1/2, residuals s - m n = (1, -1/2, -1/2), V = 3/2 * 1.5 / 36
    assert variance(sums_of([[1, 1], [0], [1, 0, 0]])) == pytest.approx(1.5 * 1.5 / 36)


def test_repeating_every_run_of_a_question_buys_no_certainty():
    once = interval(sums_of([[1], [0], [1], [1]] * 8))
    often = interval(sums_of([[1] * 5, [0] * 5, [1] * 5, [1] * 5] * 8))
    assert (often.mean, often.low, often.high) == pytest.approx((once.mean, once.low, once.high))


def test_right_or_wrong_with_many_questions_is_wilsons_interval():
    # Wilson for 30 of 100, published: 0.2189 to 0.3958; the t quantile with 99 degrees is a little wider.
    got = interval(sums_of([[1.0]] * 30 + [[0.0]] * 70))
    assert (got.low, got.high) == pytest.approx((0.2189, 0.3958), abs=0.002)


def test_with_many_questions_the_interval_is_the_mean_and_t_standard_errors():
    rng = np.random.default_rng(5)
    sums = sums_of([[y] for y in rng.uniform(0.2, 0.9, 5000)])
    got, half = interval(sums), 1.9604 * math.sqrt(variance(sums))
    assert (got.low, got.high) == pytest.approx((got.mean - half, got.mean + half), abs=1e-5)


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_all_alike_is_not_certain(y):
    got = interval(sums_of([[y]] * 10))
    wide = 3.8415 / (10 + 3.8415)
    assert got.mean == y
    assert got.high - got.low == pytest.approx(wide, abs=1e-3)


@pytest.mark.parametrize("y", [0.0, 0.4, 1.0])
def test_one_question_says_little_however_often_it_was_asked(y):
    got = interval(sums_of([[y] * 50]))
    assert got.mean == pytest.approx(y)
    assert got.high - got.low > 0.7


def test_few_questions_claim_no_more_than_right_or_wrong_would():
    nearly_equal = interval(sums_of([[0.5], [0.5001]] * (FEW // 2 - 1)))
    assert nearly_equal.high - nearly_equal.low > 0.5


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.lists(st.floats(0, 1), min_size=1, max_size=4)),
        min_size=1,
        max_size=40,
    )
)
def test_sums_over_strata_add_up_to_those_of_the_whole(labelled):
    strata = [[q for label, q in labelled if label == k] for k in range(4)]
    whole, parts = sums_of([q for _, q in labelled]), sum(map(sums_of, strata), Sums())
    assert (parts.n, parts.questions, parts.nn) == (whole.n, whole.questions, whole.nn)
    assert (parts.y, parts.yy, parts.ny) == pytest.approx((whole.y, whole.yy, whole.ny))


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=4), min_size=1, max_size=60))
def test_an_interval_lies_in_0_to_1_and_holds_its_mean(per_question):
    got = interval(sums_of(per_question))
    assert isinstance(got, Interval)
    assert 0 <= got.low <= got.mean <= got.high <= 1


@pytest.mark.parametrize("questions", [12, 60])
@pytest.mark.parametrize("truth", [0.1, 0.5, 0.8])
def test_95_of_100_intervals_hold_the_truth_when_seeds_of_a_question_agree(questions, truth):
    """Beta-binomial scores, 1 to 5 runs a question; 600 draws tell coverage to about two points."""
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(600):
        n = rng.integers(1, 6, questions)
        s = rng.binomial(n, rng.beta(2 * truth, 2 * (1 - truth), questions)).astype(float)
        sums = Sums(
            questions, int(n.sum()), s.sum(), float(s @ s), float(s @ n), float((n * n).sum())
        )
        got = interval(sums)
        held += got.low <= truth <= got.high
    assert 0.92 <= held / 600 <= 0.995
