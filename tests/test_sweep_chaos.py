"""Sweeps among failures: processes killed at any moment, endpoints that fail in every way, and many runs."""

import asyncio
import gc
import random
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from dataclasses import replace

import pytest

from budgetscape.sweep_driver import Drive
from budgetscape.sweep_opening import ready
from budgetscape.sweep_records import recorded
from engine.models.openai import OpenAIChat
from engine.sweeps import pace
from engine.sweeps.plan import read_plan
from engine.sweeps.record import from_body
from store.history import Store
from store.home import CHECKOUT
from store.journal import Torn, journal_files, read, read_sweep
from tests.endpoint import serving
from tests.sweep_fakes import PLAN, QUESTIONS, ToyParts

CELLS = len(QUESTIONS) * (2 + 6)
DRAWS = 6
HANG_S = 1.0
"""After so long a call is taken for one that hangs; where a busy machine is as slow, that is one fault more."""


# ------------------------------------------------------------------------------------------- kills


def child(home, plan):
    """A sweep in a process of its own, once it has begun to work."""
    command = [sys.executable, "-m", "tests.sweep_fakes", str(home.root), str(plan)]
    started = subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert started.stdout.readline() == b"ready\n"
    return started


def killed_often(home, tmp_path, kills):
    """Kill one sweep so often, each time a moment after it went on; then let it end. How far each start came."""
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.replace("think = [0, 8]", f"think = [0, 8]\nsamples = {DRAWS}"))
    dice, far = random.Random(kills), []
    for _ in range(kills):
        running = child(home, plan)
        time.sleep(dice.uniform(0.0, 0.25))
        running.kill()
        running.communicate()
        far.append(sum(1 for x in read_sweep(home, "toy") if x.kind == "trajectory"))
    last = child(home, plan)
    last.communicate(timeout=240)  # stdin ends: it stops of itself, in order
    rest = child(home, plan)
    while rest.poll() is None:
        time.sleep(0.2)
    rest.communicate()
    assert rest.returncode == 0
    return far


def check_exactly_once(home, far):
    ids = Counter(x.id for x in read_sweep(home, "toy") if x.kind == "trajectory")
    assert len(ids) == len(QUESTIONS) * 2 * DRAWS
    assert set(ids.values()) == {1}
    assert far == sorted(far)
    with Store.scratch(home, ["toy"]) as store:
        (row,) = store.sweeps()
        assert (row.runs, row.failures) == (CELLS * DRAWS, 0)
        assert store.troubles() == []


def test_a_sweep_killed_five_times_has_every_run_exactly_once(home, tmp_path):
    check_exactly_once(home, killed_often(home, tmp_path, 5))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_sweep_killed_a_hundred_times_has_every_run_exactly_once(home, tmp_path):
    check_exactly_once(home, killed_often(home, tmp_path, 100))


def test_a_disk_that_takes_no_more_ends_a_sweep_in_one_line_and_its_rest_is_made_later(
    home, tmp_path
):
    """The system refuses the write in the middle of a line, as a full disk does."""
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN)
    little = """ulimit -f 29; trap '' XFSZ; exec "$@" """  # KiB a file: a few trajectories
    command = [sys.executable, "-m", "tests.sweep_fakes", str(home.root), str(plan)]
    with subprocess.Popen(
        ["bash", "-c", little, "_", *command],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as full:
        assert b"StoreError" in full.stderr.read()
    assert full.returncode != 0
    ends = [x for p in journal_files(home, "toy") for x in read(p) if isinstance(x, Torn)]
    assert len(ends) == 1, "the line that did not fit"
    kept = [x.id for x in read_sweep(home, "toy") if x.kind == "trajectory"]
    assert 0 < len(kept) < len(QUESTIONS) * 2
    rest = child(home, plan)
    while rest.poll() is None:
        time.sleep(0.1)
    rest.communicate()
    ids = Counter(x.id for x in read_sweep(home, "toy") if x.kind == "trajectory")
    assert set(kept) < set(ids)
    assert set(ids.values()) == {1}
    assert len(ids) == len(QUESTIONS) * 2


def test_a_child_whose_parent_goes_stops_in_order_and_is_resumable(home, tmp_path):
    from budgetscape import sweep_control as control

    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.replace("think = [0, 8]", "think = [0, 8]\nsamples = 200"))
    running = child(home, plan)
    while not any(x.kind == "trajectory" for x in read_sweep(home, "toy")):
        time.sleep(0.05)
    running.communicate(timeout=240)
    status = control.status(home, "toy")
    assert (status.state, status.note) == ("stopped", "the dashboard that started it was stopped")
    assert 0 < status.done < status.trajectories
    assert not [x for p in journal_files(home, "toy") for x in read(p) if isinstance(x, Torn)]


