import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import StrategyError
from engine.models.scripted import Scripted, speak, split
from engine.run.ports import Call
from engine.run.requests import Reply
from engine.types import Message


def call(cap: int = 64, stop: tuple[str, ...] = (), score_text: str | None = None) -> Call:
    return Call((Message("user", "Where is the guild?"),), cap, stop, score_text=score_text)


def say(model: Scripted, asked: Call) -> Reply:
    return asyncio.run(model.generate(asked))


def test_replies_come_in_order_and_every_call_is_remembered() -> None:
    model = Scripted(["one", "two"])
    first, second = call(), call(cap=3)
    assert [say(model, first).text, say(model, second).text] == ["one", "two"]
    assert model.history == [first, second]


def test_a_script_that_runs_dry_raises_and_never_repeats() -> None:
    model = Scripted(["only"])
    say(model, call())
    with pytest.raises(StrategyError, match="1 replies ran dry.*guild"):
        say(model, call())


def test_a_function_sees_the_whole_call() -> None:
    model = Scripted(lambda asked: f"cap {asked.cap}")
    assert say(model, call(cap=9)).text == "cap 9"


def test_a_cap_cuts_between_pieces_and_says_length() -> None:
    reply = say(Scripted(["the expedition left"]), call(cap=2))
    assert (reply.text, reply.finish, reply.tokens) == ("the expedi", "length", 2)


def test_a_stop_string_is_not_in_the_text_but_in_the_tokens() -> None:
    reply = say(Scripted(["query one\nmore"]), call(stop=("\n",)))
    assert (reply.text, reply.finish) == ("query one", "stop")
    assert reply.tokens == len(reply.pieces) == 3


def test_no_cap_means_no_tokens() -> None:
    assert say(Scripted(["never said"]), call(cap=0)) == Reply(finish="length")


def test_pieces_are_streamed_as_they_are_kept() -> None:
    seen: list[str] = []
    reply = asyncio.run(Scripted(["a longer sentence"]).generate(call(), seen.append))
    assert "".join(seen) == reply.text == "a longer sentence"
    assert seen == [piece for piece in reply.pieces if piece]


def test_scores_come_from_the_function_or_are_refused() -> None:
    assert say(Scripted([]), call(score_text="x")).refused == "unsupported"
    assert say(Scripted([], scores=lambda _: -1.5), call(score_text="x")).score == -1.5


def test_latency_is_waited_for() -> None:
    began = time.monotonic()
    assert say(Scripted(["x"], latency_s=0.05), call()).seconds == 0.05
    assert time.monotonic() - began >= 0.05


texts = st.text(alphabet="ab \n", max_size=40)
stops = st.lists(st.text(alphabet="ab\n", min_size=1, max_size=4), max_size=3).map(tuple)


@given(st.text(max_size=60))
def test_splitting_loses_nothing(text: str) -> None:
    assert "".join(split(text)) == text


@given(texts, stops, st.integers(1, 30))
def test_a_short_reply_is_the_long_one_cut_between_pieces(
    text: str, stop: tuple[str, ...], cap: int
) -> None:
    whole, short = speak(text, 100, stop), speak(text, cap, stop)
    assert short.pieces == whole.pieces[:cap]
    assert short.stopped == (whole.stopped and len(whole.pieces) <= cap)


@given(texts, stops)
def test_a_stopped_text_is_the_text_before_its_first_stop_string(
    text: str, stop: tuple[str, ...]
) -> None:
    said = "".join(speak(text, 100, stop).pieces)
    assert text.startswith(said)
    assert not any(mark in said for mark in stop)
    if not any(mark in text for mark in stop):
        assert said == text
