import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.pricing import PriceCard, cost, flops
from engine.types import Usage

CARD = PriceCard(input=2.0, cached_input=0.5, output=8.0, reasoning=10.0, per_query=0.01)
counts = st.integers(0, 10**9)
usages = st.builds(
    lambda cached, fresh, hidden, shown, queries: Usage(
        cached + fresh, cached, hidden + shown, hidden, queries
    ),
    *[counts] * 5,
)


def test_each_kind_of_token_is_charged_once_at_its_own_price() -> None:
    usage = Usage(
        input_tokens=3_000_000,
        cached_input_tokens=1_000_000,
        completion_tokens=5_000_000,
        reasoning_tokens=2_000_000,
        queries=7,
    )
    assert cost(usage, CARD) == pytest.approx(2 * 2.0 + 1 * 0.5 + 3 * 8.0 + 2 * 10.0 + 0.07)


@pytest.mark.parametrize(
    ("missing", "usage"),
    [
        ("input", Usage(input_tokens=1)),
        ("cached_input", Usage(input_tokens=1, cached_input_tokens=1)),
        ("output", Usage(completion_tokens=1)),
        ("reasoning", Usage(completion_tokens=1, reasoning_tokens=1)),
        ("per_query", Usage(queries=1)),
    ],
)
def test_a_used_thing_without_a_price_makes_the_cost_unknown(missing: str, usage: Usage) -> None:
    prices = {"input": 1.0, "cached_input": 1.0, "output": 1.0, "reasoning": 1.0, "per_query": 1.0}
    assert cost(usage, PriceCard(**prices)) is not None
    assert cost(usage, PriceCard(**{**prices, missing: None})) is None


def test_an_unused_thing_needs_no_price_and_free_is_not_unknown() -> None:
    assert cost(Usage(), PriceCard()) == 0.0
    assert cost(Usage(queries=3), PriceCard(per_query=0.0)) == 0.0


def test_a_card_is_known_only_when_every_price_is() -> None:
    assert CARD.known
    assert not PriceCard(input=1.0, output=1.0).known


@given(usages, usages)
def test_the_cost_of_two_usages_is_the_sum_of_their_costs(one: Usage, other: Usage) -> None:
    parts = (cost(one, CARD) or 0.0) + (cost(other, CARD) or 0.0)
    assert cost(one + other, CARD) == pytest.approx(parts)


def test_flops_are_two_per_parameter_and_computed_token() -> None:
    usage = Usage(input_tokens=100, cached_input_tokens=40, completion_tokens=10)
    assert flops(usage, 135_000_000) == 2 * 135_000_000 * 70
