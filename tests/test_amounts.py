"""Times and money read as a person says them."""

from __future__ import annotations

import pytest

from engine.figures.amounts import money, span


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 s"),
        (0.024, "0.02 s"),
        (2.56, "2.6 s"),
        (9.96, "10 s"),
        (28.5, "28 s"),
        (59.7, "1 min"),
        (95, "1 min 35 s"),
        (3599.9, "1 h"),
        (3700, "1 h 2 min"),
    ],
)
def test_a_time_is_told_in_the_units_of_its_size(seconds, said):
    assert span(seconds) == said


@pytest.mark.parametrize(
    ("cost", "currency", "said"),
    [
        (0.00123, "USD", "$0.0012"),
        (0.000002, "USD", "$0.000002"),
        (0.5, "EUR", "€0.50"),
        (1234.5, "CHF", "1,234.50 CHF"),
        (0.0, "USD", "$0.00"),
        (0.013, "", "cost 0.013"),
    ],
)
def test_money_has_its_sign_and_no_exponent(cost, currency, said):
    assert money(cost, currency) == said
