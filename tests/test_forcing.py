"""A budget as a dose: early ends are dropped, and thought and search go on until it is spent or n cues were given."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputError
from engine.models.capabilities import Capabilities
from engine.models.scripted import Scripted
from engine.run.account import TOLD
from engine.run.budgets import MOST_CUES, doses
from engine.run.driver import Driver
from engine.run.memo import Memo
from engine.strategies import STRATEGIES, knobs_of, reachable, start, turns
from engine.sweeps.trajectory import run_cells
from engine.types import Budget, RunConfig, Thought
from tests.dialogues import notes, shape
from tests.fakes import QUESTION, Parrot, Shelf
from tests.test_turns import TagParrot

MEMO = ("closed_book", "single_retrieval")
BOTH = Budget(4, 120, "force", "force")
TAGS = {"search_r1": "<search>", "r1_searcher": "<|begin_of_query|>", "self_ask": "Follow up:"}
ANSWERS = {
    "search_r1": "<answer>",
    "r1_searcher": "<answer>",
    "self_ask": "So the final answer is:",
}


def forced(name, model, think, search=0, **knobs):
    driver = Driver(model, Shelf(), Budget(search, think, think_mode="force"), QUESTION.id)
    return asyncio.run(driver.run(start(name, QUESTION, knobs_of(name, knobs))))


def test_an_early_end_is_dropped_and_the_same_thought_goes_on_until_the_budget_is_spent():
    model = Scripted(["It is four.", " no, five six seven", "five"])
    trace = forced("closed_book", model, 7)
    thoughts = [s for s in trace.steps if isinstance(s, Thought)]
    assert [s.text for s in thoughts] == ["It is four.\nWait no, five six"]
    assert (trace.thinking_tokens, trace.think.remaining) == (7, 0)
    assert model.history[1].prompt[-1].content == "It is four.\nWait"
    assert model.history[1].cap == 7 - 4
    assert model.history[2].prompt[-1].content.endswith("It is four.\nWait no, five six")


def test_a_thought_is_told_to_go_on_only_so_often():
    model = Scripted(lambda _: "so")
    trace = forced("closed_book", model, 10_000)
    assert len(model.history) == 1 + MOST_CUES + 1
    assert trace.thinking_tokens == 2 * (1 + MOST_CUES)


def test_a_dose_of_nothing_thinks_nothing():
    assert forced("closed_book", Scripted(["X"]), 0).thinking_tokens == 0


def test_what_the_model_said_is_harmless_when_it_is_continued():
    model = Scripted(lambda _: "a <|im_end|> b")
    forced("single_retrieval", model, 40, search=1)
    assert not [c for c in model.history if "<|im_end" in c.prompt[-1].content]
    assert turns.waiting("") == "Wait"


def test_a_model_that_cannot_continue_its_turn_refuses_a_dose():
    model = Scripted(lambda _: "so")
    model.capabilities = Capabilities()
    for refusing in (model, Memo(model, None)):
        with pytest.raises(InputError, match="cannot continue"):
            forced("closed_book", refusing, 9)
    model.capabilities = Capabilities(prefix_continuation="plain")
    assert forced("closed_book", model, 9).thinking_tokens == 9


CELLS = st.lists(
    st.builds(Budget, st.just(0), st.integers(0, 60), think_mode=st.sampled_from(["cap", "force"])),
    min_size=1,
    max_size=5,
)


@settings(max_examples=30)
@given(st.sampled_from(MEMO), CELLS, st.integers(0, 10**6))
def test_forced_and_capped_cells_share_a_memo_and_say_what_they_say_alone(name, budgets, voice):
    setting = RunConfig(name, "m", "i", Budget(0, 0))

    def sweep(share):
        runs = run_cells(QUESTION, setting, budgets, Parrot(voice), Shelf(), share=share)
        return [(r.config.budget, r.trace.steps, r.trace.usage) for r in asyncio.run(runs).runs]

    with_memo, alone = sweep(True), sweep(False)
    assert [(b, [(type(s), s.tokens) for s in steps], u) for b, steps, u in with_memo] == [
        (b, [(type(s), s.tokens) for s in steps], u) for b, steps, u in alone
    ]
    assert all(u.completion_tokens == sum(s.tokens for s in steps) for _, steps, u in alone)


# ------------------------------------------------------------------------------------ searches as a dose


def dosed(name, replies, budget=BOTH, **knobs):
    model = Scripted(replies)
    driver = Driver(model, Shelf(), budget, QUESTION.id)
    trace = asyncio.run(driver.run(start(name, QUESTION, knobs_of(name, knobs))))
    assert callable(replies) or len(model.history) == len(replies)
    return trace, model


SEARCHES = Budget(2, 200, "force")


def test_a_chain_that_is_done_with_searches_unspent_is_told_to_look_one_thing_more_up():
    replies = ["Who?", "Ann", "done", "Where?", "Pirnby", "so", "Pirnby"]
    trace, model = dosed("corag", replies, SEARCHES, length=2)
    assert shape(trace) == ["?Who?", "~Ann", "~done", "~", "?Where?", "~Pirnby", "~so", "=Pirnby"]
    assert notes(trace) == ["done", TOLD["search"]]
    assert model.history[3].prompt[-1].content.endswith(f"- Who? Ann\n\n{turns.ONE_MORE}")
    assert [c.temperature for c in model.history[2:4]] == [0.0, turns.WARM]
    assert turns.ONE_MORE not in model.history[2].prompt[-1].content


def test_a_sentence_that_says_the_answer_is_dropped_and_is_the_next_query():
    replies = ["The answer is X.", "The answer is Y.", "Pirnby"]
    trace, model = dosed("iterative", replies, SEARCHES)
    assert shape(trace)[:4] == [f"?{QUESTION.text}", "~The answer is X.", "~", "?The answer is X."]
    assert model.history[1].prompt[-1].content.endswith(f"Thoughts:\n{turns.CUE}")
    assert trace.search.used == 2


@pytest.mark.parametrize("name", TAGS)
def test_an_answer_with_searches_unspent_is_dropped_and_the_turn_goes_on(name):
    asks, ends = TAGS[name], ANSWERS[name]
    read = ["Ann"] * (name == "self_ask")
    replies = [ends, asks, "who", *read, ends, asks, "where", *read, ends, "X"]
    trace, model = dosed(name, replies, SEARCHES)
    assert (trace.search.used, trace.answer, trace.stopped_by) == (2, "X", "answer")
    assert notes(trace).count(TOLD["search"]) == 2
    turn = model.history[1].prompt[-1].content
    assert turn.rstrip().endswith(turns.LOOK_FURTHER)
    assert "<answer>" not in turn.replace("<think>", "")


def test_research_that_misses_nothing_goes_another_round():
    replies = ["plan", "Who?", "Ann [1].", "nothing", "Where?", "Pirnby [2].", "nothing", "so", "X"]
    trace, _ = dosed("deep_research", replies, SEARCHES, width=1)
    assert trace.search.used == 2
    assert notes(trace).count(TOLD["search"]) == 1


def test_research_that_has_no_query_left_is_asked_for_one_more():
    replies = ["plan", "done", "Who?", "Ann [1].", "gap", "so", "X"]
    trace, model = dosed("deep_research", replies, Budget(1, 200, "force"), width=1, rounds=1)
    assert trace.search.used == 1
    assert model.history[2].prompt[-1].content.endswith(turns.ONE_MORE)


@pytest.mark.parametrize(
    ("name", "says"),
    [("corag", "done"), *ANSWERS.items(), ("deep_research", "done"), ("corag_search", "done")],
)
def test_a_model_that_will_not_search_is_told_so_only_n_times(name, says):
    knobs = {"chains": 1} if name == "corag_search" else {}
    trace, _ = dosed(name, lambda _: says, Budget(3, 100_000, "force"), **knobs)
    assert (trace.search.used, trace.answer != "?") == (0, True)
    assert notes(trace).count(TOLD["search"]) == MOST_CUES


def test_each_search_begins_the_count_of_cues_again():
    def say(call):
        told = turns.ONE_MORE in call.prompt[-1].content
        return f"look up {len(call.prompt[-1].content)}" if told else "done"

    trace, _ = dosed("corag", say, Budget(8, 100_000, "force"))
    assert trace.search.used == 8
    assert notes(trace).count(TOLD["search"]) == 8 > MOST_CUES


# ------------------------------------------------------------------------------------ thinking as a dose


@pytest.mark.parametrize("name", ["fan_out", "iterative", "corag", "deep_research"])
def test_the_last_thought_goes_on_until_the_dose_is_spent(name):
    new = iter(range(1000))
    trace, _ = dosed(
        name, lambda _: f"so {next(new)} and on and on it goes", Budget(1, 60, "cap", "force")
    )
    assert trace.think.remaining == 0
    assert turns.CUE in [s.text for s in trace.steps if isinstance(s, Thought)][-1]


@pytest.mark.parametrize("name", TAGS)
def test_an_answer_with_thinking_unspent_is_dropped_and_the_turn_thinks_on(name):
    trace, model = dosed(name, lambda _: ANSWERS[name], Budget(0, 25, "cap", "force"))
    assert notes(trace)[0] == TOLD["think"]
    assert turns.CUE in model.history[1].prompt[-1].content
    assert trace.think.remaining == 0 or notes(trace).count(TOLD["think"]) == MOST_CUES


def test_a_protocol_that_was_stopped_thinks_its_dose_before_the_forced_answer():
    trace, model = dosed(
        "search_r1", ["<search>", "hm hm", " five six", "X"], Budget(0, 8, "cap", "force")
    )
    assert trace.think.remaining == 0
    assert [s.text for s in trace.steps if isinstance(s, Thought)][-1].startswith("hm hm\nWait")
    assert "Wait" in model.history[-1].prompt[-1].content


# ------------------------------------------------------------------------------------ all of them

SMALL = {
    "corag_search": [{"chains": 2, "length": 2}, {"by": "tree_search", "length": 2, "expand": 2}],
    "self_consistency": [
        {"samples": 2, "strategy": "corag"},
        {"samples": 2, "strategy": "search_r1"},
    ],
    "iterative": [{}, {"by": "answer"}],
}
FORCED = [
    (name, knobs) for name in sorted(STRATEGIES) for knobs in SMALL.get(name, [{}])
    if knobs_of(name, knobs).forcible
]  # fmt: skip


@settings(max_examples=150)
@given(
    st.sampled_from(FORCED),
    st.integers(0, 6),
    st.integers(0, 90),
    st.integers(0, 10**6),
    st.sampled_from([Parrot, TagParrot]),
)
def test_a_dose_is_never_exceeded_and_is_spent_unless_cues_or_a_limit_stopped_it(
    setup, search, think, voice, kind
):
    name, knobs = setup
    made = knobs_of(name, knobs)
    search = min(search, made.most_searches)
    modes = ["force" if axis in made.forcible else "cap" for axis in ("search", "think")]
    budget = Budget(search, think, *modes)
    driver = Driver(kind(voice), Shelf(), budget, QUESTION.id)
    trace = asyncio.run(driver.run(start(name, QUESTION, made)))
    assert trace.search.used <= search and trace.think.used <= think
    assert trace.usage.completion_tokens == sum(s.tokens for s in trace.steps)
    told = notes(trace)
    own = {"turns", "malformed"} & driver.books.ended
    if "search" in doses(budget) and trace.search.remaining:
        assert own or told.count(TOLD["search"]) >= MOST_CUES
    if "think" in doses(budget) and trace.think.remaining:
        waits = sum(s.text.count(turns.CUE) for s in trace.steps if isinstance(s, Thought))
        kept = name == "self_consistency"
        assert kept or waits >= MOST_CUES or told.count(TOLD["think"]) >= MOST_CUES


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_cells_of_a_dose_that_cannot_be_forced_are_missing(name):
    forcible = knobs_of(name).forcible
    most = min(1, knobs_of(name).most_searches)
    for axis, cell in (
        ("search", Budget(most, 9, "force")),
        ("think", Budget(0, 9, "cap", "force")),
    ):
        assert reachable(name, cell) == (axis in forcible or axis not in doses(cell))


def test_what_is_sampled_decides_what_can_be_forced():
    assert knobs_of("self_consistency", {"strategy": "fan_out"}).forcible == {"think"}
    assert knobs_of("self_consistency", {"strategy": "corag"}).forcible == {"search", "think"}


def test_a_dose_of_nothing_is_spent():
    assert reachable("fan_out", Budget(0, 0, "force", "force"))
    assert doses(Budget(0, 5, "force", "force")) == {"think"}
