"""The driver: what it grants, refuses, counts and tells; and how a run ends early."""

import asyncio
from dataclasses import replace

import pytest

from engine.errors import BadReply, Busy, EndpointError, InputError, StrategyError, Unreachable
from engine.models.scripted import Scripted
from engine.run.books import Begun, Piece
from engine.run.calls import call_seed
from engine.run.driver import Driver
from engine.run.requests import Discard, Reply, Score, Search, Think, Together, Write
from engine.types import Answer, Budget, Message, Reading, Stopped, Thought, Usage
from engine.types import Search as SearchStep
from tests.clock import run as timed
from tests.fakes import Shelf

PROMPT = (Message("user", "say"),)


def think(cap=3):
    return Think(PROMPT, cap)


def write_query():
    return Write(PROMPT, "query", 8)


def write_answer():
    return Write(PROMPT, "answer", 8)


def driver(model=None, budget=None, retriever=None, **more):
    model = model or Scripted(lambda _: "a b c")
    return Driver(model, retriever or Shelf(), budget or Budget(3, 20), "q1", **more)


def run(play, made=None, **more):
    made = made or driver(**more)
    return timed(made.run(play))


def assert_books_balance(trace):
    queries = [s for s in trace.steps if isinstance(s, SearchStep) and not s.refused]
    kinds = (trace.thinking_tokens, trace.query_tokens, trace.answer_tokens)
    assert sum(kinds) == trace.usage.completion_tokens
    assert trace.search.used == len(queries) == trace.usage.queries <= trace.search.limit
    assert trace.think.used == trace.thinking_tokens <= trace.think.limit
    assert [s.path for s in trace.steps] == sorted(s.path for s in trace.steps)


# ------------------------------------------------------------------------------------ one at a time


def test_each_kind_of_request_becomes_its_step():
    def play():
        yield think()
        query = yield write_query()
        yield Search("a b c", 2, (query,))
        return (yield write_answer()).text

    trace = run(play())
    assert [type(s) for s in trace.steps] == [Thought, SearchStep, Reading, Answer, Stopped]
    assert (trace.thinking_tokens, trace.query_tokens, trace.answer_tokens) == (3, 4, 4)
    assert (trace.answer, trace.stopped_by, trace.cut_off) == ("a b c", "answer", False)
    assert trace.rounds == 1
    assert_books_balance(trace)


def test_a_thought_is_cut_by_the_budget_but_not_by_its_own_cap():
    def play():
        yield think(2)
        yield think(5)
        yield think(5)

    trace = run(play(), budget=Budget(0, 4), model=Scripted(lambda _: "a b c d e f"))
    assert [(s.tokens, s.cut, s.refused) for s in trace.steps[:-1]] == [
        (2, False, False),
        (2, True, False),
        (0, False, True),
    ]
    assert (trace.stopped_by, trace.cut_off) == ("think", True)


def test_a_thought_that_the_strategy_does_not_want_is_no_limit():
    def play():
        reply = yield think(0)
        assert not reply.refused
        return (yield write_answer()).text

    trace = run(play())
    assert not trace.cut_off
    assert [type(s) for s in trace.steps] == [Answer, Stopped]


def test_without_searches_the_retriever_is_never_touched_and_no_query_is_written():
    def play():
        assert (yield write_query()).refused == "search"
        assert (yield Search("x")).refused == "search"

    model, shelf = Scripted([]), Shelf()
    trace = run(play(), driver(model, Budget(0, 5), shelf))
    assert (shelf.asked, model.history) == ([], [])
    assert [s.refused for s in trace.steps[:-1]] == [True, True]
    assert trace.stopped_by == "search"


def test_a_written_query_holds_a_search_until_it_is_given_up():
    def play():
        first = yield write_query()
        assert (yield write_query()).refused == "search"
        assert (yield Search("another")).refused == "search"
        assert not (yield Discard(first)).refused
        assert not (yield Search("another")).refused

    trace = run(play(), budget=Budget(1, 20))
    assert (trace.thinking_tokens, trace.query_tokens, trace.search.used) == (4, 0, 1)
    assert_books_balance(trace)


def test_several_written_replies_may_make_one_query():
    def play():
        one = yield write_query()
        two = yield write_query()
        yield Search("both", 1, (one, two))
        yield Search("x")

    trace = run(play(), budget=Budget(2, 0))
    assert (trace.query_tokens, trace.search.used) == (8, 2)
    assert_books_balance(trace)


