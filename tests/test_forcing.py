"""A thinking budget as a dose: early ends are dropped and the same thought goes on until it is spent."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InputError
from engine.models.capabilities import Capabilities
from engine.models.scripted import Scripted
from engine.run.driver import MOST_CUES, Driver
from engine.run.memo import Memo
from engine.strategies import STRATEGIES, knobs_of, reachable, start, turns
from engine.sweeps.trajectory import run_cells
from engine.types import Budget, RunConfig, Thought
from tests.fakes import QUESTION, Parrot, Shelf

FORCIBLE = ("closed_book", "single_retrieval")


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


@pytest.mark.parametrize("name", sorted(set(STRATEGIES) - set(FORCIBLE)))
def test_other_strategies_refuse_a_dose_in_one_clear_line_and_their_cells_are_missing(name):
    with pytest.raises(InputError, match="cannot be forced"):
        forced(name, Scripted(lambda _: "so"), 50, search=2)
    assert not reachable(name, Budget(0, 50, think_mode="force"))


def test_a_model_that_cannot_continue_its_turn_refuses_a_dose():
    model = Scripted(lambda _: "so")
    model.capabilities = Capabilities()
    for refusing in (model, Memo(model, None)):
        with pytest.raises(InputError, match="cannot continue"):
            forced("closed_book", refusing, 9)
    model.capabilities = Capabilities(prefix_continuation="plain")
    assert forced("closed_book", model, 9).thinking_tokens == 9


doses = st.lists(
    st.builds(Budget, st.just(0), st.integers(0, 60), think_mode=st.sampled_from(["cap", "force"])),
    min_size=1,
    max_size=5,
)


@settings(max_examples=30)
@given(st.sampled_from(FORCIBLE), doses, st.integers(0, 10**6))
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
