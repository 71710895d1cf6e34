"""Scores against cases worked by hand from the published definitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.grading import (
    contains,
    evidence_recall,
    exact_match,
    f1,
    normalised,
    numeric,
    scores,
)
from engine.types import Passage, Question, Ranked, Reading


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The U.S. navy", "us navy"),
        ("  An   apple, a day!  ", "apple day"),
        ("well-known", "wellknown"),
        ("A.", ""),
        ("theatre anthem", "theatre anthem"),
        ("ÉCOLE", "école"),
        ("1,234", "1234"),
        ("don’t", "don’t"),
        ("a\u00a0b", "b"),
    ],
)
def test_normalisation_is_that_of_squad(text, normal):
    assert normalised(text) == normal


@pytest.mark.parametrize(
    ("answer", "gold", "em"),
    [
        ("the Eiffel Tower.", ["Eiffel tower"], 1.0),
        ("NYC", ["New York City", "N.Y.C."], 1.0),
        ("Eiffel", ["Eiffel tower"], 0.0),
        ("1,234", ["1234"], 1.0),
        ("Zürich", ["zürich"], 1.0),
        ("Zurich", ["Zürich"], 0.0),
        ("", ["Paris"], 0.0),
        ("", ["The"], 0.0),
        (" \n", ["a"], 0.0),
        ("Paris", [], 0.0),
    ],
)
def test_exact_match(answer, gold, em):
    assert exact_match(answer, gold) == em


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ("tower of Paris", ["Eiffel tower Paris"], 2 * (2 / 3) * (2 / 3) / (4 / 3)),
        ("big big dog", ["big dog"], 2 * (2 / 3) * 1 / (5 / 3)),
        ("London", ["Paris", "London town"], 2 * 1 * 0.5 / 1.5),
        ("yes", ["yes"], 1.0),
        ("yes indeed", ["yes"], 0.0),
        ("no", ["yes"], 0.0),
        ("yes", ["yes it is"], 0.0),
        ("noanswer", ["no answer"], 0.0),
        ("yesterday noon", ["yesterday"], 2 * 0.5 * 1 / 1.5),
        ("", ["Paris"], 0.0),
        ("", ["the"], 0.0),
        ("Paris", [], 0.0),
    ],
)
def test_f1_over_token_multisets_with_the_yes_no_guard(answer, gold, score):
    assert f1(answer, gold) == pytest.approx(score)


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ("It was built in Pirnby, I think", ["Pirnby"], 1.0),
        ("Pirnbyville", ["Pirnby"], 0.0),
        ("the town of New York", ["New York City", "new york"], 1.0),
        ("anything", ["the"], 0.0),
        ("", ["Pirnby"], 0.0),
    ],
)
def test_contains_wants_whole_words(answer, gold, score):
    assert contains(answer, gold) == score


@pytest.mark.parametrize(
    ("answer", "gold", "score"),
    [
        ("42", ["42"], 1.0),
        ("There are 1,234,567 of them", ["1234567"], 1.0),
        ("12 and then 15.", ["15"], 1.0),
        ("15, not 12", ["15"], 0.0),
        ("1997-1998", ["1998"], 1.0),
        ("-3", ["-3"], 1.0),
        ("it fell by -3 degrees", ["3"], 0.0),
        ("3,4", ["34"], 0.0),
        ("3.50", ["3.5"], 1.0),
        ("none", ["7"], 0.0),
        ("", ["7"], 0.0),
        ("7", ["Paris"], None),
        ("7", [], None),
        ("1,234", ["about 5", "1,234"], 1.0),
    ],
)
def test_numeric_reads_the_last_number(answer, gold, score):
    assert numeric(answer, gold) == score


def test_evidence_recall_is_the_share_of_supporting_passages_shown():
    def shown(*ids):
        return Reading(path=(0,), passages=tuple(Ranked(Passage(i, "", ""), 1, 0) for i in ids))

    assert evidence_recall(["a", "b"], [shown("a", "x"), shown("a")]) == 0.5
    assert evidence_recall(["a"], []) == 0.0
    assert evidence_recall([], [shown("a")]) is None


def test_without_gold_there_are_no_scores():
    assert scores(Question("q", "?"), "x", []).em is None
    assert scores(Question("q", "?", (), ("p",)), "x", []).evidence_recall == 0.0


@given(st.text(), st.lists(st.text(), max_size=3))
def test_scores_lie_between_0_and_1_and_a_match_is_a_full_f1(answer, gold):
    given_scores = (exact_match(answer, gold), f1(answer, gold), contains(answer, gold))
    assert all(0.0 <= s <= 1.0 for s in given_scores)
    assert numeric(answer, gold) in (None, 0.0, 1.0)
    if exact_match(answer, gold):
        assert f1(answer, gold) == 1.0


@given(st.text(alphabet="abc the,.!A", max_size=20))
def test_an_answer_equals_itself_unless_nothing_was_said(text):
    assert exact_match(text, [text]) == f1(text, [text]) == float(bool(text.strip()))