# ------------------------------------------------------------------------------------------- faults


class Remote(ToyParts):
    """The toy parts with a real client to an endpoint on this machine."""

    def __init__(self, home, url, timeout_s):
        super().__init__(home)
        self.toy = None
        self.url, self.timeout_s = url, timeout_s

    async def model(self, name):
        if self.toy is None:
            self.toy = OpenAIChat(self.url, "fixed", timeout_s=self.timeout_s, max_concurrency=64)
            await self.toy.probe()
        return self.toy


def through(home, url, timeout_s=HANG_S):
    """The toy sweep over an endpoint: its last status."""

    async def run():
        parts = Remote(home, url, timeout_s)
        parts.registry.places = 16
        sweep = await ready(read_plan(PLAN), parts)
        drive = Drive(sweep)
        try:
            await drive.go(lambda *_: None, lambda _: None)
        finally:
            sweep.close()
            await parts.toy.aclose()
        return drive.status()

    return asyncio.run(run())


def answers(home, kinds=("trajectory", "failed")):
    """What every run answered, by id."""
    lines = [x for x in read_sweep(home, "toy") if x.kind in kinds]
    return {r["id"]: r["answer"] for x in lines for r in x.body["runs"]}


def test_through_an_endpoint_that_fails_every_way_each_run_is_right_or_has_its_reason(
    home, tmp_path, monkeypatch
):
    monkeypatch.setattr(pace, "WAIT_S", 0.02)
    clean = replace(home, root=tmp_path / "clean").ensure()
    with serving(latency_s=0.01) as sound:
        assert through(clean, sound.url, 120.0).state == "done"
    monkeypatch.setattr(pace, "TRIES", 2)  # so that some fail for good
    with serving(latency_s=0.01, faults=0.3, seed=4) as proxy:
        status = through(home, proxy.url)
        met = proxy.tally()
    assert all(met.get(kind) for kind in ("429", "500", "hang", "cut", "garbage", "counts")), met
    right, got = answers(clean), answers(home)
    assert got.items() <= right.items(), "no answer is silently wrong"
    failures = [
        f for x in read_sweep(home, "toy") if x.kind == "failed" for f in from_body(x.body).failures
    ]
    assert failures, "two tries do not always do"
    assert all(f.error and f.kind for f in failures)
    assert {f.kind for f in failures} <= {"busy", "time-out", "bad reply", "unreachable"}
    assert len(got) + len(failures) >= CELLS
    assert status.calls >= met["whole"] + met["counts"] + met["garbage"] + met["cut"] + met["hang"]

    monkeypatch.setattr(pace, "TRIES", 8)
    with serving(latency_s=0.01, faults=0.3, seed=5) as proxy:
        done = through(home, proxy.url)
        again = proxy.tally()
    assert done.state == "done"
    assert answers(home, ("trajectory",)) == right
    assert done.calls >= sum(
        n for t in (met, again) for k, n in t.items() if k in ("whole", "counts")
    )


def test_spend_counts_every_token_that_an_endpoint_generated(home, monkeypatch):
    monkeypatch.setattr(pace, "WAIT_S", 0.02)
    with serving(latency_s=0.01, faults=0.3, seed=6) as proxy:
        status = through(home, proxy.url)
        met = proxy.tally()
    spent = recorded(home, read_plan(PLAN), ToyParts(home).price).spent
    assert spent.usage.completion_tokens >= met["completion"]
    assert spent.tokens == status.tokens


# ------------------------------------------------------------------------------------------- many runs


@pytest.mark.slow
def test_memory_stays_flat_over_many_runs(home):
    """What the second half of a long sweep adds to the memory is next to nothing."""
    plan = read_plan(PLAN.replace("think = [0, 8]", "think = [0, 8]\nsamples = 40"))
    marks = []

    async def run():
        sweep = await ready(plan, ToyParts(home))
        total = len(sweep.wanted)
        tracemalloc.start()
        async for _ in sweep.run(sweep.todo):
            if len(sweep.wanted) in (total // 2, 1):
                gc.collect()
                marks.append(tracemalloc.get_traced_memory()[0])
        sweep.close()

    asyncio.run(run())
    tracemalloc.stop()
    assert marks[-1] - marks[0] < 2 * 2**20, marks
