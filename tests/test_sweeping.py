"""A sweep in this process: it does what is left, keeps to its caps, obeys, and says how it stands."""

import asyncio
import json
import threading
import time
from collections import Counter
from dataclasses import replace

import pytest

from budgetscape import sweep_control as control
from budgetscape.cli.amounts import outcome
from budgetscape.sweep_driver import Drive
from budgetscape.sweep_opening import quoted, ready
from budgetscape.sweep_outcome import by_part, in_all
from budgetscape.sweep_records import recorded
from engine.errors import BadReply, Busy, EndpointError, InputError, StoreError, StoreHeld
from engine.models.scripted import Scripted
from engine.run.ports import Said
from engine.run.requests import Reply
from engine.sweeps import pace
from engine.sweeps.plan import read_plan
from engine.sweeps.spend import Caps
from engine.types import Usage
from store.history import Store
from store.journal import Journal, journal_files, read_sweep
from tests.sweep_fakes import PLAN, QUESTIONS, Registry, ToyParts, say

TOY = read_plan(PLAN)
CELLS = len(QUESTIONS) * (2 + 6)
CALLS_AT_ONCE = Registry.places


class Turns(Scripted):
    """Answers as many calls as the test lets it, however fast or slow the machine is; the others wait."""

    def __init__(self, most):
        super().__init__(say)
        self.begun, self.most = 0, most

    async def generate(self, call, on_piece=None):
        self.begun += 1
        while self.most <= 0:
            await asyncio.sleep(0.005)
        self.most -= 1
        return await super().generate(call, on_piece)

    def let(self, more):
        self.most += more


def swept(parts, plan=TOY, only=False, during=None, **options):
    """Run a plan to its end; the last status, and the words of every trajectory."""
    words = []

    async def beside(sweep, drive):
        try:
            await during(sweep, drive)
        except BaseException:
            sweep.stop("the test failed")
            raise

    async def run():
        sweep = await ready(plan, parts, **options)
        drive = Drive(sweep)
        helper = asyncio.create_task(beside(sweep, drive)) if during else None
        try:
            await drive.go(
                lambda word, n, t, s: words.append((word, t.id)), lambda q: None, only=only
            )
        finally:
            if helper:
                helper.cancel()
            sweep.close()
        if helper:
            await helper
        return drive.status()

    return asyncio.run(run()), words


def runs_in(home):
    """Every run that the journals hold, ids as often as they come."""
    lines = [x for x in read_sweep(home, "toy") if x.kind == "trajectory"]
    return Counter(r["id"] for x in lines for r in x.body["runs"])


def test_every_cell_is_run_once_and_a_repeat_asks_nothing(home):
    parts = ToyParts(home)
    status, words = swept(parts)
    assert (status.state, status.runs_done, status.runs) == ("done", CELLS, CELLS)
    assert set(runs_in(home).values()) == {1}
    assert len(runs_in(home)) == CELLS
    asked = len(parts.toy.history)
    again, words = swept(parts)
    assert (again.state, words, len(parts.toy.history)) == ("done", [], asked)
    assert again.tokens == status.tokens


def test_the_last_word_of_a_sweep_is_not_written_over_by_an_earlier_one_that_was_late(
    home, monkeypatch
):
    told, begun, drives = [], threading.Event(), []

    def late(home, status):
        if not begun.is_set():  # the first word waits until the last one is due, as on a slow disk
            begun.set()
            while not (drives and drives[0].state in ("done", "failed")):
                time.sleep(0.01)
            time.sleep(0.3)
        told.append(status.state)

    async def during(_, drive):
        drives.append(drive)

    monkeypatch.setattr("budgetscape.sweep_driver.tell", late)
    status, _ = swept(ToyParts(home), during=during)
    time.sleep(0.4)
    assert status.state == told[-1] == "done"
    assert len(told) > 1


def test_a_spread_of_questions_comes_first(home):
    parts = ToyParts(home)
    parts.registry.places = 1
    _, words = swept(parts)
    by_id = {x.id: x.body["question"] for x in read_sweep(home, "toy") if x.kind == "trajectory"}
    strata = {(by_id[i]["hops"], by_id[i]["operations"]) for _, i in words[: 2 * 6]}
    assert len(strata) == 6


def test_samples_and_seeds_are_never_collapsed(home):
    plan = read_plan(
        PLAN.replace('name = "toy"', 'name = "toy"\nseeds = [0, 1]\nsamples = 2\ntemperature = 1.0')
    )
    parts = ToyParts(home)
    swept(parts, plan)
    seeds = Counter(c.seed for c in parts.toy.history)
    assert len(runs_in(home)) == 4 * CELLS
    alone = ToyParts(home)
    swept(alone, plan.model_copy(update={"name": "one", "seeds": (0,), "samples": 1}))
    assert len(parts.toy.history) == pytest.approx(4 * len(alone.toy.history), rel=0.05)
    assert len(seeds) > 3 * len(Counter(c.seed for c in alone.toy.history))


