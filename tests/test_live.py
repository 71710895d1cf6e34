"""Live runs on the background loop: with a model of three lines, so that time and failure are in our hands."""

import asyncio
import time

import pytest

from budgetscape.live import LiveRequest, LiveRuns
from budgetscape.loop import Loop
from engine.errors import InputError, StoreError, Unreachable
from engine.run.books import Piece
from engine.run.requests import Reply
from engine.types import Budget, Passage, Question, Ranked, Reading, RunConfig, Stopped, Usage

QUESTION = Question("q1", "Where was it built?", ("Pirnby",), ("p1",))
PATIENCE_S = 60
PASSAGE = Ranked(Passage("p1", "Tern", "It was built in Pirnby."), 1, 0.9)


class Parts:
    def __init__(self, delay_s=0.0, fault=None, save_fault=None):
        self.delay_s, self.fault, self.save_fault = delay_s, fault, save_fault
        self.calls, self.saved, self.cancelled = 0, [], 0

    async def model(self, name):
        return self

    async def retriever(self, index):
        return self

    def config(self, request):
        return RunConfig(request.strategy, request.model, request.index, request.budget)

    def price(self, model):
        return lambda usage: usage.completion_tokens / 1000

    def save(self, trajectory):
        if self.save_fault:
            raise self.save_fault
        self.saved.append(trajectory)

    async def generate(self, call, on_piece=None):
        self.calls += 1
        if self.fault:
            raise self.fault
        try:
            await asyncio.sleep(self.delay_s)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if on_piece:
            on_piece("Pirnby")
        return Reply("Pirnby", ("Pirnby",), "stop", 1, Usage(5, 0, 1, 0, 0, 1), self.delay_s)

    async def search(self, queries):
        return [(PASSAGE,) for _ in queries]


@pytest.fixture
def loop():
    made = Loop()
    yield made
    made.close()


def request(**changes):
    base = {
        "question": QUESTION,
        "strategy": "single_retrieval",
        "model": "m",
        "index": "i",
        "budget": Budget(1, 16),
    }
    return LiveRequest(**{**base, **changes})


def wait(runs, run_id):
    end = time.monotonic() + PATIENCE_S
    while not runs.get(run_id).over:
        assert time.monotonic() < end, "the run did not end"
        time.sleep(0.005)
    return runs.get(run_id)


def test_a_run_streams_its_steps_and_is_saved(loop):
    parts = Parts()
    runs = LiveRuns(parts, loop)
    live = wait(runs, runs.start(request()))
    assert live.state == "done"
    assert live.run.trace.answer == "Pirnby"
    assert live.run.scores.em == 1.0
    assert live.run.scores.evidence_recall == 1.0
    assert any(isinstance(e, Piece) for e in live.events)
    assert any(isinstance(e, Reading) for e in live.events)
    assert isinstance(live.events[-1], Stopped)
    assert [t.runs[0].id for t in parts.saved] == [live.run.id]


def test_stop_cancels_the_call_that_is_under_way_and_keeps_the_log(loop):
    parts = Parts(delay_s=600)
    runs = LiveRuns(parts, loop)
    run_id = runs.start(request())
    while not parts.calls:
        time.sleep(0.005)
    runs.stop(run_id)
    live = wait(runs, run_id)
    assert live.state == "stopped"
    assert live.run is None
    deadline = time.monotonic() + PATIENCE_S
    while not parts.cancelled and time.monotonic() < deadline:
        time.sleep(0.005)
    assert parts.cancelled == 1
    assert live.events[-1] == Stopped(path=live.events[-1].path, by="user")
    assert not parts.saved


def test_an_endpoint_that_fails_ends_the_run_with_its_reason(loop):
    runs = LiveRuns(Parts(fault=Unreachable("no model at that address; start it")), loop)
    live = wait(runs, runs.start(request()))
    assert live.state == "failed"
    assert live.error == "no model at that address; start it"
    assert live.events[-1].by == "error"


def test_a_fault_of_ours_is_not_shown_to_the_person(loop):
    runs = LiveRuns(Parts(fault=ZeroDivisionError("secret detail")), loop)
    live = wait(runs, runs.start(request()))
    assert live.state == "failed"
    assert "secret detail" not in live.error


