"""All stages in order, each skipped when its result is there: examples, warm start, export,
figures.

python -m training.run --minutes 100
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

WORK = Path("training/work")
NAME = "smollm2-135m-search"
STEPS = 400
"""Optimiser steps of the warm start: the learning rate falls over these."""

EXAMPLES = {"examples": (), "drill": ("--drill", "--first-seed", "9100", "--questions", "2000")}
"""Files of examples and the options that make them."""


def stage(*command: str) -> None:
    print("+", *command, flush=True)
    subprocess.run([sys.executable, "-m", *command], check=True)


def warm_start(minutes: float, workers: int) -> bool:
    """Train on; whether all steps are done."""
    where = [str(WORK / "warm"), *(str(WORK / f"{name}.jsonl") for name in EXAMPLES)]
    options = ["--steps", str(STEPS), "--minutes", str(minutes)]
    if workers > 1:
        launch = ["torch.distributed.run", "--nproc-per-node", str(workers), "-m"]
        stage(*launch, "training.warm_start", *where, *options)
    else:
        stage("training.warm_start", *where, *options, "--groups", "3")
    curve = (WORK / "warm" / "curve.jsonl").read_text().splitlines()
    return int(json.loads(curve[-1])["step"]) >= STEPS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=100, help="longest warm start in this call"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that share one core")
    args = parser.parse_args()
    for name, options in EXAMPLES.items():
        if not (WORK / f"{name}.jsonl").exists():
            stage("training.examples", str(WORK / f"{name}.part"), *options)
            (WORK / f"{name}.part").rename(WORK / f"{name}.jsonl")
    if not warm_start(args.minutes, args.workers):
        print("not all steps are done: run this again to go on")
        return
    Path("training/curves").mkdir(exist_ok=True)
    shutil.copy(WORK / "warm" / "curve.jsonl", "training/curves/warm_start.jsonl")
    for quarter in (25, 50, 75):
        stage(
            "training.export",
            str(WORK / "warm" / f"at-{quarter}"),
            f"{NAME}-{quarter}",
            "--no-probes",
        )
    stage("training.export", str(WORK / "warm" / "last"), NAME)
    stage("training.evaluate", NAME, "--hops", "1", "2", "3", "--questions", "100")


if __name__ == "__main__":
    main()
