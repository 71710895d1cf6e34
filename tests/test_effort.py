"""Effort endpoints: levels in the place of thinking tokens; hidden thinking is thinking; never pooled with `hard`."""

import asyncio
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetscape.cli import main as command_line
from engine.analysis.effort import Used, places
from engine.errors import InputError
from engine.figures.trace import trace_info
from engine.models.capabilities import Capabilities, control_of
from engine.models.openai import OpenAIChat
from engine.models.scripted import Scripted
from engine.run.books import Begun, Piece
from engine.run.budgets import checked, controlled
from engine.run.calls import HIDDEN
from engine.run.driver import Driver
from engine.run.memo import Memo
from engine.strategies import PLAYED, knobs_of, start
from engine.sweeps.jobs import Ground, jobs
from engine.sweeps.plan import read_plan
from engine.types import EFFORTS, Budget, Question, Spent, Thought
from store.history import Slice, Store
from tests.chat_server import ChatServer
from tests.fakes import QUESTION, Shelf
from tests.store_fakes import trajectory, write

HIDES = {"low": 10, "medium": 30, "high": 80}


def thinking(body):
    return HIDES[body.get("reasoning_effort", "medium")]


def at(level, search=1):
    return Budget(search, EFFORTS.index(level) + 1, think_mode="effort")


def asked(server, budget, strategy="single_retrieval"):
    async def main():
        async with OpenAIChat(server.url, "m", timeout_s=120) as model:
            await model.probe()
            server.seen.clear()
            driver = Driver(Memo(model, None), Shelf(), budget, QUESTION.id)
            knobs = knobs_of(strategy)
            return model.capabilities, await driver.run(start(strategy, QUESTION, knobs))

    return asyncio.run(main())


# ------------------------------------------------------------------------------------ on a real server


@pytest.mark.parametrize("level", EFFORTS)
def test_a_level_reaches_every_call_and_its_hidden_thinking_is_thinking(level):
    with ChatServer(lambda _: "Pirnby", "begin", thinking) as server:
        able, trace = asked(server, at(level))
        bodies = list(server.seen)
    assert (able.think_control, able.reasoning_effort) == ("effort", True)
    assert [b["reasoning_effort"] for b in bodies] == [level] * 2
    hidden = [s.tokens for s in trace.steps if isinstance(s, Thought) and s.note == HIDDEN]
    assert hidden == [HIDES[level]]
    assert trace.thinking_tokens == trace.think.used > 2 * HIDES[level]
    assert trace.answer == "Pirnby" and trace.answer_tokens < 5
    kinds = trace.thinking_tokens + trace.query_tokens + trace.answer_tokens
    assert kinds == trace.usage.completion_tokens
    assert trace.usage.reasoning_tokens == 2 * HIDES[level]


@pytest.mark.parametrize("name", sorted(PLAYED))
def test_every_strategy_runs_by_levels(name):
    knobs = knobs_of(name)
    with ChatServer(lambda _: "Pirnby", "begin", thinking) as server:
        _, trace = asked(server, at("low", min(1, knobs.most_searches)), name)
    kinds = trace.thinking_tokens + trace.query_tokens + trace.answer_tokens
    assert kinds == trace.usage.completion_tokens == sum(s.tokens for s in trace.steps)
    assert trace.think.used >= 10


def test_an_endpoint_that_neither_takes_levels_nor_continues_a_turn_is_advisory():
    with ChatServer(lambda _: "Pirnby", "begin") as server:
        able, _ = asked(server, Budget(0, 9), "closed_book")
    assert able.think_control == "advisory"


# ------------------------------------------------------------------------------------ what is asked for


def test_a_budget_is_taken_as_the_endpoint_can_keep_it():
    assert controlled(Budget(1, 9), "hard", "m") == Budget(1, 9)
    assert controlled(Budget(1, 9), "advisory", "m").think_mode == "advisory"
    assert controlled(at("low"), "effort", "m") == at("low")
    for budget, control, said in (
        (Budget(1, 9), "effort", "takes effort levels"),
        (at("low"), "hard", "no effort levels"),
        (at("low"), "advisory", "no effort levels"),
        (Budget(1, 9, think_mode="force"), "advisory", "use a cap"),
    ):
        with pytest.raises(InputError, match=said):
            controlled(budget, control, "m")


def test_a_level_that_does_not_exist_is_refused():
    for level in (0, 4):
        with pytest.raises(InputError, match="low, medium, high"):
            checked(Budget(1, level, think_mode="effort"))


def test_a_model_without_a_table_is_trusted_to_be_cut():
    assert control_of(Scripted([])) == "hard"
    assert control_of(Memo(Scripted([]), None)) == "hard"
    model = Scripted([])
    model.capabilities = Capabilities(think_control="effort")
    assert control_of(Memo(model, None)) == "effort"


