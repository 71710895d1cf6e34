"""What bound a run: a protocol's own turn limit and its malformed-turn limit are told apart from the two budgets."""

import asyncio

import pytest

from engine.models.scripted import Scripted
from engine.run.account import bound
from engine.run.driver import Driver
from engine.strategies import PLAYED, knobs_of, start
from engine.types import Budget, Search, Thought
from tests.fakes import QUESTION, Shelf

PLENTY = Budget(9, 500)


def ended(name, replies, budget=PLENTY, **knobs):
    driver = Driver(Scripted(replies), Shelf(), budget, QUESTION.id)
    return asyncio.run(driver.run(start(name, QUESTION, knobs_of(name, knobs))))


def counting():
    """Says something new each time, and never that it is done."""
    numbers = iter(range(10_000))
    return lambda _: f"what about number {next(numbers)}?"


TURNS = {
    "iterative": {"turns": 2},
    "self_ask": {"follow_ups": 1},
    "search_r1": {"turns": 1},
    "r1_searcher": {"retrievals": 1},
    "corag": {"length": 2},
    "corag_search": {"chains": 2, "length": 1},
    "deep_research": {"rounds": 2, "width": 1},
    "self_consistency": {"samples": 2, "strategy": "corag", "knobs": {"length": 1}},
}
OPENS = {"search_r1": "<search>", "r1_searcher": "<|begin_of_query|>", "self_ask": "Follow up:"}


@pytest.mark.parametrize("name", TURNS)
def test_a_protocol_that_has_used_all_its_turns_says_so(name):
    new = counting()

    def say(call):
        if name in OPENS and call.prompt[-1].content.endswith(OPENS[name]):
            return new(call)
        return OPENS.get(name) or new(call)

    trace = ended(name, say, **TURNS[name])
    assert (trace.stopped_by, trace.cut_off) == ("turns", True)
    assert trace.search.used < PLENTY.search


@pytest.mark.parametrize("name", TURNS)
def test_a_search_that_the_budget_refuses_is_named_before_the_turns(name):
    new = counting()

    def say(call):
        if name in OPENS and call.prompt[-1].content.endswith(OPENS[name]):
            return new(call)
        return OPENS.get(name) or new(call)

    assert ended(name, say, Budget(0, 500), **TURNS[name]).stopped_by == "search"


@pytest.mark.parametrize(
    ("name", "replies", "knobs"),
    [
        ("search_r1", ["hm", "ha", "X"], {"malformed": 1}),
        ("r1_searcher", ["hm", "X"], {}),
        ("r1_searcher", ["<|begin_of_query|>", "", "X"], {}),
        ("r1_searcher", ["hm"], {"at_limit": "refuse"}),
        ("self_ask", ["hm", "ha", "X"], {"malformed": 1}),
        ("self_ask", ["", "X"], {}),
        ("self_ask", ["Follow up:", "", "X"], {}),
    ],
)
def test_too_many_malformed_turns_are_what_bound_a_run(name, replies, knobs):
    trace = ended(name, replies, **knobs)
    assert (trace.stopped_by, trace.cut_off) == ("malformed", True)


@pytest.mark.parametrize("name", sorted(set(PLAYED) - set(TURNS)))
def test_strategies_without_a_loop_end_by_their_answer(name):
    if name in ("closed_book", "single_retrieval", "fan_out"):
        budget = Budget(min(9, knobs_of(name).most_searches), 500)
        assert ended(name, counting(), budget).stopped_by == "answer"


def test_a_chain_of_no_look_ups_has_not_used_its_turns():
    assert ended("corag", counting(), length=0).stopped_by == "answer"


def test_the_order_in_which_limits_are_named():
    refused, cut = Search((0,), refused=True), Thought((1,), cut=True)
    assert bound([cut, refused], {"turns"}) == "search"
    assert bound([cut], {"malformed"}) == "think"
    assert bound([], {"turns", "malformed"}) == "malformed"
    assert bound([], {"turns"}) == "turns"
    assert bound([]) == "answer"
