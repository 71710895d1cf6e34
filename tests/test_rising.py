"""The question that shows what searching buys turns from wrong to right once, at most reasoning budgets."""

from __future__ import annotations

import pytest

from engine.analysis.rising import Tried, first_rising, rises


@pytest.mark.parametrize(
    ("em", "told"),
    [
        ({0: 0, 1: 0, 2: 1, 4: 1}, True),
        ({4: 1, 0: 0}, True),
        ({0: 0, 1: 1, 2: 0, 4: 1}, False),
        ({0: 0, 1: 1, 2: 0}, False),
        ({0: 1, 1: 1}, False),
        ({0: 0, 1: 0}, False),
        ({0: 0}, False),
        ({}, False),
    ],
)
def test_a_question_rises_when_it_turns_from_wrong_to_right_once(em, told):
    assert rises(em) is told


def tried(question: str, *lines: str) -> list[Tried]:
    """One line for each reasoning budget, one figure for each search budget."""
    return [
        Tried(question, search, think, float(em))
        for think, line in enumerate(lines)
        for search, em in enumerate(line)
    ]


def test_the_first_question_that_rises_at_more_than_half_of_the_reasoning_budgets_is_taken():
    rows = [
        *tried("never", "0000", "0000", "1111"),
        *tried("once", "0011", "0101", "0000", "0001"),
        *tried("mostly", "0011", "0001", "0101"),
        *tried("always", "0111", "0111", "0111"),
    ]
    assert first_rising(rows) == "mostly"


def test_a_budget_counts_as_right_only_where_every_repeat_is():
    assert first_rising([*tried("unsure", "01"), Tried("unsure", 1, 0, 0.0)]) is None


def test_without_history_or_rise_there_is_none():
    assert first_rising([]) is None and first_rising(tried("flat", "00", "11")) is None