def test_a_query_that_reasoning_cannot_pay_for_must_be_sent():
    def play():
        query = yield write_query()
        assert (yield Discard(query)).refused == "think"
        assert not (yield Search("q", 1, (query,))).refused

    trace = run(play(), budget=Budget(1, 3))
    assert (trace.query_tokens, trace.thinking_tokens) == (4, 0)
    assert_books_balance(trace)


def forgotten():
    yield write_query()


def sent_twice():
    query = yield write_query()
    yield Search("q", 1, (query,))
    yield Search("q", 1, (query,))


def never_written():
    yield Search("q", 1, (Reply("made up"),))


def discarded_and_sent():
    query = yield write_query()
    yield Discard(query)
    yield Search("q", 1, (query,))


def two_answers():
    yield write_answer()
    yield write_answer()


def no_request():
    yield "hello"


@pytest.mark.parametrize(
    "play", [forgotten, sent_twice, never_written, discarded_and_sent, two_answers, no_request]
)
def test_a_strategy_that_breaks_its_contract_is_our_fault(play):
    with pytest.raises(StrategyError):
        run(play())


def test_a_model_that_repeats_one_and_the_same_reply_confuses_nobody():
    class Echo:
        reply = Reply("q", ("q",), tokens=1, usage=Usage(completion_tokens=1))

        async def generate(self, call, on_piece=None):
            return self.reply

    def play():
        one = yield write_query()
        two = yield write_query()
        yield Search("one", 1, (one,))
        yield Search("two", 1, (replace(two),))

    assert run(play(), driver(Echo())).query_tokens == 2


def test_a_score_costs_its_prompt_and_generates_nothing():
    def play():
        return str((yield Score(PROMPT, "yes")).score)

    class Scorer:
        async def generate(self, call, on_piece=None):
            assert call.score_text == "yes"
            return Reply(score=-0.5, usage=Usage(9, completion_tokens=1, calls=1))

    trace = run(play(), driver(Scorer()))
    assert (trace.answer, trace.usage.input_tokens) == ("-0.5", 9)
    assert_books_balance(trace)


def test_a_reply_longer_than_its_cap_is_the_endpoints_fault():
    class Long:
        async def generate(self, call, on_piece=None):
            return Reply("x", tokens=call.cap + 1)

    with pytest.raises(BadReply):
        run(iter_one(think()), driver(Long()))


def iter_one(request):
    yield request


def test_a_search_budget_without_an_index_is_refused_at_once():
    with pytest.raises(InputError, match="needs an index"):
        Driver(Scripted([]), None, Budget(1, 0))


# ------------------------------------------------------------------------------------ together


def test_branches_get_their_purses_before_any_starts_and_the_rest_comes_back():
    seen = []

    def branch(searches, cap):
        for n in range(searches):
            seen.append((yield Search(f"{searches} {n}")).refused)
        yield think(cap)
        return f"did {searches}"

    def play():
        both = yield Together((branch(3, 9), branch(0, 2)))
        assert [r.text for r in both.replies] == ["did 3", "did 0"]
        yield think(99)
        for n in range(2):
            seen.append((yield Search(f"more {n}")).refused)

    trace = run(play(), budget=Budget(3, 10), model=Scripted(lambda c: "x " * c.cap))
    assert seen == [None, None, "search", None, "search"]
    assert [s.tokens for s in trace.steps if isinstance(s, Thought)] == [5, 2, 3]
    assert_books_balance(trace)


def test_timing_does_not_matter_to_branches():
    class Uneven:
        def __init__(self, turn):
            self.turn, self.model = turn, Scripted(lambda c: f"thought {c.seed} " * 9)

        async def generate(self, call, on_piece=None):
            await asyncio.sleep(0.002 * (call.seed % 7 * self.turn % 7))
            return await self.model.generate(call, on_piece)

    def branch():
        yield Search("x")
        yield think(7)
        query = yield write_query()
        if not query.refused:
            yield Search(query.text, 1, (query,))
        return "done"

    def play():
        yield Together((branch(), think(4), Search("y"), branch(), Together((branch(), think(9)))))

    def steps(turn):
        made = driver(Uneven(turn), Budget(7, 30))
        return [replace(s, seconds=0.0) for s in run(play(), made).steps], made

    first, made = steps(1)
    assert_books_balance(made.trace(""))
    assert all(steps(turn)[0] == first for turn in (0, 3, 5))


