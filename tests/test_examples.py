"""Three examples follow their rule: what is counted is there, and the one that is shown is the usual case."""

import numpy as np
import pytest

from engine.analysis.examples import Example, anchor, examples
from engine.analysis.panel import Unknown
from tests.panel_fakes import panel_of


def surface(*cells, spend=None):
    """Questions x 2 x 2; each of the four cells as a row of scores."""
    y = np.array(cells, dtype=float).T.reshape(-1, 2, 2)
    return panel_of(y, (0, 4), (0, 64), spend=spend)


NOTHING, THINKING = [0, 0, 0, 0, 0], [0, 0, 0, 0, 1]
SEARCHING, BOTH = [1, 1, 1, 0, 0], [1, 1, 1, 1, 0]


def test_each_step_is_counted_and_goes_through_the_recommended_cell():
    search, think, both = examples(surface(NOTHING, THINKING, SEARCHING, BOTH), 4, 0)
    assert (search.before, search.after) == ((0, 0), (4, 0))
    assert (search.won, search.lost, search.alike) == (3, 0, 2)
    assert (think.before, think.after) == ((4, 0), (4, 64))
    assert (think.won, think.lost, think.alike) == (1, 0, 4)
    assert (both.before, both.after) == ((0, 0), (4, 64)) and both.won == 4
    assert search.gain.value == pytest.approx(0.6) and search.change == 1.0


def test_the_one_with_the_median_of_added_tokens_is_shown_and_none_twice():
    panel = surface(NOTHING, THINKING, SEARCHING, BOTH)
    panel.spent["tokens"][:, 1, :] += np.array([900, 100, 500, 0, 0])[:, None]
    search, think, both = examples(panel, 4, 0)
    assert search.question == "q2" and think.question == "q3"
    assert both.question in ("q0", "q1"), "q2 and q3 are shown already"


def test_where_more_is_lost_than_won_a_lost_question_is_shown():
    search, *_ = examples(surface(BOTH, BOTH, NOTHING, NOTHING), 0, 0)
    assert (search.won, search.lost) == (0, 4) and search.change == -1.0


def test_where_nothing_changed_one_left_alike_is_shown():
    search, *_ = examples(surface(BOTH, BOTH, BOTH, BOTH), 0, 0)
    assert (search.won, search.lost, search.alike) == (0, 0, 5) and search.change == 0.0


def test_a_missing_budget_is_a_reason_and_unknown_tokens_are_no_trouble():
    y = np.zeros((3, 1, 2))
    search, think, both = examples(panel_of(y, (0,), (0, 64)), 0, 0)
    assert isinstance(search, Unknown) and isinstance(both, Unknown)
    assert isinstance(think, Example)
    assert isinstance(examples(panel_of(y, (0,), (0, 64)), 9, 0)[0], Unknown)
    bare = panel_of(y, (0,), (0, 64), spend=np.full((1, 2), np.nan))
    got = examples(bare, 0, 0)[1]
    assert got.question == "q1" and got.added_tokens is None


def test_the_best_cell_is_the_smallest_among_equals():
    assert anchor(surface(NOTHING, THINKING, BOTH, BOTH)) == (4, 0)
    assert anchor(surface(*[[np.nan] * 5] * 4)) is None
