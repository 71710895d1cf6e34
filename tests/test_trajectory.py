"""All cells of one question: the same with and without sharing, charged as if alone, replayed for nothing."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Busy, InputError
from engine.models.scripted import Scripted
from engine.run.memo import NotRecorded
from engine.strategies import PLAYED, knobs_of
from engine.sweeps.trajectory import (
    completed,
    id_of,
    largest_first,
    replay_memo,
    run_cell,
    run_cells,
)
from engine.types import Budget, Decoding, RunConfig, Usage
from tests.fakes import QUESTION, Parrot, Shelf

HABITS = ("whole", "trimmed", "none", "broken")
KNOBS = {
    "closed_book": [{}, {"think_cap": 9}],
    "single_retrieval": [{}],
    "iterative": [{}, {"by": "answer", "turns": 3}],
    "corag": [{}, {"final_top_k": 2}, {"early_stop": False, "length": 3}],
    "fan_out": [{}, {"by": "variants", "width": 2}],
    "corag_search": [{"chains": 3}, {"by": "tree_search", "length": 2, "expand": 2}],
    "deep_research": [{}, {"width": 1}, {"early_stop": False}],
    "self_consistency": [{}, {"strategy": "closed_book", "samples": 3}, {"strategy": "fan_out"}],
}
setups = st.sampled_from(sorted(PLAYED)).flatmap(
    lambda name: st.tuples(st.just(name), st.sampled_from(KNOBS.get(name, [{}])))
)
cells = st.lists(
    st.builds(Budget, st.integers(0, 6), st.sampled_from([0, 1, 2, 5, 9, 17, 40, 200])),
    min_size=1,
    max_size=8,
)


def config(name="corag", knobs=None, heat=0.0, **more):
    return RunConfig(name, "m", "i", Budget(0, 0), knobs or {}, Decoding(heat), **more)


def sweep(setting, budgets, model, **more):
    shelf = more.pop("retriever", Shelf())
    return asyncio.run(run_cells(QUESTION, setting, budgets, model, shelf, **more))


def timeless(trace):
    """The trace without its seconds."""
    steps = tuple(replace(s, seconds=0.0) for s in trace.steps)
    return replace(trace, steps=steps, seconds=0.0)


@settings(max_examples=60)
@given(setups, cells, st.integers(0, 10**6), st.sampled_from([0.0, 0.8]), st.integers(1, 15))
def test_sharing_changes_no_answer_no_step_and_no_charge(setup, budgets, voice, heat, habits):
    habits = tuple(h for n, h in enumerate(HABITS) if habits & 1 << n)
    setting = config(*setup, heat)
    shared = sweep(setting, budgets, Parrot(voice, habits))
    alone = sweep(setting, budgets, Parrot(voice, habits), share=False)
    assert [timeless(r.trace) for r in shared.runs] == [timeless(r.trace) for r in alone.runs]
    assert [replace(r, trace=None) for r in shared.runs] == [
        replace(r, trace=None) for r in alone.runs
    ]
    for mine, lonely in zip(shared.runs, alone.runs, strict=True):
        generated = [[s.seconds for s in r.trace.steps if s.tokens] for r in (mine, lonely)]
        assert generated[0] == pytest.approx(generated[1])
    charged = sum((r.trace.usage for r in shared.runs), Usage())
    for kind in ("completion_tokens", "input_tokens", "queries", "calls"):
        assert getattr(shared.paid, kind) <= getattr(charged, kind)
        assert getattr(alone.paid, kind) <= getattr(charged, kind)
    assert alone.paid.completion_tokens == charged.completion_tokens

    memo = replay_memo(shared)
    for run in shared.runs:
        assert timeless(asyncio.run(run_cell(QUESTION, run.config, memo))) == timeless(run.trace)
    assert memo.paid == Usage()


def test_smaller_cells_of_one_trajectory_are_replayed_for_nothing():
    done = sweep(config("closed_book"), [Budget(0, 40)], Scripted(["one two three", "X", "X", "X"]))
    memo = replay_memo(done)
    small = replace(completed(config("closed_book")), budget=Budget(0, 2))
    with pytest.raises(NotRecorded):
        asyncio.run(
            run_cell(QUESTION, small, memo)
        )  # the answer after a shorter thought is another prompt
    same = replace(small, budget=Budget(0, 5))
    assert asyncio.run(run_cell(QUESTION, same, memo)).answer == "X"


def test_a_grid_costs_little_more_than_its_largest_cell():
    model = Scripted(lambda call: "a b c d e f" if "Work out" in call.prompt[0].content else "X")
    grid = [Budget(s, t) for s in (0, 1) for t in (2, 7, 100)]
    done = sweep(config("single_retrieval"), grid, model)
    charged = sum(r.trace.usage.completion_tokens for r in done.runs)
    assert done.paid.queries == 1
    assert (len(model.history), done.paid.completion_tokens, charged) == (6, 2 * (7 + 2 + 2), 44)


def test_cells_a_strategy_cannot_reach_are_missing():
    done = sweep(config("single_retrieval"), [Budget(s, 5) for s in range(4)], Parrot())
    assert [r.config.budget.search for r in done.runs] == [1, 0]
    assert sweep(config("closed_book"), [Budget(2, 5)], Parrot()).runs == ()


def test_the_order_is_largest_first_without_repeats_and_always_the_same():
    budgets = [Budget(1, 5), Budget(2, 0), Budget(1, 9), Budget(2, 0), Budget(0, 99)]
    assert [(b.search, b.think) for b in largest_first(budgets)] == [
        (2, 0),
        (1, 9),
        (1, 5),
        (0, 99),
    ]
    modes = [Budget(1, 1, s, t) for s in ("cap", "force") for t in ("cap", "force")]
    assert largest_first(modes) == largest_first(modes[::-1])


def test_the_configuration_tells_all_knobs_the_prompts_and_the_largest_cell():
    done = sweep(config(knobs={"length": 2}), [Budget(0, 3), Budget(1, 2)], Parrot())
    assert done.config.knobs == knobs_of("corag", {"length": 2}).model_dump()
    assert done.config.prompt_hash
    assert done.config.budget == Budget(1, 2)
    assert [r.config.budget for r in done.runs] == [Budget(1, 2), Budget(0, 3)]
    assert {r.trajectory_id for r in done.runs} == {done.id}
    assert len({r.id for r in done.runs}) == 2


@pytest.mark.parametrize(
    "other",
    [
        config(seed=1),
        config(heat=0.5),
        config(knobs={"length": 2}),
        config("iterative"),
        config(fingerprint="f"),
        config(index_recipe="r"),
    ],
)
def test_what_decides_an_answer_decides_the_id(other):
    first = completed(config())
    assert id_of(QUESTION, completed(other), "s") != id_of(QUESTION, first, "s")
    assert id_of(replace(QUESTION, text="?"), first, "s") != id_of(QUESTION, first, "s")
    assert id_of(QUESTION, first, "t") != id_of(QUESTION, first, "s")
    same = replace(first, budget=Budget(3, 3), model="another name")
    assert id_of(QUESTION, same, "s") == id_of(QUESTION, first, "s")


def test_a_cell_whose_endpoint_fails_is_listed_and_the_others_go_on():
    class Weak(Parrot):
        async def generate(self, call, on_piece=None):
            if call.cap > 20 and "Work out" in call.prompt[0].content:
                raise Busy("the endpoint is busy")
            return await super().generate(call, on_piece)

    done = sweep(config("closed_book"), [Budget(0, 50), Budget(0, 10)], Weak())
    assert [(f.budget, f.error) for f in done.failures] == [(Budget(0, 50), "the endpoint is busy")]
    assert [r.config.budget for r in done.runs] == [Budget(0, 10)]


def test_prices_are_asked_for_what_was_charged_and_for_what_was_paid():
    budgets = [Budget(0, 5), Budget(0, 9)]
    done = sweep(config("closed_book"), budgets, Parrot(), price=lambda u: float(u.calls))
    assert [r.cost for r in done.runs] == [r.trace.usage.calls for r in done.runs]
    assert done.paid_cost == done.paid.calls


def test_searching_cells_without_an_index_are_refused_in_one_line():
    with pytest.raises(InputError, match="needs an index"):
        sweep(config(), [Budget(1, 5)], Parrot(), retriever=None)
    assert sweep(config(), [Budget(0, 5)], Parrot(), retriever=None).runs
