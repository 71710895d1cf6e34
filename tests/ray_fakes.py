"""A sweep on a real local Ray cluster, with the made-up parts of sweep_fakes or with the real ones.

python -m tests.ray_fakes HOME PLAN [--real] [--kill SEED] [--workers N]    one JSON object says how it went
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import threading
from pathlib import Path

from budgetscape.ray_workers import opened, ray_crew
from budgetscape.sweep_driver import Drive
from budgetscape.sweep_opening import ready
from engine.sweeps.plan import read_plan
from store.history import Store
from store.home import Home
from tests.sweep_fakes import ToyParts


def toys(root: Path) -> ToyParts:
    return ToyParts(Home(root).ensure(), latency_s=0.01)


async def killer(crew, dice, killed):
    """End one worker after a random number of trajectories, as a machine that goes away does."""
    while not crew.workers:
        await asyncio.sleep(0.05)
    await asyncio.sleep(dice.uniform(0.0, 1.5))
    name = dice.choice(sorted(crew.workers))
    pid = await crew.workers[name]._handle.ready.remote()
    await asyncio.sleep(dice.uniform(0.0, 0.2))
    os.kill(pid, signal.SIGKILL)
    killed.append(name)


def watch(store, over, seen):
    """What the store shows while the sweep runs."""
    while not over.wait(0.3):
        store.ingest()
        seen.append(sum(row.runs for row in store.sweeps()))


async def main(home: Home, plan_text: str, options: argparse.Namespace) -> dict[str, object]:
    open_parts = opened if options.real else toys
    parts, plan = open_parts(home.root), read_plan(plan_text)
    killed: list[str] = []
    seen: list[int] = []
    over = threading.Event()
    with Store.open(home) as store:
        watching = threading.Thread(target=watch, args=(store, over, seen))
        watching.start()
        try:
            async with ray_crew(home, plan.name, options.workers, open=open_parts) as crew:
                sweep = await ready(plan, parts, crew=crew)
                drive = Drive(sweep)
                dice = random.Random(options.kill)
                kill = asyncio.create_task(killer(crew, dice, killed)) if options.kill else None
                try:
                    await drive.go(lambda *_: None, lambda _: None)
                finally:
                    if kill:
                        kill.cancel()
                    sweep.close()
        finally:
            over.set()
            watching.join()
    status = drive.status()
    return {
        "state": status.state, "runs": status.runs_done, "of": status.runs, "tokens": status.tokens,
        "killed": len(killed), "lost": crew.lost, "seen": seen,
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--kill", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    said = asyncio.run(main(Home(given.home).ensure(), given.plan.read_text(), given))
    print(json.dumps(said), flush=True)
