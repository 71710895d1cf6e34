"""Search-R1 turn by turn, as its protocol has it, awkward turns included."""

from engine.strategies import blocks, search_r1
from engine.types import Budget, Thought
from tests.dialogues import shape
from tests.fakes import QUESTION, Shelf
from tests.test_strategies import dialogue

NAME = "search_r1"


class One(Shelf):
    """Finds the one passage."""

    def _find(self, query):
        found = super()._find(query)[:1]
        return tuple(
            r.__class__(r.passage.__class__("p1", "Tern", "Built in Pirnby."), 1, 1.0)
            for r in found
        )


def turn(call):
    return call.prompt[-1].content if call.prompt[-1].role == "assistant" else ""


def test_it_thinks_searches_reads_thinks_and_answers_in_one_turn():
    replies = [
        "<think>I need the ship.</think>\n<search>",
        " ship yard </search>",
        "<think>Pirnby then.</think> <answer>",
        "Pirnby</answer>",
    ]
    trace, model = dialogue(NAME, replies, Budget(4, 99), One())
    assert shape(trace) == [
        "~<think>I need the ship.</think>\n<s", "?ship yard", "~<think>Pirnby then.</think> <a", "=Pirnby",
    ]  # fmt: skip
    first = "<think>I need the ship.</think>\n<search>"
    block = (
        "ship yard</search>\n\n<information>Doc 1(Title: Tern) Built in Pirnby.</information>\n\n"
    )
    assert [turn(c) for c in model.history] == [
        "", first, first + block, first + block + "<think>Pirnby then.</think>\n<answer>",
    ]  # fmt: skip
    assert (trace.answer, trace.stopped_by, trace.cut_off) == ("Pirnby", "answer", False)
    assert not any(s.note for s in trace.steps if isinstance(s, Thought))
    assert min(trace.thinking_tokens, trace.query_tokens, trace.answer_tokens) > 0


def test_a_malformed_turn_is_corrected_and_tried_again():
    replies = ["The ship, hm.", "<think>so</think><answer>", "Pirnby"]
    trace, model = dialogue(NAME, replies, Budget(4, 99))
    assert turn(model.history[1]) == f"The ship, hm.\n{search_r1.CORRECTION}\n"
    assert [s.note for s in trace.steps if isinstance(s, Thought)] == ["malformed turn", ""]
    assert trace.answer == "Pirnby"


def test_after_the_last_malformed_turn_the_forced_answer_follows():
    trace, model = dialogue(NAME, ["a", "b", "Pirnby"], Budget(4, 99), malformed=1)
    assert shape(trace) == ["~a", "~b", "=Pirnby"]
    assert model.history[-1].prompt == blocks.answer_prompt(QUESTION, thoughts="a\nb")


def test_a_model_that_never_stops_is_stopped_at_each_turn_and_then_answers():
    trace, _ = dialogue(NAME, lambda _: "and so on " * 50, Budget(4, 9999), turn_cap=7)
    assert shape(trace)[:3] == ["~and so on and so on and"] * 3
    assert trace.thinking_tokens == 21


def test_a_search_beyond_the_turns_is_answered_by_force():
    replies = ["<search>", "a", "<search>", "Pirnby"]
    trace, model = dialogue(NAME, replies, Budget(9, 99), One(), turns=1)
    assert shape(trace) == ["~<s", "?a", "~<s", "=Pirnby"]
    assert "[1] Tern: Built in Pirnby." in model.history[-1].prompt[-1].content


def test_a_search_without_budget_is_refused_and_answered_by_force():
    trace, _ = dialogue(NAME, ["<think>who?</think><search>", "Pirnby"], Budget(0, 99))
    assert shape(trace) == ["~<think>who?</think><s", "!", "=Pirnby"]
    assert (trace.stopped_by, trace.cut_off) == ("search", True)


def test_without_thinking_the_harness_opens_each_search_until_they_are_spent():
    trace, model = dialogue(NAME, ["a", "b</search>", "Pirnby"], Budget(2, 0), One())
    assert shape(trace) == ["~refused", "?a", "~refused", "?b", "~refused", "!", "=Pirnby"]
    assert trace.thinking_tokens == 0
    assert turn(model.history[0]) == "<search>"
    assert turn(model.history[1]).endswith("</information>\n\n<search>")


def test_a_budget_that_ends_in_the_middle_of_a_tag_closes_the_thought():
    replies = ["<think>so</think><search>", "a", "Pirnby"]
    for think in range(1, 5):
        trace, model = dialogue(NAME, replies, Budget(1, think), One())
        opened = turn(model.history[1])
        assert opened.count("<search>") == 1
        assert opened.endswith("<search>")
        assert opened.count("<think>") == opened.count("</think>")
        assert trace.thinking_tokens <= think


def test_a_query_without_a_closing_tag_is_sent():
    trace, _ = dialogue(NAME, ["<search>", "who built it", "<answer>", "X"], Budget(4, 99))
    assert shape(trace)[1] == "?who built it"


def test_of_two_tags_the_first_is_the_action():
    replies = [
        "<search>",
        "a</search><search>b</search>",
        "<answer>A</answer>",
        "A</answer><answer>B",
    ]
    trace, _ = dialogue(NAME, replies, Budget(4, 99))
    assert shape(trace)[1:] == ["?a", "~<a", "=A"]


def test_an_answer_inside_the_thought_ends_the_run():
    trace, _ = dialogue(NAME, ["<think>or <answer>X</answer>", "X</answer>"], Budget(4, 99))
    assert trace.answer == "X"


def test_an_empty_query_is_a_malformed_turn_that_reasoning_pays_for():
    trace, _ = dialogue(NAME, ["<search>", "</search>", "<answer>", "X"], Budget(4, 99))
    assert shape(trace) == ["~<s", "~", "~<a", "=X"]
    assert trace.steps[1].note == "malformed turn"
    assert trace.search.used == 0


def test_an_empty_query_that_reasoning_cannot_pay_for_sends_the_question():
    trace, _ = dialogue(NAME, ["</search>", "X"], Budget(1, 0))
    assert shape(trace)[:2] == ["~refused", f"?{QUESTION.text}"]


def test_a_repeated_query_is_sent_and_counted_again():
    replies = ["<search>", "a", "<search>", "a", "<answer>", "X"]
    trace, _ = dialogue(NAME, replies, Budget(4, 99))
    assert (trace.search.used, shape(trace)[1], shape(trace)[3]) == (2, "?a", "?a")


def test_of_several_answers_by_force_the_last_counts():
    replies = ["a", "<answer>A</answer> <answer>B</answer>"]
    trace, _ = dialogue(NAME, replies, Budget(4, 99), malformed=0)
    assert trace.answer == "B"


def test_the_oldest_turns_drop_out_of_the_prompt():
    replies = ["one<search>", "a", "two<search>", "b", "<answer>", "X"]
    _, model = dialogue(NAME, replies, Budget(4, 99), window=1)
    assert turn(model.history[-1]).startswith("two")
