"""The strategy that CONTRIBUTING shows is whole, short, and plays by the rules."""

import asyncio
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import strategies
from engine.run.driver import Driver
from engine.strategies import knobs_of, prompt_hash, reachable, start
from engine.types import Answer, Budget
from tests.dialogues import Library, dialogue, shape, user
from tests.fakes import QUESTION, Parrot, Shelf

TEXT = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text("utf-8")
MODULE, LINE = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
Q = QUESTION.text


@pytest.fixture
def mine(monkeypatch):
    """The shown module, entered by the shown line."""
    module = ModuleType("engine.strategies.mine")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(MODULE, "mine.py", "exec"), module.__dict__)
    entry = eval("{" + LINE + "}", {"mine": module})
    monkeypatch.setattr(strategies, "STRATEGIES", strategies.STRATEGIES | entry)
    return module


def test_module_and_line_are_under_sixty_lines():
    assert len(MODULE.splitlines()) + len(LINE.splitlines()) < 60


def test_the_example_looks_twice_thinks_and_answers(mine):
    books = Library(
        **{"Where was": [("Ship", "The yard built it.")], "yard": [("Yard", "Pirnby.")]}
    )
    trace, said, _ = dialogue("mine", ["Where is the yard?", "so", "Pirnby"], Budget(2, 99), books)
    assert shape(trace) == [f"?{Q}", "?Where is the yard?", "~so", "=Pirnby"]
    assert "[1] Ship: The yard built it.\n[2] Yard: Pirnby." in user(said[-1])


def test_the_example_goes_on_when_either_budget_is_spent(mine):
    trace, _, library = dialogue("mine", ["X"], Budget(0, 0))
    assert (trace.answer, library.asked) == ("X", [])
    trace, _, library = dialogue("mine", ["X"], Budget(1, 0))
    assert (trace.answer, library.asked) == ("X", [Q])
    trace, _, library = dialogue("mine", ["", "X"], Budget(2, 0))
    assert library.asked == [Q, Q]


def test_the_table_knows_the_examples_knobs_reach_and_prompts(mine, monkeypatch):
    assert [reachable("mine", Budget(s, 0)) for s in (0, 2, 3)] == [True, True, False]
    assert knobs_of("mine").top_k == 2
    before = prompt_hash.__wrapped__("mine")
    monkeypatch.setattr(mine, "NEXT", "Other words.")
    assert prompt_hash.__wrapped__("mine") != before


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 6), st.integers(0, 60), st.integers(0, 10**6))
def test_the_examples_books_balance(mine, search, think, voice):
    shelf = Shelf()
    driver = Driver(Parrot(voice), shelf, Budget(search, think), QUESTION.id)
    trace = asyncio.run(driver.run(start("mine", QUESTION, knobs_of("mine"))))
    kinds = (trace.thinking_tokens, trace.query_tokens, trace.answer_tokens)
    assert sum(kinds) == trace.usage.completion_tokens
    assert trace.think.used <= think and trace.search.used == len(shelf.asked) <= search
    assert [type(s) for s in trace.steps].count(Answer) == 1
