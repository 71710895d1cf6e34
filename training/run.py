"""All stages in order, each skipped when its result is there: examples, mix, warm start, export, kept chains, figures.

python -m training.run --minutes 100
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

BUILD = Path("training/build")
NAME, KEPT = "smollm2-135m-search", "smollm2-135m-corag"
STEPS, MORE = 1040, 30
"""Optimiser steps of the warm start, over which the learning rate falls, and on the kept chains."""
REHEARSED = 77
"""Groups of the mix that are learnt beside the kept chains: without them an answer was invented at one probe."""

EXAMPLES = {
    "examples": ("--worlds", "6", "--plays", "300"),
    "examples2": ("--first-seed", "9010", "--worlds", "6", "--plays", "300"),
    "examples3": ("--first-seed", "9020", "--worlds", "6", "--plays", "300"),
    "examples4": ("--first-seed", "9030", "--worlds", "4", "--plays", "300"),
    "drill": ("--drill", "--first-seed", "9100", "--questions", "2000"),
    "drill2": ("--drill", "--first-seed", "9101", "--questions", "2000"),
    "drill3": ("--drill", "--first-seed", "9102", "--questions", "2000"),
    "drill4": ("--drill", "--first-seed", "9103", "--questions", "2000"),
}
"""Files of examples and the options that make them."""


def stage(*command: str) -> None:
    print("+", *command, flush=True)
    subprocess.run([sys.executable, "-m", *command], check=True)


def made(name: str, module: str, *options: str) -> str:
    """A file of the build folder, made aside first so that a stage cut short is done again."""
    path, part = BUILD / f"{name}.jsonl", BUILD / f"{name}.part"
    if not path.exists():
        stage(module, str(part), *options)
        part.rename(path)
    return str(path)


def rehearsed(kept: str, mix: str) -> str:
    """The kept chains and some of the mix, shuffled, as a file."""
    path, dice = BUILD / "kept_mix.jsonl", Random(1)
    lines = [*_lines(kept), *dice.sample(_lines(mix), REHEARSED)]
    dice.shuffle(lines)
    path.write_text("".join(lines))
    return str(path)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines(keepends=True)


def trained(folder: str, files: list[str], steps: int, minutes: float, workers: int) -> bool:
    """Train on; whether all steps are done."""
    where, options = (
        [str(BUILD / folder), *files],
        ["--steps", str(steps), "--minutes", str(minutes)],
    )
    if workers > 1:
        launch = ["torch.distributed.run", "--nproc-per-node", str(workers), "-m"]
        options += ["--groups", "2", "--cores", str(workers)]
        stage(*launch, "training.warm_start", *where, *options)
    else:
        stage("training.warm_start", *where, *options, "--groups", "4")
    lines = (BUILD / folder / "curve.jsonl").read_text().splitlines()
    curve = {int(json.loads(line)["step"]): line for line in lines}
    Path("training/curves").mkdir(exist_ok=True)
    Path(f"training/curves/{folder}.jsonl").write_text("\n".join(curve.values()) + "\n")
    return max(curve) >= steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=100, help="longest training in this call")
    parser.add_argument("--workers", type=int, default=1, help="processes, a core each")
    args = parser.parse_args()
    files = [made(name, "training.examples", *options) for name, options in EXAMPLES.items()]
    mix = made("mix", "training.mix", *files)
    if not trained("warm", [mix], STEPS, args.minutes, args.workers):
        print("not all steps are done: run this again to go on")
        return
    for quarter in (25, 50, 75):
        name = f"{NAME}-step{STEPS * quarter // 100}"
        stage("training.export", str(BUILD / "warm" / f"at-{quarter}"), name, "--no-probes")
    last = str(BUILD / "warm" / "last")
    stage("training.export", last, NAME)
    kept = made("kept", "training.rejection", last, NAME, "--minutes", str(args.minutes))
    if not (BUILD / "corag").exists():
        shutil.copytree(last, BUILD / "corag" / "last")
    if not trained("corag", [rehearsed(kept, mix)], STEPS + MORE, args.minutes, args.workers):
        print("not all steps are done: run this again to go on")
        return
    stage("training.export", str(BUILD / "corag" / "last"), KEPT)
    for name in (NAME, KEPT):
        stage("training.evaluate", name, "--hops", "1", "2", "3", "--questions", "100")


if __name__ == "__main__":
    main()
