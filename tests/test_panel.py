"""Rows become surfaces: paired by question, missing stays missing, what is no score is refused."""

import math

import numpy as np
import pytest

from engine.analysis.lines import Line, line
from engine.analysis.paired import table
from engine.analysis.panel import Group, Row, Unknown, panels, strata, unit_of
from tests.panel_fakes import panel_of

G = Group("corag", "small")


def row(question, search, think, y, n=1, group=G, **more):
    return Row(group, question, search, think, n, y, tokens=10.0 * n, **more)


def test_a_surface_is_named_for_what_sets_it_apart():
    assert G.name == "corag · small"
    assert G._replace(width=4, think_mode="effort").name == "corag · small · width 4 · think effort"


def test_no_rows_are_no_surfaces():
    assert panels([]) == ()


def test_seeds_of_a_question_count_as_one_and_repeated_rows_add_up():
    (p,) = panels([row("a", 0, 0, 1.0), row("a", 0, 0, 0.0), row("b", 0, 0, 3.0, n=3)])
    assert p.questions == ("a", "b")
    assert p.y[:, 0, 0].tolist() == [0.5, 1.0]
    assert p.quality().tolist() == [[0.75]]


def test_a_cell_that_nobody_ran_stays_missing_and_unknown_spending_stays_unknown():
    rows = [row("a", 0, 0, 1.0, cost=2.0), row("a", 1, 32, 0.0), row("b", 1, 32, 1.0, cost=3.0)]
    (p,) = panels(rows)
    assert math.isnan(p.quality()[0, 1]) and math.isnan(p.quality()[1, 0])
    assert p.mean("cost")[0, 0] == 2.0
    assert math.isnan(p.mean("cost")[1, 1]), "one run there has no price"
    assert p.mean("tokens")[1, 1] == 10.0
    assert unit_of((p,)) == "tokens"


@pytest.mark.parametrize("y", [None, math.nan, math.inf, -0.1, 1.1])
def test_what_is_no_score_is_refused_and_counted(y):
    (p,) = panels([row("a", 0, 0, y), row("b", 0, 0, 1.0)])
    assert p.questions == ("b",) and p.refused == 1


def test_only_refused_rows_leave_an_empty_surface_that_says_so():
    (p,) = panels([row("a", 0, 0, math.nan)])
    assert isinstance(line(p, "search"), Unknown) and isinstance(table((p,), "tokens"), Unknown)


def test_strata_share_out_the_questions():
    (p,) = panels([row(f"q{i}", 0, 0, 1.0, hops=i % 3) for i in range(9)])
    parts = strata(p, ("hops",))
    assert [len(part.questions) for part in parts.values()] == [3, 3, 3]
    assert list(strata(p, ())) == [()]


def test_a_line_takes_the_questions_that_ran_at_every_level_and_tells_the_rest():
    y = np.ones((6, 3, 1))
    y[0, 2, 0] = np.nan
    got = line(panel_of(y, (0, 1, 2), (32,)), "search")
    assert isinstance(got, Line)
    assert got.levels == (0, 1, 2) and got.questions == (1, 2, 3, 4, 5) and got.left_out == 1


def test_a_level_that_has_only_begun_is_left_out_of_a_line():
    y = np.ones((6, 3, 1))
    y[2:, 2, 0] = np.nan
    got = line(panel_of(y, (0, 1, 2), (32,)), "search")
    assert got.levels == (0, 1) and len(got.questions) == 6


def test_a_line_says_which_slices_there_are():
    p = panel_of(np.ones((6, 3, 2)), (0, 1, 2), (0, 32))
    assert line(p, "search").at == 32, "the largest other budget"
    assert "there is 0, 32" in line(p, "search", 64).why
    assert "a shape needs 7" in line(p, "search").short


def test_a_table_holds_the_questions_that_ran_in_every_cell():
    y = np.ones((6, 2, 1))
    y[0, 1, 0] = np.nan
    one = panel_of(y, (0, 1), (0,))
    other = panel_of(np.zeros((6, 1, 1)), (0,), (0,), Group("closed_book", "small"))
    got = table((one, other), "tokens")
    assert got.y.shape == (5, 3) and got.left_out == 0
