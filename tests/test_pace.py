"""Concurrency follows the endpoint: it grows where calls are answered, and gives way where they are not."""

import asyncio

import pytest

from engine.errors import BadReply, Busy, CapReached, EndpointError, TooSlow, Unreachable
from engine.models.scripted import Scripted
from engine.run.ports import Call
from engine.run.requests import Reply
from engine.sweeps.pace import GivenUp, Pace, Paced
from engine.sweeps.spend import Caps, Ledger
from engine.types import Message, Usage
from tests.clock import run as timed

CALL = Call((Message("user", "Where was the ship built?"),), 8)


class Endpoint:
    """Answers after `latency_s` while no more than `takes` calls are under way, else is busy; raises what is told."""

    def __init__(self, takes=10**6, latency_s=0.0, raises=(), retry_after_s=None):
        self.takes, self.latency_s, self.raises = takes, latency_s, list(raises)
        self.retry_after_s = retry_after_s
        self.under_way = self.most = 0
        self.at = []

    async def generate(self, call, on_piece=None):
        self.at.append(asyncio.get_running_loop().time())
        if self.raises and (error := self.raises.pop(0)):
            await asyncio.sleep(self.latency_s)
            raise error
        if self.under_way >= self.takes:
            raise Busy("busy", self.retry_after_s)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(self.latency_s)
        self.under_way -= 1
        return Reply("ok", tokens=1, usage=Usage(5, 0, 1, calls=1))


def paced(inner, pace=None, ledger=None, wait_s=0.001, **more):
    return Paced(inner, "m", pace or Pace(64), ledger or Ledger(), wait_s=wait_s, **more)


async def ask(model, count):
    return await asyncio.gather(*(model.generate(CALL) for _ in range(count)))


def test_it_starts_slowly_and_grows_to_the_most():
    endpoint, pace = Endpoint(latency_s=0.01), Pace(64, first=4)

    async def run():
        await ask(paced(endpoint, pace), 4)
        assert (endpoint.most, int(pace.limit)) == (4, 8)
        await ask(paced(endpoint, pace), 300)

    timed(run())
    assert endpoint.most == 64
    assert pace.under_way == 0


def test_slow_start_does_not_wait_for_slow_answers_while_nothing_is_refused(monkeypatch):
    monkeypatch.setattr("engine.sweeps.pace.GROW_S", 0.02)
    slow, pace = Endpoint(latency_s=1.0), Pace(64, first=4)

    async def run():
        asking = asyncio.create_task(ask(paced(slow, pace), 40))
        await asyncio.sleep(0.01)
        assert slow.under_way == 4
        while slow.under_way < 40:
            await asyncio.sleep(0.01)
        assert not asking.done()
        await asking

    timed(run())
    assert pace.limit == 64


def test_slow_start_ends_at_the_first_refusal(monkeypatch):
    monkeypatch.setattr("engine.sweeps.pace.GROW_S", 0.02)
    endpoint, pace = Endpoint(takes=8, latency_s=0.3), Pace(64, first=8)

    async def run():
        asking = asyncio.create_task(ask(paced(endpoint, pace, wait_s=0.05, tries=50), 40))
        await asyncio.sleep(0.25)
        assert pace.limit < 10
        await asking

    timed(run())
    assert pace.limit < 24


def test_a_busy_endpoint_is_asked_less_and_every_call_is_still_answered():
    endpoint, pace = Endpoint(takes=10, latency_s=0.01), Pace(200, first=100)
    replies = timed(ask(paced(endpoint, pace, tries=50), 400))
    assert [r.text for r in replies] == ["ok"] * 400
    assert pace.limit < 40
    assert 0 < pace.faults["busy"] < 400


def test_one_refusal_of_many_calls_at_once_halves_once():
    endpoint = Endpoint(raises=[Busy("no")] * 6, latency_s=0.01)
    pace = Pace(64, first=16, trip=100)

    async def run():
        await asyncio.gather(
            *(paced(endpoint, pace, tries=1).generate(CALL) for _ in range(16)),
            return_exceptions=True,
        )

    timed(run())
    assert 8 <= pace.limit < 16


def test_retry_after_holds_every_call_and_not_only_the_one_that_was_told():
    endpoint, pace = Endpoint(raises=[Busy("wait", 0.3)]), Pace(4, first=4)

    async def two():
        model = paced(endpoint, pace)
        first = asyncio.create_task(model.generate(CALL))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(model.generate(CALL))
        await asyncio.gather(first, second)

    timed(two())
    assert len(endpoint.at) == 3
    assert min(endpoint.at[1:]) - endpoint.at[0] >= 0.29


@pytest.mark.parametrize("error", [Busy("x"), Unreachable("x"), BadReply("x"), TooSlow("x")])
def test_what_may_pass_is_tried_again_and_what_will_not_is_raised_at_once(error):
    endpoint = Endpoint(raises=[error, error])
    assert timed(paced(endpoint).generate(CALL)).text == "ok"
    assert len(endpoint.at) == 3
    broken = Endpoint(raises=[EndpointError("wrong key")] * 9)
    with pytest.raises(EndpointError, match="wrong key"):
        timed(paced(broken).generate(CALL))
    assert len(broken.at) == 1


def test_after_so_many_tries_the_last_error_is_raised():
    endpoint = Endpoint(raises=[BadReply("garbage")] * 99)
    with pytest.raises(BadReply, match="garbage"):
        timed(paced(endpoint, tries=3).generate(CALL))
    assert len(endpoint.at) == 3