def test_queries_that_strategies_share_are_asked_of_the_index_once(home):
    plan = read_plan(
        PLAN.replace('"closed_book", "iterative"', '"single_retrieval", "iterative"')
        + "[knobs.iterative]\ntop_k = 3\n"
    )
    parts = ToyParts(home)
    status, _ = swept(parts, plan)
    asked = [q for q in parts.shelf.asked if q.text == QUESTIONS[0].text]
    assert len(asked) == 1
    assert status.queries == len(parts.shelf.asked) == len(set(parts.shelf.asked))


def test_without_the_memo_as_much_is_charged_and_more_is_paid(home, tmp_path):
    one = ToyParts(home)
    memo, _ = swept(one)
    naive, _ = swept(ToyParts(replace(home, root=tmp_path / "naive").ensure()), share=False)
    assert memo.paid_tokens < 0.95 * naive.paid_tokens
    assert naive.paid_tokens == naive.charged_tokens
    assert memo.charged_tokens == naive.charged_tokens


def test_a_quote_without_the_memo_is_not_drawn_from_sweeps_that_shared(home):
    swept(ToyParts(home))
    alone = TOY.model_copy(update={"name": "alone"})
    status, words = swept(ToyParts(home), alone, share=False)
    assert "pilot" in {word for word, _ in words}
    told = in_all(status)["tokens"]
    assert told.real == pytest.approx(told.p50, rel=0.2)


def test_a_second_process_is_told_who_runs_the_sweep(home, monkeypatch):
    monkeypatch.setattr(control, "WAIT_S", 0.1)
    mine = control.lock(home, "toy")
    with pytest.raises(StoreHeld, match="sweeps cancel toy"):
        swept(ToyParts(home))
    mine.release()
    assert swept(ToyParts(home))[0].state == "done"


def test_a_changed_plan_is_refused_with_the_difference_and_higher_caps_are_not(home):
    swept(ToyParts(home))
    for old, new, said in (
        ("think = [0, 8]", "think = [0, 9]", r"think: was \[0, 8\], is \[0, 9\]"),
        ('name = "toy"', 'name = "toy"\nsamples = 2', "samples: was not set, is 2"),
        (
            "think = [0, 8]",
            "think = [0, 8]\n[knobs.iterative]\ntop_k = 9",
            r"\(knobs.iterative.top_k: was not",
        ),
    ):
        with pytest.raises(InputError, match=said):
            swept(ToyParts(home), read_plan(PLAN.replace(old, new)))
    assert (
        swept(ToyParts(home), read_plan(PLAN + "[caps]\ntokens = 10_000_000\n"))[0].state == "done"
    )


# ------------------------------------------------------------------------------------------- caps


@pytest.mark.parametrize("caps", [Caps(tokens=6000), Caps(cost=6.0)])
def test_a_sweep_wraps_up_before_its_cap_and_goes_on_under_a_higher_one(home, caps):
    parts = ToyParts(home)
    status, _ = swept(parts, TOY.model_copy(update={"caps": caps}))
    assert status.state == "stopped"
    assert "cap of" in status.note
    assert 5000 < status.tokens <= 6000
    assert status.failed == 0, "nothing was cut off"
    rest, _ = swept(parts, TOY)
    assert (rest.state, rest.runs_done) == ("done", CELLS)
    assert set(runs_in(home).values()) == {1}


def test_a_cap_that_falls_within_a_trajectory_is_kept_and_nothing_paid_is_lost(home):
    parts = ToyParts(home)
    status, _ = swept(parts, TOY.model_copy(update={"caps": Caps(tokens=300)}))
    assert status.tokens <= 300
    assert status.state == "stopped"
    asked = Counter(parts.toy.history)
    swept(parts)
    assert max(Counter(parts.toy.history).values()) == 1, "what was recorded is not asked again"
    assert asked


def test_a_cap_on_cost_needs_prices_and_a_cap_below_one_call_says_so(home):
    with pytest.raises(InputError, match="caps.cost: model m"):
        swept(ToyParts(home, priced=False), TOY.model_copy(update={"caps": Caps(cost=1)}))
    status, _ = swept(ToyParts(home), TOY.model_copy(update={"caps": Caps(tokens=1)}))
    assert (status.state, status.tokens) == ("stopped", 0)