PLAN = """
name = "levels"
strategies = ["closed_book"]
models = ["hard", "leveled", "advised"]
questions = "q"
search = [0]
think = [0, 32]
effort = ["low", "high"]
"""
CONTROLS = {"leveled": "effort", "advised": "advisory"}


def planned(text):
    ground = Ground(dict.fromkeys(("hard", "leveled", "advised"), "f"), controls=CONTROLS)
    made = jobs(read_plan(text), [Question("q", "Who?")], ground)
    return {job.config.model: set(job.budgets) for job in made}


def test_a_plan_gives_each_model_the_cells_that_its_endpoint_can_keep():
    assert planned(PLAN) == {
        "hard": {Budget(0, 0), Budget(0, 32)},
        "leveled": {at("low", 0), at("high", 0)},
        "advised": {Budget(0, n, think_mode="advisory") for n in (0, 32)},
    }


def test_a_plan_without_cells_for_a_model_says_what_it_lacks():
    with pytest.raises(InputError, match="leveled needs `effort`"):
        planned(PLAN.replace('effort = ["low", "high"]', ""))
    with pytest.raises(InputError, match="hard needs `think`"):
        planned(PLAN.replace("think = [0, 32]", ""))
    with pytest.raises(InputError, match="list thinking tokens"):
        read_plan(PLAN.replace("think = [0, 32]", "").replace('effort = ["low", "high"]', ""))


def test_ask_takes_a_level_where_the_model_takes_levels_and_says_so_otherwise(
    home, tmp_path, monkeypatch, capsys
):
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("BUDGETSCAPE_SAMPLES", str(tmp_path / "none"))
    with ChatServer(lambda _: "Pirnby", "begin", thinking) as server:
        (home.root / "endpoints.toml").write_text(
            f'[models.deep]\nbase_url = "{server.url}"\nmodel = "m"\n'
        )
        ask = "ask Who? --strategy closed_book --search 0 --model deep --json --think".split()
        command_line.main([*ask, "low"])
        command_line.main([*ask, "high"])
        run = json.loads(capsys.readouterr().out.splitlines()[-1])
        with pytest.raises(SystemExit):
            command_line.main([*ask, "64"])
        assert "takes effort levels" in capsys.readouterr().err
        with pytest.raises(SystemExit):
            command_line.main([*ask, "much"])
        assert "neither a number of tokens" in capsys.readouterr().err
    assert (run["effort"], run["think_mode"]) == ("high", "effort")
    assert run["think"]["used"] == run["tokens"]["thinking"] > 2 * HIDES["high"]
    with Store.scratch(home) as store:
        assert {(h.think, h.think_mode) for h in store.runs()} == {(3, "effort"), (1, "effort")}
        assert store.troubles() == []


# ------------------------------------------------------------------------------------ on surfaces


def leveled(n, used):
    """A question run at two levels and at one number of tokens, with what each used."""
    cells = [at("low", 2), at("high", 2), Budget(2, 32)]
    made = trajectory(n, cells=cells)
    runs = []
    for run in made.runs:
        tokens = used[run.config.budget.effort]
        runs.append(replace(run, trace=replace(run.trace, think=Spent(tokens, 65_536))))
    return replace(made, runs=tuple(runs))


def test_a_level_stands_at_its_mean_realised_tokens_and_is_not_pooled_with_tokens(home):
    write(
        home,
        [leveled(0, {"low": 20, "high": 100, "": 9}), leveled(1, {"low": 44, "high": 160, "": 9})],
    )
    with Store.scratch(home) as store:
        rows = {c.effort: c for c in store.cells()}
        assert {e: c.think for e, c in rows.items()} == {"low": 32, "high": 130, "": 32}
        assert {c.n for c in rows.values()} == {2}
        low = rows["low"]
        assert (low.think_mode, low.asked, low.think_compliance) == ("effort", 1, None)
        heads = store.runs(Slice(think=low.asked, think_mode=low.think_mode))
        assert {h.think_used for h in heads} == {20, 44}


USES = st.lists(
    st.builds(Used, st.just("s"), st.integers(1, 3), st.integers(1, 9), st.integers(0, 90))
)


@given(USES)
def test_no_two_levels_stand_at_one_place(cells):
    placed = places(cells)
    assert len(set(placed.values())) == len(placed) == len({c.level for c in cells})


def test_hidden_thinking_ends_no_query_that_is_under_way():
    writing = [Begun((1,), "search"), Piece((1,), "search", "who")]
    lines = trace_info([*writing, Thought((0, 0), 5, note=HIDDEN)])
    assert [line.text for line in lines if line.under_way] == ["who"]
