"""Contrasts have intervals that hold the truth, also where nothing differed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.estimate import (
    Estimate,
    average,
    contrast,
    draws,
    p_value,
    percentiles,
    quality,
)
from engine.analysis.joint import corners, interaction, joint, steps
from engine.analysis.paired import judged, state
from engine.analysis.panel import Unknown
from tests.panel_fakes import panel_of, scores


def test_one_question_has_no_interval():
    assert isinstance(contrast(np.array([0.5])), Unknown)
    assert isinstance(contrast(np.array([])), Unknown)


def test_no_difference_seen_is_not_certain_to_be_none():
    got = contrast(np.zeros(50))
    assert got.value == 0 and got.low < -0.02 and got.high > 0.02


def test_many_questions_give_the_plain_t_interval():
    values = np.random.default_rng(1).uniform(-1, 1, 20_000) + 0.0
    got, half = contrast(values), 1.96 * values.std() / np.sqrt(20_000)
    assert (got.low, got.high) == pytest.approx(
        (values.mean() - half, values.mean() + half), abs=1e-4
    )


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=40))
def test_an_interval_holds_its_value_and_stays_in_reach(values):
    got = contrast(np.array(values))
    assert -1 <= got.low <= got.value <= got.high <= 1
    count = average(np.array(values) + 1, 2.0)
    assert 0 <= count.low <= count.value + 1e-9 and count.value - 1e-9 <= count.high <= 2


def test_paired_differences_hold_the_truth_when_questions_are_hard_together():
    """800 draws of 60 questions tell coverage to about a point."""
    held = 0
    for seed in range(800):
        y = scores([0.35, 0.55], 60, seed, shared=0.7)
        got = contrast(y[:, 1] - y[:, 0])
        held += got.low <= 0.2 <= got.high
    assert 0.93 <= held / 800 <= 0.975


def test_a_points_quality_has_the_interval_of_the_surface():
    assert quality(np.array([np.nan] * 3)) == Unknown("no question ran here")
    got = quality(np.array([1.0] * 10 + [np.nan]))
    assert got.value == 1 and got.low == pytest.approx(0.722, abs=0.01)


def test_resampled_sets_weigh_questions_to_one():
    assert draws(7, 50).sum(axis=1) == pytest.approx(np.ones(50))
    assert isinstance(percentiles(np.nan, np.ones(9)), Unknown)
    assert percentiles(1.0, np.array([0.5, np.inf, 1.0])).high == np.inf


def test_p_values_follow_the_evidence():
    assert p_value(np.zeros(30)) == 1.0
    assert p_value(np.ones(10)) < 0.01
    assert p_value(np.array([1.0, -1.0] * 20)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (-0.01, 0.05, "as good"),
        (-0.05, 0.05, "undecided"),
        (-0.09, -0.03, "worse"),
        (-0.02, 0, "as good"),
    ],
)
def test_as_good_means_not_worse_than_the_margin(low, high, word):
    assert state(Estimate(0.0, low, high), 0.02) == word


def test_cells_are_compared_on_questions_that_both_ran():
    one, other = np.array([1, 1, np.nan, 0, 1.0]), np.array([0, 1, 1, np.nan, 0.0])
    got = judged(one, other)
    assert got.questions == 3 and got.difference.value == pytest.approx(2 / 3)
    assert isinstance(judged(one, np.full(5, np.nan)), Unknown)


def test_an_interaction_is_what_both_add_beyond_each_alone():
    y = scores([[0.2, 0.3], [0.3, 0.8]], 3000, 1)
    p = panel_of(y, (0, 4), (0, 64))
    got = corners(p)
    assert got.extra.low <= 0.4 <= got.extra.high and got.word == "complement"
    assert steps(p) == (interaction(p, (0, 1), (0, 1)),)


def test_an_interaction_without_four_cells_says_so():
    y = scores([[0.2, 0.3], [0.3, 0.8]], 20, 1)
    y[:, 1, 1] = np.nan
    assert "rectangle" in corners(panel_of(y, (0, 4), (0, 64))).why
    assert isinstance(corners(panel_of(y[:, :1], (0,), (0, 64))), Unknown)


def test_the_joint_model_finds_its_own_coefficients():
    s, t = np.log1p([0, 1, 2, 4]) / np.log(5), np.log1p([0, 32, 64, 128]) / np.log(129)
    logit = -2 + 1.5 * s[:, None] + 1.0 * t[None, :] - 0.8 * s[:, None] * t[None, :]
    y = scores(1 / (1 + np.exp(-logit)), 3000, 2)
    got = joint(panel_of(y, (0, 1, 2, 4), (0, 32, 64, 128)))
    truth = {"intercept": -2, "search": 1.5, "think": 1.0, "search x think": -0.8}
    for name, value in truth.items():
        assert got.coefficients[name].low - 0.05 <= value <= got.coefficients[name].high + 0.05
    assert got.word == "substitute"


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_the_joint_model_of_one_score_says_why_there_is_none(y):
    p = panel_of(np.full((30, 2, 2), y), (0, 1), (0, 32))
    assert joint(p).why == "every run scores the same"


def test_the_joint_model_says_when_a_budget_decides_everything():
    y = np.zeros((30, 2, 2))
    y[:, 1, :] = 1.0
    assert "separates" in joint(panel_of(y, (0, 1), (0, 32))).why
