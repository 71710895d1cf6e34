"""Sweeps as children: one that has said its last word is no obstacle to the next start."""

from __future__ import annotations

import sys
import time

import pytest

from budgetscape.sweep_runs import SweepRuns
from engine.sweeps.plan import read_plan
from tests.sweep_fakes import PLAN

SLOW_TO_GO = """
import sys, time
from pathlib import Path
from budgetscape import sweep_control as control
from engine.sweeps.plan import read_plan
from store.home import Home
plan = read_plan(Path(sys.argv[1]).read_text())
home = Home.find()
held = control.lock(home, plan.name)
control.tell(home, control.Status(plan.name, state="quoted"))
while not (home.root / "go").exists():
    time.sleep(0.02)
time.sleep(1)
"""


@pytest.mark.parametrize("way", ["start", "resume"])
def test_a_pilot_that_is_slow_to_go_does_not_keep_its_sweep_from_starting(home, way):
    plan = read_plan(PLAN)
    runs = SweepRuns(home, lambda plan: None, (sys.executable, "-c", SLOW_TO_GO))
    runs.start(plan, only_quote=True)
    pilot = runs._children[plan.name]
    until = time.monotonic() + 180
    while (said := runs.status(plan.name)) is None or said.state != "quoted":
        assert time.monotonic() < until
        time.sleep(0.02)
    assert pilot.poll() is None
    (home.root / "go").touch()
    getattr(runs, way)(plan if way == "start" else plan.name)
    assert pilot.poll() is not None and runs._children[plan.name] is not pilot
    runs.close()
