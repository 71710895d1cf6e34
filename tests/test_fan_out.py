"""Fan-out: one list, one round, one fused ranking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.strategies import fan_out, wide
from engine.types import Budget, Reading, Search
from tests.dialogues import Library, dialogue, shape, user
from tests.fakes import QUESTION

Q = QUESTION.text
BOOKS = {
    "Where was": [("A", "a"), ("B", "b")],
    "yard": [("B", "b"), ("C", "c")],
    "keel": [("B", "b"), ("D", "d")],
}


def test_the_question_and_its_sub_questions_go_out_in_one_round_and_their_rankings_are_fused():
    replies = ["1. Which yard?\n2. Who laid the keel?", "so", "Pirnby"]
    trace, said, library = dialogue("fan_out", replies, Budget(8, 99), Library(**BOOKS))
    assert shape(trace) == [f"?{Q}", "?Which yard?", "?Who laid the keel?", "~so", "=Pirnby"]
    assert (trace.search.used, trace.rounds, library.calls) == (3, 1, 1)
    assert "[1] B: b\n[2] A: a\n[3] C: c\n[4] D: d" in user(said[-1])
    assert said[0].prompt[0].content == fan_out.SUB_QUESTIONS.format(count=3)
    assert trace.stopped_by == "answer"


def test_the_list_belongs_to_the_first_query_and_is_paid_once():
    trace, said, _ = dialogue("fan_out", ["one\ntwo", "so", "X"], Budget(8, 99))
    tokens = [s.tokens for s in trace.steps if isinstance(s, Search)]
    assert tokens[0] == trace.query_tokens > 0
    assert tokens[1:] == [0, 0]


def test_a_small_search_budget_cuts_the_round_short_in_the_order_written():
    trace, _, library = dialogue("fan_out", ["one\ntwo\nthree", "so", "X"], Budget(2, 99))
    assert shape(trace)[:4] == [f"?{Q}", "?one", "!two", "!three"]
    assert (library.asked, trace.stopped_by) == ([Q, "one"], "search")


def test_a_width_of_one_is_single_retrieval():
    one, said, _ = dialogue("fan_out", ["so", "X"], Budget(1, 99), Library(**BOOKS), width=1)
    single, same, _ = dialogue("single_retrieval", ["so", "X"], Budget(1, 99), Library(**BOOKS))
    assert [c.prompt for c in said] == [c.prompt for c in same]
    assert shape(one) == shape(single)


def test_variants_are_asked_for_by_their_own_words():
    _, said, _ = dialogue("fan_out", ["a", "so", "X"], Budget(2, 99), by="variants", width=2)
    assert said[0].prompt[0].content == fan_out.VARIANTS.format(count=1)
    assert said[0].cap == 32


@pytest.mark.parametrize("text", ["", "\n", f"- {Q}\n{Q.upper()}", "   \n\x00"])
def test_a_list_without_a_new_query_leaves_the_question_alone(text):
    trace, _, library = dialogue("fan_out", [text, "so", "X"], Budget(8, 99))
    assert library.asked == [Q]


def test_a_model_that_never_stops_sends_no_more_than_the_width():
    long = "\n".join(f"query {n}" for n in range(90))
    trace, said, library = dialogue("fan_out", [long, "so", "X"], Budget(50, 99), width=5)
    assert library.asked == [Q, "query 0", "query 1", "query 2", "query 3"]
    assert said[0].cap == 4 * 32


def test_without_thinking_the_answer_follows_the_fused_passages():
    trace, said, _ = dialogue("fan_out", ["Which yard?", "X"], Budget(3, 0), Library(**BOOKS))
    assert shape(trace) == [f"?{Q}", "?Which yard?", "~refused", "=X"]
    assert "[1] B: b" in user(said[-1])


def test_only_the_best_of_the_fusion_are_kept_and_all_that_was_read_is_told():
    trace, said, _ = dialogue(
        "fan_out", ["Which yard?", "so", "X"], Budget(3, 9), Library(**BOOKS), keep=1
    )
    assert user(said[-1]).count("[") == 1
    assert sum(len(s.passages) for s in trace.steps if isinstance(s, Reading)) == 4


@given(st.text(), st.integers(0, 9), st.lists(st.text()))
def test_listed_queries_are_new_few_short_and_on_one_line(text, most, asked):
    found = wide.listed(text, most, asked)
    assert len(found) <= most
    folded = [q.casefold() for q in found]
    assert len(set(folded)) == len(folded) and not set(folded) & {a.casefold() for a in asked}
    assert all(q and "\n" not in q and "<|" not in q and len(q) <= wide.LONGEST for q in found)


def test_marks_of_lists_are_taken_off_and_numbers_that_matter_stay():
    text = '1. "Who?"\n2) When\n- Where\n• How\n[3] Why\n1912 census\n3 ships of Pirnby'
    assert wide.listed(text, 9) == (
        "Who?", "When", "Where", "How", "Why", "1912 census", "3 ships of Pirnby",
    )  # fmt: skip