def test_minutes_are_a_cap_over_all_starts(home):
    model = Turns(30)
    parts = ToyParts(home, model=model)
    plan = TOY.model_copy(update={"caps": Caps(minutes=0.5 / 60)})
    status, _ = swept(parts, plan)
    assert status.state == "stopped" and status.runs_done < CELLS, "calls under way were cut"
    model.let(10_000)
    begun = model.begun
    again, words = swept(parts, plan)
    assert (again.state, words, model.begun) == ("stopped", [], begun)
    assert again.seconds >= 0.5


# ------------------------------------------------------------------------------------------- orders


def test_pause_resume_and_cancel_are_obeyed_from_outside(home):
    model = Turns(30)

    async def during(sweep, drive):
        (pace,) = sweep.hands.paces.values()
        while not sweep.runs_done or pace.under_way < CALLS_AT_ONCE:
            await asyncio.sleep(0.02)
        control.give(home, "toy", "pause")
        while drive.state != "paused":
            await asyncio.sleep(0.02)
        at = model.begun
        model.let(CALLS_AT_ONCE)  # those under way end, and no other begins
        while pace.under_way:
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
        assert (model.begun, len(model.history)) == (at, at)
        control.give(home, "toy", "go")
        while model.begun == at:
            await asyncio.sleep(0.02)
        assert drive.state == "running"
        control.give(home, "toy", "cancel")

    parts = ToyParts(home, model=model)
    status, _ = swept(parts, during=during)
    assert (status.state, status.note) == ("stopped", "stopped by you")
    assert 0 < status.runs_done < CELLS
    assert control.status(home, "toy").state == "stopped"
    model.let(10_000)
    assert swept(parts)[0].runs_done == CELLS
    assert set(runs_in(home).values()) == {1}


def test_a_pause_between_the_pilot_and_the_rest_holds(home):
    parts = ToyParts(home)

    async def run():
        sweep = await ready(TOY, parts)
        drive = Drive(sweep)

        def paused(_):
            control.give(home, "toy", "pause")
            sweep.pause()
            drive.state = "paused"

        going = asyncio.create_task(drive.go(lambda *_: None, paused))
        while drive.state != "paused":
            await asyncio.sleep(0.01)
        asked, seconds = len(parts.toy.history), sweep.ledger.seconds
        await asyncio.sleep(0.2)
        assert drive.status().state == "paused"
        assert (len(parts.toy.history), sweep.ledger.seconds) == (asked, seconds)
        control.give(home, "toy", "go")
        await going
        sweep.close()
        return drive.status()

    assert asyncio.run(run()).state == "done"


def test_nobody_can_be_told_when_nobody_runs_it(home):
    swept(ToyParts(home))
    with pytest.raises(InputError, match="not running"):
        control.give(home, "toy", "pause")


def test_a_status_that_says_running_without_a_process_is_interrupted(home):
    swept(ToyParts(home))
    control.tell(home, replace(control.told(home, "toy"), state="running"))
    assert control.status(home, "toy").state == "interrupted"
    assert control.saved_plan(home, "toy") == TOY


# ------------------------------------------------------------------------------------------- faults and quotes


@pytest.fixture
def quick(monkeypatch):
    """Another try comes at once."""
    monkeypatch.setattr(pace, "WAIT_S", 0.001)


class Flaky(Scripted):
    """Fails the first time it is asked anything new, one time in three for good."""

    def __init__(self, forever=False):
        super().__init__(say)
        self.seen, self.forever = Counter(), forever

    async def generate(self, call, on_piece=None):
        self.seen[call] += 1
        if self.forever and call.seed % 29 == 0:
            raise BadReply("garbage")
        if self.seen[call] == 1 and call.seed % 3 == 0:
            raise Busy("busy")
        return await super().generate(call, on_piece)


def test_calls_that_fail_are_tried_again_and_counted_by_kind(home, quick):
    parts = ToyParts(home, model=Flaky())
    status, _ = swept(parts)
    assert status.state == "done"
    assert status.faults["busy"] > 0


def test_cells_that_fail_for_good_have_their_reason_and_are_asked_again_next_time(home, quick):
    status, _ = swept(ToyParts(home, model=Flaky(forever=True)))
    assert status.state == "stopped"
    assert status.paid_tokens <= status.charged_tokens, (
        "what was cut off saved nothing and is no run"
    )
    assert status.failed > 0
    assert set(status.failures) == {"bad reply"}
    assert status.reason == "garbage"
    assert swept(ToyParts(home))[0].runs_done == CELLS


def test_an_endpoint_that_refuses_everything_ends_the_sweep_early(home):
    class Broken(Scripted):
        async def generate(self, call, on_piece=None):
            raise EndpointError("wrong key")

    with pytest.raises(EndpointError, match="in a row failed.*wrong key"):
        swept(ToyParts(home, model=Broken([])))
    assert control.status(home, "toy").state == "failed"


