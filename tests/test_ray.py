"""The same plan on a real Ray cluster of two workers here, one of them killed; skipped where Ray is not installed."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

from store.history import Store
from store.home import CHECKOUT, Home
from tests.sweep_fakes import PLAN, QUESTIONS, ToyParts
from tests.test_crew import content
from tests.test_sweeping import swept

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is an optional extra"),
]
CELLS = len(QUESTIONS) * (2 + 6)
KILLS = 10
BOARD = """
name = "toy"
strategies = ["iterative"]
models = ["smollm2-135m"]
index = "tiny"
questions = "tiny"
search = [0, 1]
think = [0, 16]
limit = 4
"""


def on_ray(home, tmp_path, plan, *options):
    """How a sweep by two workers went."""
    path = tmp_path / "plan.toml"
    path.write_text(plan)
    command = [sys.executable, "-m", "tests.ray_fakes", str(home.root), str(path), *options]
    env = {**os.environ, "PYTHONPATH": str(CHECKOUT), "BUDGETSCAPE_SAMPLES": str(tmp_path / "none")}
    done = subprocess.run(
        command, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_two_workers_make_the_same_runs_as_one_process_and_the_store_sees_them_come(home, tmp_path):
    alone = Home(tmp_path / "alone").ensure()
    swept(ToyParts(alone))
    said = on_ray(home, tmp_path, PLAN)
    assert (said["state"], said["runs"], said["lost"]) == ("done", CELLS, 0)
    assert content(home) == content(alone)
    assert said["seen"] == sorted(said["seen"]) and len(set(said["seen"])) > 1


@pytest.mark.parametrize("seed", range(1, KILLS + 1))
def test_one_worker_killed_at_random_loses_nothing_and_makes_nothing_twice(home, tmp_path, seed):
    said = on_ray(home, tmp_path, PLAN + "samples = 6\n", "--kill", str(seed))
    assert (said["state"], said["killed"], said["lost"]) == ("done", 1, 1)
    assert len(content(home)) == 6 * CELLS
    with Store.scratch(home) as store:
        assert store.sweeps()[0].runs == 6 * CELLS and store.troubles() == []


@pytest.mark.embedded
def test_on_the_model_on_board_each_worker_has_a_server_of_its_own(tiny_home, tmp_path):
    import shutil

    homes = [Home(tmp_path / name) for name in ("local", "ray")]
    for home in homes:
        shutil.copytree(tiny_home.root, home.root)
    path = tmp_path / "plan.toml"
    path.write_text(BOARD)
    env = {
        **os.environ,
        "PYTHONPATH": str(CHECKOUT),
        "BUDGETSCAPE_HOME": str(homes[0].root),
        "BUDGETSCAPE_SAMPLES": str(tmp_path / "none"),
    }
    subprocess.run(
        [sys.executable, "-m", "budgetscape.cli.main", "sweep", str(path)],
        cwd=CHECKOUT, env=env, check=True, stdout=subprocess.DEVNULL, timeout=600,
    )  # fmt: skip
    said = on_ray(homes[1], tmp_path, BOARD, "--real")
    assert said["state"] == "done"
    assert content(homes[1]) == content(homes[0]) != {}