def test_searches_sent_together_are_one_call_and_what_is_too_much_is_refused():
    class Counting(Shelf):
        calls = 0

        async def search(self, queries):
            self.calls += 1
            return await super().search(queries)

    shelf = Counting()

    def play():
        together = yield Together(tuple(Search(str(n)) for n in range(4)))
        assert [r.refused for r in together.replies] == [None, None, None, "search"]

    trace = run(play(), driver(budget=Budget(3, 0), retriever=shelf))
    assert (shelf.calls, trace.rounds, trace.search.used) == (1, 1, 3)
    assert_books_balance(trace)


def test_written_in_branches_and_sent_by_the_parent():
    def play():
        written = (yield Together((write_query(),) * 3)).replies
        assert [w.refused for w in written] == [None, None, "search"]
        yield Together(tuple(Search(str(n), 1, (w,)) for n, w in enumerate(written[:2])))

    trace = run(play(), budget=Budget(2, 0))
    assert (trace.query_tokens, trace.search.used) == (8, 2)
    assert_books_balance(trace)


def test_nothing_together_is_nothing():
    def play():
        assert (yield Together(())).replies == ()

    assert run(play()).stopped_by == "answer"


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_an_endpoint_error_in_a_branch_comes_out_by_itself_and_cancels_the_others(depth):
    cause = OSError("no route")
    cancelled = []

    class Failing:
        async def generate(self, call, on_piece=None):
            if call.cap == 1:
                raise Unreachable("gone") from cause
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                cancelled.append(call.cap)
                raise

    def nested(n):
        if n:
            yield Together((nested(n - 1), think(5)))
        else:
            yield Together((think(4), think(1)))

    with pytest.raises(EndpointError, match="gone") as told:
        run(nested(depth), driver(Failing(), Budget(0, 999)))
    assert type(told.value) is Unreachable
    assert told.value.__cause__ is cause
    assert sorted(cancelled) == [4] + [5] * depth


# ------------------------------------------------------------------------------------ ends


class Stuck:
    """Answers the first calls, then waits for ever or fails."""

    def __init__(self, good, fault=None):
        self.good, self.fault, self.model = good, fault, Scripted(lambda _: "a b c")

    async def generate(self, call, on_piece=None):
        self.good -= 1
        if self.good >= 0:
            return await self.model.generate(call, on_piece)
        if self.fault:
            raise self.fault
        await asyncio.sleep(30)

    async def search(self, queries):
        self.good = -1
        return await self.generate(None)


def long_play():
    yield think(9)
    query = yield write_query()
    yield think(9)
    yield Search("q", 1, () if query.refused else (query,))
    yield Together((think(5), think(5)))
    return (yield write_answer()).text


async def stopped(made):
    task = asyncio.create_task(made.run(long_play()))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return made.trace("", "user")


@pytest.mark.parametrize("good", range(6))
@pytest.mark.parametrize("shelf", [Shelf(), Stuck(0)])
def test_a_stopped_run_leaves_a_trace_whose_books_balance(good, shelf):
    log = []
    trace = timed(stopped(driver(Stuck(good), Budget(2, 50), shelf, log=log)))
    assert_books_balance(trace)
    assert trace.stopped_by == "user"
    assert not trace.cut_off
    assert log[-1] == trace.steps[-1] == Stopped((20_000,), by="user")


def test_a_query_that_was_written_when_the_run_was_stopped_counts_as_not_sent():
    trace = timed(stopped(driver(Stuck(2), Budget(2, 50))))
    thought, query, end = trace.steps
    assert (query.query, query.refused, query.tokens) == ("a b c", True, 4)
    assert (trace.search.used, trace.query_tokens) == (0, 4)


@pytest.mark.parametrize("good", range(6))
@pytest.mark.parametrize("fault", [Busy("later"), BadReply("garbage")])
def test_a_failed_run_raises_its_own_error_and_its_books_balance(good, fault):
    made = driver(Stuck(good, fault), Budget(2, 50))
    with pytest.raises(type(fault), match=str(fault)):
        run(long_play(), made)
    assert_books_balance(made.trace("", "error", str(fault)))