def test_a_run_that_cannot_be_saved_still_shows_its_answer(loop):
    runs = LiveRuns(Parts(save_fault=StoreError("the disk is full; free some space")), loop)
    live = wait(runs, runs.start(request()))
    assert live.state == "done"
    assert "the disk is full" in live.note


def test_two_runs_at_once_do_not_mix(loop):
    runs = LiveRuns(Parts(delay_s=0.05), loop)
    ids = [runs.start(request(question=Question(f"q{i}", f"Question {i}?"))) for i in range(8)]
    done = [wait(runs, i) for i in ids]
    assert [d.run.question.text for d in done] == [f"Question {i}?" for i in range(8)]
    assert len({d.run.id for d in done}) == 8
    assert [r.id for r in runs.recent(3)] == ids[:-4:-1]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"question": Question("q", "   ")}, "empty"),
        ({"question": Question("q", "x" * 5000)}, "characters"),
        ({"budget": Budget(-1, 0)}, "search budget"),
        ({"budget": Budget(1, 10**12)}, "think budget"),
        ({"budget": Budget(2, 0)}, "cannot use"),
        ({"strategy": "fan_out", "budget": Budget(1, 5, "force")}, "searching cannot be forced"),
        ({"strategy": "corga"}, "did you mean 'corag'"),
        ({"knobs": {"top_k": 10**9}}, "knob top_k"),
        ({"index": None}, "needs an index"),
    ],
)
def test_what_a_browser_may_have_made_up_is_refused_before_anything_runs(loop, changes, said):
    parts = Parts()
    with pytest.raises(InputError, match=said):
        LiveRuns(parts, loop).start(request(**changes))
    assert parts.calls == 0


def settled(runs, run_id):
    live = wait(runs, run_id)
    end = time.monotonic() + PATIENCE_S
    while live.checkpoints.taking:
        assert time.monotonic() < end, "the checkpoints did not end"
        time.sleep(0.005)
    return live


CELLS = (Budget(1, 0), Budget(0, 16), Budget(0, 0))


def test_checkpoints_are_taken_after_the_run_and_saved_and_paid_apart(loop):
    parts = Parts()
    runs = LiveRuns(parts, loop)
    live = settled(runs, runs.start(request(checkpoints=CELLS)))
    assert [r.config.budget for r in live.checkpoints.runs] == list(CELLS)
    run, apart = parts.saved
    assert (run.sweep, apart.sweep) == ("live", "live-checkpoints")
    assert len(run.runs) == 1 and run.paid.calls + apart.paid.calls == parts.calls
    assert live.checkpoints.cost == apart.paid_cost > 0
    assert runs.of_run(live.run.id) is live and runs.of_run("none") is None


def test_stop_while_checkpoints_are_taken_leaves_the_run_done(loop):
    class Waiting(Parts):
        """Answers what is asked after the run when it is too late."""

        def save(self, trajectory):
            super().save(trajectory)
            self.delay_s = 600

    runs = LiveRuns(Waiting(), loop)
    run_id = runs.start(request(checkpoints=CELLS))
    wait(runs, run_id)
    runs.stop(run_id)
    live = settled(runs, run_id)
    assert live.state == "done" and live.run.trace.answer == "Pirnby"
    assert (live.checkpoints.note, live.checkpoints.runs) == ("stopped by you", [])


def test_an_endpoint_that_fails_at_checkpoints_leaves_the_run_done(loop):
    class Failing(Parts):
        async def generate(self, call, on_piece=None):
            if self.saved:
                raise Unreachable("gone")
            return await super().generate(call, on_piece)

    runs = LiveRuns(Failing(), loop)
    live = settled(runs, runs.start(request(checkpoints=CELLS)))
    assert live.state == "done" and live.checkpoints.runs == []


def test_too_many_checkpoints_are_refused(loop):
    with pytest.raises(InputError, match="checkpoints"):
        LiveRuns(Parts(), loop).start(request(checkpoints=(Budget(0, 0),) * 99))