def test_the_circuit_opens_after_failures_in_a_row_tries_one_at_a_time_and_closes_when_answered():
    endpoint = Endpoint(raises=[Unreachable("down")] * 12, latency_s=0.001)
    pace = Pace(32, first=8, trip=8, cool_s=0.05)

    async def run():
        return await ask(paced(endpoint, pace, tries=20), 8)

    assert len(timed(run())) == 8
    gaps = [b - a for a, b in zip(endpoint.at[7:12], endpoint.at[8:13], strict=True)]
    assert min(gaps) >= 0.03
    assert not pace.open
    assert pace.faults["unreachable"] == 12


def test_an_endpoint_that_stays_down_is_given_up():
    endpoint = Endpoint(raises=[Unreachable("down")] * 10_000)
    pace = Pace(4, trip=2, cool_s=0.01, patience_s=0.1)
    with pytest.raises(GivenUp, match="answered nothing"):
        timed(ask(paced(endpoint, pace, tries=1000), 4))


def test_a_pause_holds_calls_and_lets_those_under_way_end():
    endpoint = Endpoint(latency_s=0.02)

    async def run():
        running = asyncio.Event()
        running.set()
        model = paced(endpoint, Pace(2, running=running))
        tasks = [asyncio.create_task(model.generate(CALL)) for _ in range(6)]
        await asyncio.sleep(0.01)
        running.clear()
        await asyncio.sleep(0.1)
        done = sum(t.done() for t in tasks)
        running.set()
        await asyncio.gather(*tasks)
        return done

    assert timed(run()) == 2
    assert len(endpoint.at) == 6


def test_what_failed_calls_were_worked_on_is_counted_and_refusals_are_not():
    class Cut:
        async def generate(self, call, on_piece=None):
            for piece in "abc":
                on_piece(piece)
            raise BadReply("cut")

    ledger = Ledger()
    model = paced(Cut(), ledger=ledger, tries=2)
    with pytest.raises(BadReply):
        timed(model.generate(CALL))
    assert ledger.spent.usage.completion_tokens == model.wasted.completion_tokens == 6
    assert ledger.spent.usage.input_tokens > 0
    refused = paced(Endpoint(raises=[Busy("no")] * 9), tries=2)
    with pytest.raises(Busy):
        timed(refused.generate(CALL))
    assert refused.wasted == refused.ledger.spent.usage == Usage()


# ------------------------------------------------------------------------------------------- caps


def spend(caps, latency_s=0.0, count=200, price=lambda _, usage: usage.completion_tokens / 10):
    """Ask until it is refused; the ledger, and how many calls were answered."""
    ledger = Ledger(caps, price)
    model = paced(Scripted(lambda call: "one two three", latency_s=latency_s), ledger=ledger)

    async def run():
        ledger.clock = asyncio.get_running_loop().time
        ledger.start()
        return await asyncio.gather(
            *(model.generate(CALL) for _ in range(count)), return_exceptions=True
        )

    done = timed(run())
    assert all(isinstance(r, CapReached) for r in done if not isinstance(r, Reply))
    return ledger, sum(isinstance(r, Reply) for r in done)


@pytest.mark.parametrize(
    ("caps", "spent", "most"),
    [
        (Caps(tokens=500), lambda s: s.tokens, 500),
        (Caps(cost=4.0), lambda s: s.cost, 4.0),
    ],
)
@pytest.mark.parametrize("latency_s", [0.0, 0.002])
def test_a_cap_is_never_passed_and_nearly_used(caps, spent, most, latency_s):
    ledger, answered = spend(caps, latency_s)
    assert 0.8 * most <= spent(ledger.spent) <= most
    assert 0 < answered < 200
    assert "reached" in ledger.closed


def test_minutes_end_calls_under_way_and_count_what_they_took():
    ledger, answered = spend(Caps(minutes=0.1 / 60), latency_s=5.0, count=3)
    assert answered == 0
    assert ledger.spent.usage.calls == 3
    assert ledger.seconds == pytest.approx(0.1)


def test_what_earlier_starts_spent_counts_and_an_unknown_cost_is_over_any_cap():
    before = Ledger(Caps(tokens=100)).before
    assert not Ledger(Caps(tokens=100), before=before).reached()
    spent = Ledger(before=before)
    spent.add("m", Usage(90, 0, 5))
    again = Ledger(Caps(tokens=100), before=spent.total)
    assert again.fits(5, 0)
    assert not again.fits(6, 0)
    assert Ledger(Caps(cost=1.0), before=spent.total).reached()


def test_wrapping_up_leaves_room_for_those_under_way():
    ledger = Ledger(Caps(tokens=100))
    ledger.add("m", Usage(40))
    typical = Ledger()
    typical.add("m", Usage(20))
    assert not ledger.wraps_up(typical.spent, under_way=2)
    assert "100 tokens" in ledger.wraps_up(typical.spent, under_way=3)


def test_a_pause_stops_the_clock():
    now = [0.0]
    ledger = Ledger(Caps(minutes=1), clock=lambda: now[0])
    ledger.start()
    now[0] = 20.0
    ledger.pause()
    now[0] = 500.0
    assert ledger.seconds_left == 40
    ledger.start()
    now[0] = 510.0
    assert ledger.total.seconds == 30
