"""Budgets: what is granted, what comes back, and what is refused at the door."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.run.budgets import MOST_SEARCHES, MOST_THINKING, Purse, Purses, checked
from engine.types import Budget

absurd = st.one_of(
    st.integers(max_value=-1),
    st.integers(min_value=MOST_THINKING + 1),
    st.just(10**6000),
    st.just(-(10**6000)),
    st.floats(),
    st.booleans(),
    st.text(max_size=500),
    st.none(),
)


@given(absurd)
def test_an_absurd_budget_is_refused_in_one_clear_line(value):
    for budget, word in ((Budget(value, 0), "search"), (Budget(0, value), "think")):
        with pytest.raises(InputError, match=f"the {word} budget must be a whole number") as told:
            checked(budget)
        assert len(str(told.value)) < 160
        assert "\n" not in str(told.value)


@given(st.integers(0, MOST_SEARCHES), st.integers(0, MOST_THINKING))
def test_a_sane_budget_comes_back_as_it_is(search, think):
    assert checked(Budget(search, think)) == Budget(search, think)


def test_a_mode_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="search budget can only be cap or force"):
        checked(Budget(1, 1, search_mode="effort"))
    with pytest.raises(InputError, match="think budget can only be cap or force"):
        checked(Budget(1, 1, think_mode="whatever"))
    assert checked(Budget(1, 1, "force", "force")).search_mode == "force"


@given(st.integers(0, 50), st.lists(st.integers(-5, 60)))
def test_a_purse_never_grants_more_than_it_holds(limit, wishes):
    purse = Purse(limit)
    granted = [purse.take(wish) for wish in wishes]
    assert all(0 <= g <= max(0, wish) for g, wish in zip(granted, wishes, strict=True))
    assert purse.used == sum(granted) <= limit
    assert purse.remaining == limit - sum(granted)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 9), st.data())
def test_shares_sum_to_the_purse_and_what_is_left_comes_back(search, think, parts, data):
    purses = Purses.of(Budget(search, think))
    shares = purses.share(parts)
    limits = [s.search.limit for s in shares]
    assert sum(limits) == (search if parts else 0)
    assert limits == sorted(limits, reverse=True)
    assert max(limits, default=0) - min(limits, default=0) <= 1
    spent = [s.think.take(data.draw(st.integers(0, s.think.limit))) for s in shares]
    for share in shares:
        purses.settle(share)
    assert (purses.search.used, purses.think.used) == (0, sum(spent))


def test_five_searches_for_two_branches_are_three_and_two():
    assert [s.search.limit for s in Purses.of(Budget(5, 0)).share(2)] == [3, 2]
