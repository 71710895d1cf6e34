"""Journals into tables: runs a minute, from lines as a sweep writes them, and again when everything is known already.

The promise is 20,000 runs a minute.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from engine.sweeps.record import to_body
from store.history import Store
from store.home import Home
from store.journal import Journal
from tests.store_fakes import trajectory

PROMISE = 20_000


def written(home: Home, trajectories: int) -> int:
    """So many trajectories of a sweep in a journal; their runs."""
    runs = 0
    with Journal.open(home, "grid") as journal:
        for n in range(trajectories):
            one = trajectory(n)  # type: ignore[no-untyped-call]
            journal.append("trajectory", one.id, to_body(one))
            runs += len(one.runs)
    return runs


def measure(trajectories: int) -> float:
    """Runs a minute of a first ingest."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder)).ensure()
        runs = written(home, trajectories)
        with Store.open(home) as store:
            began = time.perf_counter()
            taken = store.ingest()
            seconds = time.perf_counter() - began
            began = time.perf_counter()
            again = store.ingest()
            idle = time.perf_counter() - began
    if taken.runs != runs or again.runs:
        sys.exit(f"{runs} runs were written, {taken.runs} taken in, {again.runs} of them twice")
    print(f"{runs:,} runs in {seconds:.2f} s; nothing new in {idle * 1e3:.0f} ms")
    return 60 * runs / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help=f"fail below {PROMISE} runs a minute")
    parser.add_argument("--trajectories", type=int, default=4_000)
    options = parser.parse_args()
    rate = measure(options.trajectories)
    print(f"{rate:,.0f} runs a minute")
    if options.check and rate < PROMISE:
        sys.exit(f"promised: at least {PROMISE:,}")


if __name__ == "__main__":
    main()
