"""Memory of one process over a hundred thousand runs of a scripted model: a sweep, from its plan to its last line.

What counts is what the process holds (its resident set) after each tenth of the runs. The first one fills what may be
filled; from then on it may grow by 16 MiB, a sixteenth of what the runs are on disk.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from budgetscape.sweep_driver import Drive
from budgetscape.sweep_opening import ready
from engine.models.scripted import Scripted
from engine.sweeps.plan import read_plan
from store.home import Home
from store.journal import journal_files
from tests.sweep_fakes import QUESTIONS, ToyParts, say

PROMISE_MIB = 16.0
MARKS = 10
PLAN = """
name = "long"
strategies = ["closed_book", "iterative"]
models = ["m"]
index = "i"
questions = "q"
search = [0, 1, 2, 3, 4]
think = [0, 8, 16, 32, 64]
"""
CELLS = len(QUESTIONS) * (5 + 25)
"""Runs of one sample: closed book reaches the five levels of thinking, iterative the whole grid."""


def resident_mib() -> float:
    """Of this process; Linux only."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


class Forgetful(Scripted):
    """Keeps no history of what it was asked, as an endpoint does not."""

    def __init__(self) -> None:
        super().__init__(say)
        self.history = _Nothing()


class _Nothing(list):  # type: ignore[type-arg]
    def append(self, _: object) -> None:
        """Forget it."""


async def marks(runs: int, home: Home) -> list[tuple[int, float]]:
    """Runs recorded and the memory then, ten times over a sweep of at least so many runs."""
    plan = read_plan(f"samples = {-(-runs // CELLS)}\n{PLAN}")
    sweep = await ready(plan, ToyParts(home, model=Forgetful()))  # type: ignore[arg-type]
    found: list[tuple[int, float]] = []

    def look(*_: object) -> None:
        if sweep.runs_done >= (len(found) + 1) * sweep.runs // MARKS:
            gc.collect()
            found.append((sweep.runs_done, resident_mib()))

    try:
        await Drive(sweep).go(look, lambda _: None)
    finally:
        sweep.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help=f"fail above {PROMISE_MIB:g} MiB")
    parser.add_argument("--runs", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder)).ensure()
        began = time.perf_counter()
        found = asyncio.run(marks(options.runs, home))
        seconds = time.perf_counter() - began
        written = sum(path.stat().st_size for path in journal_files(home)) / 2**20
    for runs, mib in found:
        print(f"{runs:>9,} runs  {mib:7.1f} MiB")
    grown = found[-1][1] - found[0][1]
    print(f"{found[-1][0]:,} runs, {written:,.0f} MiB on disk, in {seconds:.0f} s")
    print(f"grown by {grown:.1f} MiB since the first tenth")
    if options.check and grown > PROMISE_MIB:
        sys.exit(f"promised: at most {PROMISE_MIB:g} MiB")


if __name__ == "__main__":
    main()