def test_a_disk_that_is_full_ends_the_sweep_in_one_line_and_loses_nothing(home, monkeypatch):
    kept = Journal.append

    def full(self, kind, id, body):
        if kind == "trajectory" and len(runs_in(home)) > 20:
            raise StoreError("cannot write: No space left on device; free some space")
        kept(self, kind, id, body)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", full)
        with pytest.raises(StoreError, match="No space left"):
            swept(ToyParts(home))
    assert swept(ToyParts(home))[0].runs_done == CELLS
    assert set(runs_in(home).values()) == {1}


def test_two_writers_of_one_run_leave_it_once_in_the_tables(home):
    swept(ToyParts(home))
    (file,) = journal_files(home, "toy")
    file.with_name("20200101T000000000000-1-copy.jsonl").write_bytes(
        file.read_bytes() + b'{"v":1,"ki'
    )
    with Store.scratch(home, ["toy"]) as store:
        assert store.sweeps()[0].runs == CELLS
    assert swept(ToyParts(home))[1] == []


def test_the_first_quote_is_kept_and_laid_beside_what_was_spent(home):
    parts = ToyParts(home)
    first, words = swept(parts, only=True)
    assert first.state == "quoted"
    assert {w for w, _ in words} == {"pilot"}
    done, _ = swept(parts)
    real = in_all(done)
    assert real["tokens"].p50 <= real["tokens"].p90
    assert real["tokens"].real == pytest.approx(real["tokens"].p50, rel=0.3)
    assert real["cost"].real == pytest.approx(real["tokens"].real / 1e3)
    told = by_part(done)
    assert {(p.strategy, p.model) for p in told} == {("closed_book", "m"), ("iterative", "m")}
    for word in ("calls", "tokens", "cost"):
        assert sum(p.amounts[word].real for p in told) == pytest.approx(real[word].real)
        assert all(
            p.amounts[word].real == pytest.approx(p.amounts[word].p50, rel=0.4) for p in told
        )
    lines = list(outcome(done))
    assert [x.split(":")[0] for x in lines[-2:]] == ["  closed_book m", "  iterative m"]
    assert "tokens (quoted" in lines[-1]
    assert done.quote == json.loads(json.dumps(recorded(home, TOY, parts.price).quote))


def test_history_quotes_another_sweep_of_the_same_cells_without_asking_anything(home):
    parts = ToyParts(home)
    swept(parts)
    asked = len(parts.toy.history)
    smaller = TOY.model_copy(update={"name": "smaller", "search": (0, 2), "think": (8,)})
    given, done = asyncio.run(quoted(smaller, parts))
    assert (done, given.blind, len(parts.toy.history)) == (0, (), asked)
    real, _ = swept(parts, smaller)
    assert real.tokens == pytest.approx(given.tokens_p50, rel=0.2)
    larger = TOY.model_copy(update={"name": "larger", "think": (0, 8, 64)})
    blind = asyncio.run(quoted(larger, parts))[0].blind
    assert [p.strategy for p in blind] == ["iterative"], (
        "its thoughts went on where the record ends"
    )


def test_memory_does_not_keep_what_was_handed_over(home):
    async def run():
        sweep = await ready(TOY, ToyParts(home))
        async for _ in sweep.run(sweep.todo):
            pass
        sweep.close()
        return sweep

    sweep = asyncio.run(run())
    assert not sweep.wanted
    assert not any(hasattr(m, "runs") for m in sweep.known)


class Counting:
    """An agent of one's own that thinks so many tokens and answers."""

    def __init__(self):
        self.begun = 0

    async def begin(self, task):
        self.begun += 1
        for act, text in (("thought", "hm"), ("answer", "Pirnby")):
            yield Said(act, Reply(text, tokens=10, usage=Usage(0, 0, 10, calls=1)))


def test_an_agent_of_ones_own_is_on_the_account_and_kept_to_the_caps(home):
    class Own(ToyParts):
        def agents(self):
            return ["m"]

    text = PLAN.replace('"closed_book", "iterative"', '"external"').replace(
        "think = [0, 8]", "think = [8]"
    )
    plan = read_plan(text.replace("search = [0, 1, 2]", "search = [0]"))
    status, _ = swept(
        Own(home, model=Counting()), plan.model_copy(update={"caps": Caps(tokens=100)})
    )
    assert status.state == "stopped"
    assert 60 <= status.tokens <= 120
    rest = Own(home, model=Counting())
    assert swept(rest, plan)[0].state == "done"
    assert set(runs_in(home).values()) == {1}
