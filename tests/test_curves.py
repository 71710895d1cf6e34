"""Curves: made data give back what they were made of, and data that cannot tell say so."""

import numpy as np
import pytest

from engine.analysis.axis import read
from engine.analysis.curves import Points, curves, fitted, ordered
from engine.analysis.estimate import Estimate
from engine.analysis.families import FAMILIES
from engine.analysis.panel import Unknown
from engine.analysis.trend import trend, turn
from tests.panel_fakes import THINK, panel_of, scores

X = np.array([1.0, 2, 4, 8, 16, 32, 64])
TRUTHS = {
    "power": 0.8 - 0.6 * X**-0.7,
    "exponential": 0.7 - 0.5 * np.exp(-X / 10),
    "logistic": 0.75 / (1 + np.exp(-2.5 * (np.log(X) - 2.5))),
    "quadratic": 0.3 + 0.4 * np.log(X) - 0.09 * np.log(X) ** 2,
    "flat": np.full(7, 0.4),
}


@pytest.mark.parametrize("family", TRUTHS)
def test_the_family_that_made_the_data_fits_unseen_questions_as_well_as_any(family):
    got = curves(Points(X, scores(TRUTHS[family], 3000, 4)), resampled=100)
    assert family in (got.chosen, *got.also)
    best = got.fits[family]
    assert np.interp(X, best.x, best.curve) == pytest.approx(TRUTHS[family], abs=0.05)


def test_what_does_not_change_is_flat():
    assert curves(Points(X, scores(TRUTHS["flat"], 400, 1)), resampled=100).chosen == "flat"


def test_exponent_ceiling_and_knee_of_a_power_law_come_back():
    truth = {"p": 0.7, "ceiling": 0.8, "knee": (0.6 / (0.05 * 0.8)) ** (1 / 0.7)}
    held, exponents = dict.fromkeys(truth, 0), []
    for seed in range(40):
        points = Points(X, scores(TRUTHS["power"], 1000, seed))
        fit = fitted(FAMILIES["power"], points, X, resampled=200)
        exponents.append(fit.parameters["p"].value)
        found = {"p": fit.parameters["p"], "ceiling": fit.ceiling, "knee": fit.knee}
        for name, value in truth.items():
            held[name] += found[name].low <= value <= found[name].high
    assert np.median(exponents) == pytest.approx(0.7, rel=0.1)
    assert min(held.values()) >= 34, held


def test_an_exponent_that_the_data_cannot_tell_is_not_told():
    fit = curves(Points(X, scores(TRUTHS["flat"], 200, 3)), resampled=100).fits["power"]
    assert isinstance(fit.parameters["p"], Unknown)


def test_bands_hold_the_curve_that_made_the_data():
    truth, held = TRUTHS["power"], []
    for seed in range(60):
        points = Points(X, scores(truth, 200, seed))
        got = fitted(FAMILIES["power"], points, X, resampled=200)
        held.append(((got.low <= truth) & (truth <= got.high)).mean())
    assert 0.88 <= np.mean(held) <= 0.99


def test_forms_with_three_parameters_need_five_levels():
    got = curves(Points(X[:4], scores(TRUTHS["power"][:4], 60, 1)), resampled=50)
    assert set(got.fits) == {"flat", "log", "quadratic"}


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_all_alike_is_no_curve(y):
    assert isinstance(curves(Points(X, np.full((50, 7), y))), Unknown)


@pytest.mark.parametrize(("questions", "levels"), [(1, 7), (4, 7), (50, 1)])
def test_too_little_is_no_curve(questions, levels):
    y = scores(TRUTHS["power"][:levels], questions, 1)
    assert isinstance(curves(Points(X[:levels], y)), Unknown)


def test_zero_is_on_no_curve_and_equal_places_are_one():
    y = scores(np.full(4, 0.5), 20, 1)
    got = ordered([0, 4, 2, 4], y)
    assert got.x.tolist() == [2, 4]
    assert got.y[:, 1] == pytest.approx((y[:, 1] + y[:, 3]) / 2)
    assert isinstance(ordered([0, np.nan], y[:, :2]), Unknown)


def test_a_trend_is_told_only_where_there_is_one():
    assert trend(scores(TRUTHS["power"], 100, 1)).direction == "rises"
    assert trend(scores(TRUTHS["power"][::-1], 100, 1)).direction == "falls"
    none = [trend(scores(TRUTHS["flat"], 60, s)).direction for s in range(300)]
    assert none.count("undecided") / 300 >= 0.92
    assert isinstance(trend(np.ones((9, 1))).steadiness, Unknown)


def test_overthinking_is_a_certain_fall_past_a_vertex():
    got = turn(Points(X, scores(TRUTHS["quadratic"], 800, 2)))
    assert got.overthinking
    assert got.vertex.low <= np.exp(0.4 / 0.18) <= got.vertex.high


def test_a_curve_that_levels_off_is_not_called_overthinking():
    called = [
        turn(Points(X, scores(TRUTHS["exponential"], 150, s))).overthinking for s in range(200)
    ]
    assert sum(called) / 200 <= 0.05


def test_an_axis_read_whole_keeps_zero_apart_and_says_when_levels_are_few():
    quality = np.concatenate([[0.1], TRUTHS["power"][:6]])[None, :]
    got = read(panel_of(scores(quality, 200, 5), (4,), THINK), "think")
    assert got.zero.value < 0.2 and got.trend.direction == "rises" and not got.caution
    assert isinstance(got.curves.best.ceiling, (Estimate, Unknown))
    assert (
        "a shape needs 7"
        in read(panel_of(scores(quality[:, :3], 50, 5), (4,), THINK[:3]), "think").caution
    )
