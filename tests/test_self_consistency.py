"""Self-consistency: samples inside the same totals, one answer among theirs, every smaller N read back."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputError
from engine.models.scripted import Scripted
from engine.run.account import rounds
from engine.run.driver import Driver
from engine.run.requests import Think, Together, Write
from engine.strategies import knobs_of, prompt_hash, self_consistency, start
from engine.strategies.self_consistency import Sample, chosen, samples_of
from engine.sweeps.trajectory import completed
from engine.types import Answer, Budget, Message, RunConfig, Thought
from tests.dialogues import Library, dialogue, shape
from tests.fakes import QUESTION, Parrot, Shelf

Q = QUESTION.text
CLOSED = {"strategy": "closed_book", "knobs": {"think_cap": 0}}


def test_the_most_frequent_normalised_answer_wins_in_its_first_wording():
    replies = ["Bob", "The Pirnby", "pirnby."]
    trace, said, _ = dialogue("self_consistency", replies, Budget(0, 99), samples=3, **CLOSED)
    assert shape(trace) == ["~Bob", "~The Pirnby", "~pirnby.", "=The Pirnby"]
    assert (trace.answer, trace.answer_tokens, trace.stopped_by) == ("The Pirnby", 0, "answer")
    assert {c.temperature for c in said} == {0.7}
    assert len({c.seed for c in said}) == 3


def test_ties_go_to_the_first_seen_and_empty_answers_have_no_say():
    assert chosen([Sample("b", 0), Sample("a", 0)]) == "b"
    assert chosen([Sample("", 0), Sample("\n", 0), Sample("Ann", 0)]) == "Ann"
    assert chosen([Sample("A", 0), Sample("b", 0), Sample("a ", 0)]) == "A"
    assert chosen([]) == chosen([Sample(" ", 1)]) == ""


def test_fewest_searches_takes_the_sample_that_searched_least():
    said = [Sample("a", 3), Sample("b", 1), Sample("c", 1), Sample("", 0)]
    assert chosen(said, "fewest_searches") == "b"


def test_samples_that_search_less_are_known_by_their_own_count():
    def reply(call):
        if call.prompt[0].content.startswith("Break"):
            known = "Known" in call.prompt[1].content
            return "done" if known or call.seed % 2 else "Which yard?"
        return f"answer {call.seed % 2}"

    seeds = set()
    for seed in range(8):
        model = Scripted(reply)
        driver = Driver(model, Library(), Budget(8, 999), "q1", seed)
        knobs = knobs_of("self_consistency", {"samples": 3, "select": "fewest_searches"})
        trace = asyncio.run(driver.run(start("self_consistency", QUESTION, knobs)))
        samples = samples_of(trace.steps)
        least = min(s.searches for s in samples)
        assert trace.answer == next(s.answer for s in samples if s.searches == least)
        seeds.add(tuple(s.searches for s in samples))
    assert len(seeds) > 1


def test_both_budgets_are_totals_split_before_any_sample_starts():
    knobs = {"strategy": "single_retrieval", "samples": 3, "answer_cap": 1}
    trace, _, library = dialogue(
        "self_consistency", lambda _: "one two three four five six", Budget(2, 9), **knobs
    )
    assert library.asked == [Q, Q]
    assert trace.think.used == 9
    thoughts = [s.tokens for s in trace.steps if isinstance(s, Thought)]
    assert thoughts == [2, 1] * 3


def test_thoughts_leave_a_sample_the_tokens_of_its_answer():
    knobs = {"strategy": "closed_book", "samples": 2, "answer_cap": 4}
    trace, _, _ = dialogue(
        "self_consistency", lambda _: "a b c d e f g h i", Budget(0, 12), **knobs
    )
    assert shape(trace) == ["~a b", "~a b c d", "~a b", "~a b c d", "=a b c d"]


def test_a_share_smaller_than_an_answer_is_spent_on_the_answer_alone():
    knobs = {"strategy": "closed_book", "samples": 2, "answer_cap": 4}
    trace, _, _ = dialogue("self_consistency", lambda _: "a b c d e", Budget(0, 5), **knobs)
    assert shape(trace) == ["~refused", "~a b c", "~refused", "~a b", "=a b c"]


@pytest.mark.parametrize("think", [0, 2])
def test_without_a_token_for_each_sample_one_plain_run_takes_all_searches(think):
    replies = ["Which yard?", "Where?", "Pirnby"]
    knobs = {"knobs": {"length": 2, "sub_answer_cap": 1, "think_cap": 0}, "samples": 3}
    script = replies if not think else [replies[0], "Ann", replies[1], "Bo", replies[2]]
    trace, said, library = dialogue("self_consistency", script, Budget(4, think), **knobs)
    assert shape(trace)[0] == "~refused" and trace.steps[0].note == "samples"
    assert library.asked == ["Which yard?", "Where?"]
    assert trace.answer == "Pirnby" and trace.answer_tokens > 0
    assert (trace.cut_off, samples_of(trace.steps)) == (True, [])
    assert {c.temperature for c in said} == {0.0}


def test_when_no_sample_answers_the_question_is_answered_once():
    trace, _, _ = dialogue("self_consistency", ["", "", "X"], Budget(0, 9), samples=2, **CLOSED)
    assert shape(trace) == ["~", "~", "=X"]


@settings(max_examples=60)
@given(
    st.sampled_from(["closed_book", "single_retrieval", "iterative", "corag", "fan_out"]),
    st.integers(0, 10**6),
    st.integers(5, 300),
    st.integers(0, 9),
    st.sampled_from(["majority", "fewest_searches"]),
)
def test_every_smaller_n_is_read_from_the_samples_kept(inner, voice, think, search, select):
    given = {"strategy": inner, "samples": 5, "select": select}
    knobs = knobs_of("self_consistency", given)
    driver = Driver(Parrot(voice), Shelf(), Budget(search, think), QUESTION.id)
    trace = asyncio.run(driver.run(start("self_consistency", QUESTION, knobs)))
    samples = samples_of(trace.steps)
    assert len(samples) == 5
    assert sum(s.searches for s in samples) == trace.search.used
    assert chosen(samples, select) in (trace.answer, "")
    for few in range(1, 5):
        assert chosen(samples[:few], select) in {"", *(s.answer for s in samples[:few])}


def test_trees_inside_samples_keep_to_the_share_and_are_counted():
    knobs = {"strategy": "corag_search", "knobs": {"by": "tree_search", "length": 2}, "samples": 2}
    trace, said, _ = dialogue(
        "self_consistency", lambda c: f"word {c.seed % 9}", Budget(9, 999), **knobs
    )
    assert sum(s.searches for s in samples_of(trace.steps)) == trace.search.used == 9
    assert {c.temperature for c in said} == {0.7}


def test_itself_and_unknown_names_and_knobs_are_refused_in_one_line():
    with pytest.raises(InputError, match="another strategy"):
        knobs_of("self_consistency", {"strategy": "self_consistency"})
    with pytest.raises(InputError, match="did you mean 'corag"):
        knobs_of("self_consistency", {"strategy": "corga"})
    with pytest.raises(InputError, match="knob length"):
        knobs_of("self_consistency", {"knobs": {"length": -1}})


def test_the_sampled_strategys_knobs_and_prompts_are_part_of_the_runs_identity():
    config = RunConfig("self_consistency", "m", "i", Budget(0, 0), {"strategy": "iterative"})
    done = completed(config)
    assert done.knobs["knobs"] == knobs_of("iterative").model_dump()
    assert done.prompt_hash == prompt_hash("self_consistency", "iterative")
    assert completed(done) == done
    assert prompt_hash("self_consistency", "iterative") != prompt_hash("self_consistency", "corag")
    assert knobs_of("self_consistency", done.knobs).most_searches == 4 * 8


# ------------------------------------------------------------------------------------ the driver's part

PROMPT = (Message("user", "say"),)


def _run(play, budget):
    driver = Driver(Scripted(lambda _: "a b c d e f"), Shelf(), budget, "q")
    return asyncio.run(driver.run(play))


def test_what_samples_kept_back_and_did_not_use_returns_to_the_run():
    def quiet():
        yield Think(PROMPT, 9)
        return "x"

    def play():
        assert not (yield Together((quiet(), quiet()), keep=3)).refused
        assert (yield Think(PROMPT, 9)).tokens == 6
        return (yield Write(PROMPT, "answer", 2)).text

    trace = _run(play(), Budget(0, 10))
    assert [s.tokens for s in trace.steps if isinstance(s, Thought)] == [2, 2, 6]


def test_rounds_are_waves_on_the_longest_way():
    assert rounds([]) == 0
    assert rounds([(0,), (3,)]) == 2
    assert rounds([(0, 0), (0, 1), (2,)]) == 2
    assert rounds([(0, 0, 1), (0, 0, 3), (0, 1, 1)]) == 2
    assert rounds([(0, 0), (0, 1, 0), (0, 2, 0, 0), (0, 2, 0, 1), (0, 2, 4)]) == 3
    trace, _, _ = dialogue(
        "self_consistency", lambda _: "x", Budget(4, 99), strategy="single_retrieval"
    )
    assert (trace.search.used, trace.rounds) == (4, 1)


def test_an_answer_that_is_chosen_and_not_written_is_a_step_without_tokens():
    def play():
        yield Think(PROMPT, 2)
        return "chosen"

    trace = _run(play(), Budget(0, 5))
    answers = [s for s in trace.steps if isinstance(s, Answer)]
    assert [(a.text, a.tokens) for a in answers] == [("chosen", 0)]
    assert self_consistency.SAMPLE_ANSWER == "sample answer"