def test_a_query_in_flight_when_the_index_fails_was_issued():
    made = driver(budget=Budget(2, 0), retriever=Stuck(0, Busy("later")))
    with pytest.raises(Busy):
        run(iter_one(Search("x")), made)
    trace = made.trace("", "error")
    assert trace.search.used == trace.usage.queries == 1
    assert_books_balance(trace)


# ------------------------------------------------------------------------------------ log and seeds


def test_the_log_tells_beginnings_pieces_and_steps_in_order():
    log = []

    def play():
        yield think()
        yield Search("x")
        return (yield write_answer()).text

    trace = run(play(), driver(log=log))
    shape = [(type(e).__name__, e.path) for e in log]
    pieces = [("Piece", (0,))] * 3
    assert shape == [
        ("Begun", (0,)), *pieces, ("Thought", (0,)),
        ("Search", (1,)), ("Begun", (1,)), ("Reading", (1, 1)),
        ("Begun", (2,)), *[("Piece", (2,))] * 3, ("Answer", (2,)),
        ("Stopped", (20_000,)),
    ]  # fmt: skip
    assert "".join(e.text for e in log if isinstance(e, Piece) and e.path == (0,)) == "a b c"
    assert tuple(e for e in log if not isinstance(e, Begun | Piece)) == trace.steps


def test_seeds_follow_from_run_question_and_place_and_never_from_the_budget():
    def seeds(budget, **more):
        model = Scripted(lambda _: "a b c d e f g h i")
        run(long_play(), Driver(model, Shelf(), budget, **{"question_id": "q", **more}))
        return [c.seed for c in model.history]

    rich, poor = seeds(Budget(9, 999)), seeds(Budget(9, 30))
    assert rich == poor
    assert len(set(rich)) == len(rich)
    assert seeds(Budget(9, 999), seed=1)[0] != rich[0] != seeds(Budget(9, 999), question_id="r")[0]
    assert set(seeds(Budget(0, 9))) <= set(rich)
    assert all(0 <= call_seed(s, "q", (s,)) < 2**31 for s in range(200))


def test_an_answer_inside_a_branch_is_a_sample_and_counts_as_thinking():
    def sampled():
        replies = (yield Together((answering("one"), answering("two")))).replies
        return max(r.text for r in replies)

    def answering(word):
        reply = yield Write((Message("user", word),), "answer", 8)
        return reply.text

    driver = Driver(Scripted(lambda call: call.prompt[0].content), None, Budget(0, 10))
    trace = asyncio.run(driver.run(sampled()))
    assert trace.answer == "two"
    assert trace.answer_tokens == 0
    assert trace.thinking_tokens == trace.think.used == trace.usage.completion_tokens > 0


class Halting(Scripted):
    """Streams some pieces, then waits for ever."""

    async def generate(self, call, on_piece=None):
        for word in ("so", " it", " is"):
            (on_piece or (lambda _: None))(word)
        await asyncio.Event().wait()


def one_thought():
    yield think(9)
    return ""


def one_query():
    yield write_query()
    return ""


def one_answer():
    return (yield write_answer()).text


@pytest.mark.parametrize(
    ("play", "kind"), [(one_thought, Thought), (one_query, SearchStep), (one_answer, Answer)]
)
def test_what_was_streamed_before_a_stop_is_counted(play, kind):
    log = []
    made = driver(Halting([]), Budget(1, 9), Shelf(), log=log)

    async def main():
        task = asyncio.create_task(made.run(play()))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    timed(main())
    trace = made.trace("", "user")
    assert_books_balance(trace)
    assert trace.usage.completion_tokens == 3
    step = trace.steps[0]
    assert isinstance(step, kind) and step.tokens == 3
    assert step in log and trace.stopped_by == "user"


def test_a_branch_that_only_thinks_holds_no_search_back_from_its_neighbours():
    shelf = Shelf()

    def searching():
        for n in range(4):
            yield Search(f"query {n}")
        return ""

    def play():
        yield Together((think(3), searching(), think(3)))
        return ""

    trace = run(play(), driver(Scripted(lambda _: "a b c"), Budget(4, 12), shelf))
    assert (trace.search.used, trace.stopped_by) == (4, "answer")
