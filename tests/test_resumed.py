"""Segments of one turn, on real servers: continued where that is possible, else replayed; the trace says which."""

import asyncio
import json

import pytest

from budgetscape.cli.ask import step_json
from engine.figures.trace import trace_info
from engine.models.openai import GO_ON, OpenAIChat
from engine.run.driver import Driver
from engine.strategies import knobs_of, start
from engine.types import Answer, Budget, Search, Thought
from tests.chat_server import ChatServer
from tests.fakes import QUESTION, Shelf


def says(body):
    """A Search-R1 model: thinks, searches once, answers. It never repeats what it has said."""
    said = next((m["content"] for m in reversed(body["messages"]) if m["role"] == "assistant"), "")
    if said.endswith("<search>"):
        return "ship yard</search>"
    if said.endswith("<answer>"):
        return "Pirnby</answer>"
    return "<think>Pirnby then.</think><answer>" if said else "<think>Who?</think><search>"


def asked(server, strategy="search_r1"):
    async def main():
        async with OpenAIChat(server.url, "m", timeout_s=120) as model:
            able = await model.probe()
            server.seen.clear()
            driver = Driver(model, Shelf(), Budget(2, 99), QUESTION.id)
            return able, await driver.run(start(strategy, QUESTION, knobs_of(strategy)))

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("turns", "word", "able_to"),
    [
        ("continue", "continued", "plain"),
        ("echo", "continued", "plain"),
        ("begin", "replayed", ""),
        ("refuse", "replayed", ""),
    ],
)
def test_a_turn_of_three_segments_goes_on_and_the_trace_says_how(turns, word, able_to):
    with ChatServer(says, turns) as server:
        able, trace = asked(server)
        bodies = list(server.seen)
    assert able.prefix_continuation == able_to
    assert (trace.answer, trace.stopped_by, trace.search.used) == ("Pirnby", "answer", 1)
    model_steps = [s for s in trace.steps if isinstance(s, Thought | Search | Answer)]
    assert [s.resumed for s in model_steps] == ["", word, word, word]
    assert [step_json(s)["resumed"] for s in model_steps] == ["", word, word, word]
    facts = [line.facts for line in trace_info(trace.steps) if line.kind in ("search", "answer")]
    assert all(f"turn {word}" in told for told in facts)
    last = [body["messages"][-1] for body in bodies]
    if word == "continued":
        assert [m["role"] for m in last] == ["user", *["assistant"] * 3]
    else:
        assert [m["content"] for m in last[1:]] == [GO_ON] * 3
        assert [b["messages"][-2]["role"] for b in bodies[1:]] == ["assistant"] * 3


def test_a_strategy_without_segments_resumes_nothing():
    with ChatServer(lambda _: "Pirnby", "begin") as server:
        _, trace = asked(server, "corag")
    assert not any(getattr(s, "resumed", "") for s in trace.steps)
    assert GO_ON not in json.dumps(server.seen)
