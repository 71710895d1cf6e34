"""A crew gives what one machine gives, whoever dies: the desks of the Ray workers, here in one process."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path

import pytest

from budgetscape import sweep_control as control
from budgetscape.crew import Crew, Gone
from budgetscape.ray_workers import Desk
from budgetscape.sweep_driver import BY_PERSON, Drive
from budgetscape.sweep_opening import ready
from engine.errors import InputError
from engine.sweeps.plan import read_plan
from store.history import Store
from store.home import Home
from store.journal import journal_files, read_sweep
from tests.sweep_fakes import PLAN, QUESTIONS, ToyParts
from tests.test_sweeping import swept

TOY = read_plan(PLAN)
JOBS, CELLS = len(QUESTIONS) * 2, len(QUESTIONS) * (2 + 6)


class Turns(asyncio.Semaphore):
    """Jobs go on only when the test lets them, however fast or slow the machine is."""

    begun = 0


class Mortal:
    """A worker that is lost at a call of the test's choice: before it began, with its line half written, or after."""

    def __init__(self, desk: Desk, dies, turns=None) -> None:
        self.desk, self.dies, self.turns, self.dead = desk, dies, turns, False

    async def run(self, job, before):
        if self.turns:
            self.turns.begun += 1
            await self.turns.acquire()
        how = None if self.dead else self.dies()
        if self.dead or how:
            if how == "after":
                await self.desk.run(job, before)
            elif how == "torn":
                with self.desk._journal.path.open("ab") as file:
                    file.write(b'{"v":1,"kind":"trajectory","id":"')
            self.dead = True
            raise Gone
        return await self.desk.run(job, before)

    async def stop(self, why):
        await self.desk.stop(why)

    def end(self):
        self.desk._journal.close()


def parts_at(root: Path) -> ToyParts:
    return ToyParts(Home(root), latency_s=0.001)


def crewed(home, dies=lambda: None, size=2, plan=TOY, during=None, open_parts=parts_at, turns=None):
    """Run a plan by a crew; its last status and the crew."""

    async def hire(name):
        return Mortal(Desk(str(home.root), plan.name, name, True, None, open_parts), dies, turns)

    async def beside(sweep):
        try:
            await during(sweep)
        except BaseException:
            sweep.stop("the test failed")
            raise

    async def run():
        crew = Crew(home, plan.name, hire, size)
        sweep = await ready(plan, ToyParts(home), crew=crew)
        drive = Drive(sweep)
        helper = asyncio.create_task(beside(sweep)) if during else None
        try:
            await drive.go(lambda *_: None, lambda _: None)
        finally:
            if helper:
                helper.cancel()
            sweep.close()
            await crew.close()
        if helper:
            await helper
        return drive.status(), crew

    return asyncio.run(run())


def content(home):
    """Every run as it is, but for its times; ids as often as they come."""
    lines = [x.body for x in read_sweep(home, "toy") if x.kind == "trajectory"]
    assert set(Counter(b["id"] for b in lines).values()) <= {1}
    return {
        r["id"]: (
            r["budget"],
            r["answer"],
            r["scores"],
            r["tokens"],
            r["usage"],
            r["cost"],
        )
        for b in lines
        for r in b["runs"]
    }


def test_a_crew_makes_the_same_runs_as_one_process(home, tmp_path):
    alone = Home(tmp_path / "alone").ensure()
    swept(ToyParts(alone))
    status, crew = crewed(home)
    assert (status.state, status.runs_done, crew.lost) == ("done", CELLS, 0)
    assert content(home) == content(alone) and len(content(home)) == CELLS
    assert status.tokens == status.paid_tokens > 0
    names = [p.name.split("-")[1] for p in journal_files(home, "toy")]
    assert sum(name.startswith("w") for name in names) == 2, "a journal a worker"
    again, _ = crewed(home)
    assert again.tokens == status.tokens


@pytest.mark.parametrize("seed", range(10))
def test_with_workers_lost_at_random_nothing_is_lost_or_twice(home, seed):
    dice = random.Random(seed)
    calls, deaths = iter(range(10**6)), dict.fromkeys(dice.sample(range(JOBS), 2))

    def dies():
        return dice.choice(("before", "torn", "after")) if next(calls) in deaths else None

    status, crew = crewed(home, dies)
    assert (status.state, status.runs_done) == ("done", CELLS) and crew.lost in (1, 2)
    assert len(content(home)) == CELLS
    with Store.scratch(home) as store:
        assert store.sweeps()[0].runs == CELLS and store.troubles() == []


def test_a_question_that_kills_every_worker_is_said_and_the_others_are_done(home):
    deadly = QUESTIONS[3]

    class Deadly(Desk):
        async def run(self, job, before):
            if job.question == deadly:
                raise Gone
            return await super().run(job, before)

    async def run():
        async def hire(name):
            return Mortal(Deadly(str(home.root), "toy", name, True, None, parts_at), lambda: None)

        crew = Crew(home, "toy", hire, 2)
        sweep = await ready(TOY, ToyParts(home), crew=crew)
        drive = Drive(sweep)
        await drive.go(lambda *_: None, lambda _: None)
        sweep.close()
        return drive.status()

    status = asyncio.run(run())
    assert (status.state, status.failed, status.done) == ("stopped", 2, JOBS - 2)
    assert "the workers that did this question died" in status.reason
    again, _ = crewed(home)
    assert again.state == "done" and len(content(home)) == CELLS


def test_a_crew_stops_in_order_pauses_and_goes_on(home):
    turns = Turns(3)

    async def stop(sweep):
        while sweep.done < 3:
            await asyncio.sleep(0.005)
        control.give(home, "toy", "pause")
        while not sweep.paused:
            await asyncio.sleep(0.005)
        for _ in range(100):
            turns.release()
        while sweep.done < turns.begun:  # what was under way ends
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        at = turns.begun  # and nothing else begins
        assert sweep.done == at <= 5
        while not turns.locked():
            await turns.acquire()
        control.give(home, "toy", "go")
        turns.release()
        turns.release()
        while sweep.done < at + 2:
            await asyncio.sleep(0.005)
        sweep.stop(BY_PERSON)
        for _ in range(100):
            turns.release()

    plan = read_plan(PLAN.replace("think = [0, 8]", "think = [0, 8]\nsamples = 4"))
    status, _ = crewed(home, plan=plan, during=stop, turns=turns)
    assert status.state == "stopped" and 5 <= status.done < 4 * JOBS
    rest, _ = crewed(home, plan=plan)
    assert rest.state == "done" and len(content(home)) == 4 * CELLS


def test_a_worker_with_another_model_behind_the_name_refuses(home):
    def other(root):
        parts = parts_at(root)
        parts.registry.fingerprint = lambda name: "another"
        return parts

    with pytest.raises(InputError, match="a worker has another model behind 'm'"):
        crewed(home, open_parts=other)


def test_a_cap_ends_a_crew_too(home):
    plan = read_plan(PLAN + "[caps]\ntokens = 2000\n")
    status, _ = crewed(home, plan=plan)
    assert status.state == "stopped" and 0 < status.done < JOBS
    assert "tokens" in status.note
