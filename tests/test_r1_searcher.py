"""R1-Searcher segment by segment, as its protocol has it, awkward segments included."""

from engine.strategies import blocks, r1_searcher
from engine.types import Answer, Budget, Passage, Ranked, Thought
from tests.dialogues import shape
from tests.fakes import QUESTION, Shelf
from tests.test_strategies import dialogue

NAME = "r1_searcher"
ASK = "<|begin_of_query|>"


class One(Shelf):
    """Finds the one passage."""

    def _find(self, query):
        return (Ranked(Passage("p1", "Tern", "Built in Pirnby."), 1, 1.0),)


def turn(call):
    return call.prompt[-1].content if call.prompt[-1].role == "assistant" else ""


def test_it_stops_its_thought_to_look_up_resumes_and_answers():
    replies = [
        f"The ship? {ASK}",
        'ship\t"yard" ...<|end_of_query|>',
        "So.</think>\n<answer>",
        "Pirnby</answer>",
    ]
    trace, model = dialogue(NAME, replies, Budget(8, 99), One())
    assert shape(trace) == ["~The ship? <|", "?ship yard", "~So.</think>\n<a", "=Pirnby"]
    opened = f"<think>The ship?{ASK}"
    block = "ship yard<|end_of_query|>\n\n<|begin_of_documents|>\n(1)Tern Built in Pirnby.<|end_of_documents|>\n\n"
    assert [turn(c) for c in model.history] == [
        "<think>", opened, opened + block, opened + block + "So.</think>\n<answer>",
    ]  # fmt: skip
    assert trace.stopped_by == "answer"


def test_a_segment_without_a_tag_is_a_failure_and_answered_by_force():
    trace, model = dialogue(NAME, ["I am lost.", "Pirnby"], Budget(8, 99))
    assert shape(trace) == ["~I am lost.", "=Pirnby"]
    assert [s.note for s in trace.steps if isinstance(s, Thought)] == ["malformed turn"]
    assert model.history[-1].prompt == blocks.answer_prompt(QUESTION, thoughts="I am lost.")


def test_as_in_the_source_a_failure_can_be_refused_at_no_cost():
    trace, _ = dialogue(NAME, ["I am lost."], Budget(8, 99), at_limit="refuse")
    assert trace.answer == r1_searcher.UNKNOWN
    assert trace.answer_tokens == 0
    assert [s.text for s in trace.steps if isinstance(s, Answer)] == [r1_searcher.UNKNOWN]


def test_an_empty_query_is_a_failure():
    trace, _ = dialogue(NAME, [ASK, '"..."<|end_of_query|>'], Budget(8, 99), at_limit="refuse")
    assert shape(trace) == ["~<|", '~"..."', f"={r1_searcher.UNKNOWN}"]
    assert (trace.search.used, trace.steps[1].note) == (0, "malformed turn")


def test_an_empty_query_that_reasoning_cannot_pay_for_sends_the_question():
    trace, _ = dialogue(NAME, ["<|end_of_query|>", "X"], Budget(1, 0))
    assert shape(trace)[:2] == ["~refused", f"?{QUESTION.text}"]


def test_it_looks_up_eight_times_at_most_and_then_answers_by_force():
    replies = [ASK, "a"] * 8 + [ASK, "X"]
    trace, _ = dialogue(NAME, replies, Budget(50, 999))
    assert trace.search.used == 8
    assert shape(trace)[-2:] == ["~<|", "=X"]


def test_the_ninth_segment_may_still_answer():
    trace, _ = dialogue(NAME, [ASK, "a"] * 2 + ["<answer>", "X"], Budget(50, 999), retrievals=2)
    assert shape(trace)[-2:] == ["~<a", "=X"]


def test_a_search_without_budget_is_refused_and_answered_or_given_up():
    trace, _ = dialogue(NAME, [ASK, "X"], Budget(0, 99))
    assert (shape(trace), trace.stopped_by) == (["~<|", "!", "=X"], "search")
    trace, _ = dialogue(NAME, [ASK], Budget(0, 99), at_limit="refuse")
    assert trace.answer == r1_searcher.UNKNOWN


def test_without_thinking_the_harness_opens_the_query_until_searches_are_spent():
    trace, model = dialogue(NAME, ["a", "a", "X"], Budget(2, 0), One())
    assert shape(trace) == ["~refused", "?a", "~refused", "?a", "~refused", "!", "=X"]
    assert turn(model.history[0]) == f"<think>{ASK}"


def test_a_budget_that_ends_in_the_middle_of_a_tag_opens_one_query():
    for think in range(1, 5):
        trace, model = dialogue(NAME, [f"so {ASK}", "a", "X"], Budget(1, think), One())
        assert turn(model.history[1]).count("<|") == 1
        assert trace.thinking_tokens <= think


def test_an_answer_inside_the_thought_closes_it():
    _, model = dialogue(NAME, ["maybe <answer>", "X"], Budget(8, 99))
    assert turn(model.history[-1]) == "<think>maybe</think>\n<answer>"


def test_a_query_without_a_closing_tag_and_one_with_a_second_tag_are_cut_at_the_first_end():
    for said in ("who built it", f"who built it<|end_of_query|>{ASK}more"):
        trace, _ = dialogue(NAME, [ASK, said, "<answer>", "X"], Budget(8, 99))
        assert shape(trace)[1] == "?who built it"


def test_a_model_that_never_stops_is_a_failure():
    trace, _ = dialogue(NAME, lambda _: "on and on " * 99, Budget(8, 999), segment_cap=5)
    assert (trace.thinking_tokens, trace.search.used) == (5, 0)
