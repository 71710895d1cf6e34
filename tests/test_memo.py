"""The memo gives what a fresh call would have given, or calls."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.models.scripted import Scripted, speak
from engine.run.memo import Memo, NotRecorded, fit
from engine.run.ports import Call, Query
from engine.run.requests import Reply
from engine.types import Message, Usage
from tests.fakes import Parrot, Shelf

HABITS = ("whole", "trimmed", "none", "broken")
PROMPT = (Message("user", "say"),)


def call(cap, seed=0, temperature=0.0, stop=()):
    return Call(PROMPT, cap, stop, temperature, 1.0, seed)


def ask(model, *calls):
    async def all_of_them():
        return [await model.generate(c) for c in calls]

    return asyncio.run(all_of_them())


def heard(reply):
    return (reply.text, reply.tokens, reply.finish, reply.usage)


calls = st.builds(
    call,
    st.integers(1, 40),
    st.integers(0, 2),
    st.sampled_from([0.0, 0.7]),
    st.sampled_from([(), ("\n",), ("answer is",)]),
)


@settings(max_examples=150)
@given(st.lists(calls, max_size=12), st.integers(0, 300), st.sampled_from(HABITS), st.booleans())
def test_behind_a_memo_every_call_gets_what_it_would_get_alone(asked, name, habit, largest_first):
    if largest_first:
        asked = sorted(asked, key=lambda c: -c.cap)
    memo = Memo(Parrot(name, (habit,)), None)
    with_memo, alone = ask(memo, *asked), ask(Parrot(name, (habit,)), *asked)
    assert [heard(r) for r in with_memo] == [heard(r) for r in alone]
    assert [r.seconds for r in with_memo] == pytest.approx([r.seconds for r in alone])
    assert memo.paid.completion_tokens <= sum(r.tokens for r in alone)
    replay = Memo(None, None, memo.calls)
    assert [heard(r) for r in ask(replay, *asked)] == [heard(r) for r in alone]


def test_largest_first_pays_once():
    model = Scripted(lambda _: "one two three four")
    memo = Memo(model, None)
    ask(memo, *(call(cap) for cap in (9, 5, 4, 2, 1)))
    assert (len(model.history), memo.paid.completion_tokens) == (1, 5)


@pytest.mark.parametrize(
    ("reply", "cap", "text"),
    [
        (Reply("a b c", ("a", " b", " c", ""), "stop", 4), 4, "a b c"),
        (Reply("a b c", ("a", " b", " c", ""), "stop", 4), 9, "a b c"),
        (Reply("a b c", ("a", " b", " c", ""), "stop", 4), 3, "a b c"),
        (Reply("a b c", ("a", " b", " c", ""), "stop", 4), 1, "a"),
        (Reply("a b", ("a", " b"), "length", 2), 2, "a b"),
        (Reply("a b", ("a", " b"), "length", 2), 3, None),
        (Reply("a b", ("a", " b"), "stop", 5), 3, None),
        (Reply("a b", ("a", " b"), "stop", 5), 2, "a b"),
        (Reply("a b", (), "stop", 2), 1, None),
        (Reply("a b", ("a", "b"), "stop", 2), 1, None),
        (Reply("", (), "stop", 0), 1, ""),
        (Reply("", ("",), "stop", 1), 1, ""),
    ],
)
def test_what_a_recorded_reply_can_tell(reply, cap, text):
    served = fit(reply, cap)
    assert (served.text if served else None) == text
    if served and reply.tokens > cap:
        assert (served.tokens, served.finish) == (cap, "length")


@given(st.text(alphabet="ab \n", max_size=40), st.integers(1, 20), st.integers(1, 20))
def test_a_cut_reply_is_what_the_scripted_model_says_under_that_cap(text, large, small):
    whole = speak(text, max(large, small), ("\n",))
    tokens = len(whole.pieces)
    finish = "stop" if whole.stopped else "length"
    cut = fit(Reply("".join(whole.pieces), whole.pieces, finish, tokens), min(large, small))
    assert cut.pieces == speak(text, min(large, small), ("\n",)).pieces


def test_a_replay_says_when_something_was_never_generated():
    memo = Memo(Scripted(lambda _: "one two three"), Shelf())
    ask(memo, call(2))
    asyncio.run(memo.search([Query("x", 2)]))
    replay = Memo(None, None, memo.calls, memo.found)
    assert ask(replay, call(1))[0].text == "one"
    for other in (call(3), call(2, seed=1), call(2, temperature=0.5), call(2, stop=("x",))):
        with pytest.raises(NotRecorded):
            ask(replay, other)
    assert asyncio.run(replay.search([Query("x", 2)]))
    for query in (Query("x", 3), Query("y", 2)):
        with pytest.raises(NotRecorded):
            asyncio.run(replay.search([query]))


def test_searches_are_sent_once_and_answered_in_order():
    shelf, alone = Shelf(), Shelf()
    memo = Memo(None, shelf)
    asked = [Query(t, 2) for t in ("a", "b", "a")]
    first = asyncio.run(memo.search(asked))
    again = asyncio.run(memo.search([*asked, Query("c", 1)]))
    assert first == asyncio.run(alone.search(asked))
    assert again[:3] == first
    assert shelf.asked == [Query("a", 2), Query("b", 2), Query("c", 1)]
    assert memo.paid == Usage(queries=3)


def test_served_text_is_streamed_too():
    memo, heard_pieces = Memo(Scripted(lambda _: "one two"), None), []
    ask(memo, call(5))
    asyncio.run(memo.generate(call(1), heard_pieces.append))
    assert heard_pieces == ["one"]


def test_a_score_is_recorded_as_it_came_also_when_it_is_not_offered():
    score = Call(PROMPT, 1, score_text="yes")
    for model in (Scripted([], scores=lambda _: -1.5), Scripted([])):
        memo = Memo(model, None)
        first, second = ask(memo, score, score)
        assert first == second
        assert len(model.history) == 1
