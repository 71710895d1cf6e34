"""After how many questions more training pays, checked by hand."""

import numpy as np
import pytest

from engine.analysis.checkpoints import Trained, payoffs, sentence
from engine.analysis.estimate import Estimate
from engine.analysis.panel import Group, Unknown
from tests.panel_fakes import panel_of

KNOWN = {"early": Trained(100, 1_000), "late": Trained(100, 101_000), "twin": Trained(100, 1_000)}


def of(model, right, spend):
    """Twenty questions in two cells: the first `right` of them are right at the dearer, fewer at the cheaper."""
    y = np.zeros((20, 2, 1))
    y[: right // 2, 0, 0] = 1
    y[:right, 1, 0] = 1
    return panel_of(
        y, (1, 4), (0,), Group("corag", model), spend=np.array(spend, dtype=float)[:, None]
    )


def test_the_break_even_is_added_training_over_what_a_question_saves():
    early, late = of("early", 10, (500, 1000)), of("late", 20, (100, 400))
    (got,) = payoffs((late, early), KNOWN)
    assert (got.less, got.more, got.quality) == ("early", "late", 0.5)
    assert got.less_flops == 2 * 100 * 1000 and got.more_flops == 2 * 100 * 100
    assert got.added_training == 6 * 100 * 100_000
    assert isinstance(got.after, Estimate)
    assert got.after.value == pytest.approx(60_000_000 / (200 * 900))
    assert "it pays after 333 questions" in sentence(got)


def test_training_that_buys_no_cheaper_answers_never_pays():
    (got,) = payoffs((of("early", 10, (50, 60)), of("late", 10, (500, 1000))), KNOWN)
    assert isinstance(got.after, Unknown) and "never pays" in sentence(got)
    (worse,) = payoffs((of("early", 20, (50, 60)), of("late", 4, (50, 60))), KNOWN)
    assert worse.more_flops is None and "never reaches it" in sentence(worse)


def test_what_cannot_be_compared_says_why():
    (nothing,) = payoffs((of("early", 0, (50, 60)), of("late", 10, (50, 60))), KNOWN)
    assert "nothing right" in sentence(nothing)
    few = panel_of(np.ones((3, 1, 1)), (1,), (0,), Group("corag", "late"))
    (short,) = payoffs((of("early", 10, (50, 60)), few), KNOWN)
    assert "cannot be told" in sentence(short)
    assert payoffs((of("early", 10, (50, 60)), of("twin", 10, (50, 60))), KNOWN) == ()
    assert payoffs((of("early", 10, (50, 60)), of("nobody", 10, (50, 60))), KNOWN) == ()
