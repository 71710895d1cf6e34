"""The share of well-formed turns: counted where a protocol parses, kept with the run, and never made up."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.figures.trace import meters, trace_info
from engine.models.scripted import Scripted
from engine.run.driver import Driver
from engine.run.requests import Reply, Think, Write, says_something, well_formed
from engine.strategies import PLAYED, blocks, knobs_of, start, wide
from engine.sweeps.record import to_body
from engine.types import Budget
from store.history import Store
from store.journal import Journal
from tests.fakes import QUESTION, Parrot, Shelf
from tests.store_fakes import trajectory, write


def told(name, replies, budget=None, **knobs):
    """The verdicts on a dialogue: how many texts were parsed, and how many were well-formed."""
    budget = budget or Budget(min(9, knobs_of(name, knobs).most_searches), 500)
    driver = Driver(Scripted(replies), Shelf(), budget, QUESTION.id)
    trace = asyncio.run(driver.run(start(name, QUESTION, knobs_of(name, knobs))))
    return trace.turns, trace.well_formed


@pytest.mark.parametrize(
    ("name", "replies", "knobs", "turns"),
    [
        ("closed_book", ["so", "Pirnby"], {}, (1, 1)),
        ("closed_book", ["so", ""], {}, (1, 0)),
        ("single_retrieval", ["so", '"'], {}, (1, 0)),
        ("fan_out", ["Who?\nWhere?", "so", "X"], {}, (2, 2)),
        ("fan_out", ["Who?\nWho?", "so", "X"], {}, (2, 1)),
        ("fan_out", ["a\nb\nc\nd\ne", "so", "X"], {"width": 3}, (2, 1)),
        ("iterative", ["Ann did.", "So the answer is: X", "X"], {}, (3, 3)),
        ("iterative", ["Ann did.", "ann did.", "The answer is X", "X"], {}, (4, 3)),
        ("self_ask", ["Follow up:", "Who?", "Ann", "So the final answer is:", "X"], {}, (5, 5)),
        ("self_ask", ["hm", "Follow up:", "", "X"], {}, (4, 2)),
        ("search_r1", ["so <search>", "who", "<answer>", "X"], {}, (4, 4)),
        ("search_r1", ["hm", "<search>", "", "<search>", "a", "<search>", "a", "<answer>", "X"], {}, (9, 6)),
        ("r1_searcher", ["so <|begin_of_query|>", "who", "<answer>", "X"], {}, (4, 4)),
        ("r1_searcher", ["so", "X"], {}, (2, 1)),
        ("corag", ["Who?", "Ann", "done", "so", "X"], {}, (4, 4)),
        ("corag", ["Who?", "", "who?", "Where?", "Pirnby", "done", "so", "X"], {}, (7, 5)),
        ("deep_research", ["plan", "Who?", "Ann [1].", "nothing", "so", "X"], {}, (5, 5)),
        ("deep_research", ["plan", "Who?", "Ann [9].", "nothing", "so", "X"], {}, (5, 4)),
    ],
)  # fmt: skip
def test_each_protocol_counts_what_it_parses(name, replies, knobs, turns):
    assert told(name, replies, **knobs) == turns


def test_samples_and_branches_count_their_turns_too():
    turns, formed = told("self_consistency", lambda _: "", samples=2, strategy="closed_book")
    assert (turns, formed) == (3, 0)
    turns, formed = told("corag_search", lambda _: "", chains=2, length=1)
    assert turns >= 5 and formed == 0


def test_garbage_that_runs_has_no_well_formed_turn():
    for name in PLAYED:
        if hasattr(knobs_of(name), "most_searches"):
            _, formed = told(name, lambda _: "…—", Budget(0, 500))
            assert formed == 0


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(PLAYED)),
    st.builds(Budget, st.integers(0, 6), st.integers(0, 90)),
    st.integers(0, 10**6),
)
def test_there_are_never_more_well_formed_turns_than_turns(name, budget, voice):
    driver = Driver(Parrot(voice), Shelf(), budget, QUESTION.id)
    trace = asyncio.run(driver.run(start(name, QUESTION, knobs_of(name))))
    assert 0 <= trace.well_formed <= trace.turns
    assert meters(trace.steps).turns == trace.turns


def test_a_text_that_a_budget_cut_is_no_turn_and_one_that_never_ends_is_malformed():
    write_ = Write((), "query", 5)
    assert well_formed(write_, Reply(text="a b", finish="length", tokens=5)) is False
    think = Think((), 5, form=says_something)
    assert well_formed(think, Reply(text="a b", finish="length", tokens=3)) is None
    assert well_formed(think, Reply(refused="think")) is None
    assert well_formed(Think((), 5), Reply(text="")) is None


def test_forms():
    assert not blocks.fresh(["Who?"])(' "who?" ')
    assert blocks.fresh([])("漢字") and not blocks.fresh([])("...")
    listed = wide.well_listed(2, ["Who?"])
    assert listed("a\n\nb") and not listed("a\nwho?") and not listed("") and not listed("a\nb\nc")


# ------------------------------------------------------------------------------------ kept and shown


def counted(n, turns, formed, sweep="grid"):
    made = trajectory(n, sweep)
    runs = [replace(r, trace=replace(r.trace, turns=turns, well_formed=formed)) for r in made.runs]
    return replace(made, runs=tuple(runs))


def shares(home):
    with Store.scratch(home) as store:
        return {c.well_formed for c in store.cells()}, {r.well_formed for r in store.runs()}


def test_a_cell_pools_the_turns_of_its_runs(home):
    write(home, [counted(0, 4, 1), counted(1, 2, 2)])
    assert shares(home) == ({0.5}, {0.25, 1.0})


def test_a_run_without_turns_adds_none(home):
    write(home, [counted(0, 0, 0), counted(1, 2, 1)])
    assert shares(home) == ({0.5}, {None, 0.5})


def test_runs_of_earlier_versions_are_unknown_and_never_one(home):
    old = to_body(trajectory(0))
    for run in old["runs"]:
        del run["turns"], run["well_formed"]
    journal = Journal.open(home, "grid")
    journal.append("trajectory", old["id"], old)
    journal.close()
    assert shares(home) == ({None}, {None})
    write(home, [counted(1, 2, 2)])
    assert shares(home) == ({None}, {None, 1.0})


def test_a_run_that_claims_more_well_formed_turns_than_turns_is_not_taken_in(home):
    body = to_body(counted(0, 1, 2))
    journal = Journal.open(home, "grid")
    journal.append("trajectory", body["id"], body)
    journal.close()
    with Store.scratch(home) as store:
        assert not store.runs()
        assert "2 of 1 turns" in store.troubles()[0]


def test_the_trace_points_at_the_turn_that_could_not_be_read():
    driver = Driver(Scripted(["Who?", "Ann", "done", "so", ""]), Shelf(), Budget(2, 99), "q")
    trace = asyncio.run(driver.run(start("corag", QUESTION, knobs_of("corag"))))
    lines = trace_info(trace.steps)
    assert [line.kind for line in lines if "not well-formed" in line.facts] == ["answer"]
