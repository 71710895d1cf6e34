"""Sample sweeps as they are made: what is written is the plan's own runs, whatever stood in the home before."""

from __future__ import annotations

import asyncio

from budgetscape.samples import make_sweep
from engine.sweeps.plan import read_plan
from store.bundles import import_bundle
from store.history import Store
from store.home import Home
from tests.sweep_fakes import PLAN, QUESTIONS, ToyParts

JOBS = len(QUESTIONS) * 2


def test_runs_of_the_model_that_had_the_name_before_are_not_written(home, tmp_path):
    plan, told = read_plan(PLAN), []
    parts, samples = ToyParts(home), tmp_path / "samples"
    asyncio.run(make_sweep(plan, parts, told.append, samples))
    parts.registry.fingerprint = lambda name: "another"
    asyncio.run(make_sweep(plan, parts, told.append, samples))
    with Store.scratch(home) as store:
        assert len(store.trajectory_ids("toy")) == 2 * JOBS
    fresh = Home(tmp_path / "fresh").ensure()
    assert import_bundle(fresh, samples / "sweeps" / "toy") == "toy"
    with Store.scratch(fresh) as store:
        assert len(store.trajectory_ids("toy")) == JOBS
        prints = store.frame("SELECT DISTINCT content->>'$.fingerprint' AS f FROM configs")[
            "f"
        ].tolist()
    assert prints == ["another"]
    assert f"toy: 0 trajectories recorded, {JOBS} to do" in told
