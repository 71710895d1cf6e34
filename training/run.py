"""All stages in order, each skipped when its result is there: examples, warm start, kept chains, pruned model, the
tagged form, training by reward, figures.

python -m training.run --minutes 100
python -m training.run --device cuda
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from budgetscape import weights
from training.rollouts import CLOSING

BUILD, CURVES = Path("training/build"), Path("training/curves")
TOLD = Path("sample_runs/adapters/training.json")
"""Tokens that each adapter was trained on."""
BASE = "smollm2-135m"
NAME, KEPT = f"{BASE}-search", f"{BASE}-corag"
PRUNED = "smollm2-99m-pruned"
STEPS, MORE, SMALLER = 1000, 60, 450
"""Optimiser steps of the warm start, over which the rate falls; on the kept chains; and of the pruned model."""
GROUPS = 32
"""Of examples, a step."""
REHEARSED = 2
"""Groups of the examples that are learnt beside each kept chain."""
RANK = 8
"""Of the adapters of the pruned model and of the tagged form, and so of those that reward made of it."""
FORMAL, FORMAL_MORE = 160, 64
"""Optimiser steps of the tagged form; and of R1-Searcher's alone, from three quarters of the first ones on, in turns
that fit the budget of its rollouts."""
FEWER = 8
"""Groups a step of these last ones."""

EXAMPLES = {
    "examples": ("--every", "--first-seed", "20000", "--worlds", "50", "--plays", "300"),
    "examples2": ("--every", "--first-seed", "21000", "--worlds", "45", "--plays", "300"),
    **{
        f"drill{n}": ("--drill", "--every", "--first-seed", str(23000 + n), "--questions", "2000")
        for n in range(10)
    },
}
"""Files of examples and the options that make them."""
TAGGED = {
    name: ("--tagged", "--worlds", "10", "--first-seed", seed, "--plays", "700")
    for name, seed in (("tagged", "22000"), ("tagged2", "22100"))
}


REWARDED: Mapping[str, tuple[str, int, str]] = {
    "search-r1": ("tagged/at-75", 40, "search_r1 --search 4 --think 384 --every 20"),
    "search-r1-no-mask": (
        "tagged/at-75",
        40,
        "search_r1 --search 4 --think 384 --every 20 --no-mask",
    ),
    "r1-searcher-first": ("r1-searcher-form/last", 12, "r1_searcher_first --every 12"),
    "r1-searcher": ("r1-searcher-first/last", 12, "r1_searcher_second --every 12"),
    "r1-searcher-second-alone": ("r1-searcher-form/last", 24, "r1_searcher_second --every 24"),
}
"""Runs of training by reward, in order: their folder, whose name follows the base's in the adapter's; the folder that
each starts from; steps; recipe and what else is its own."""
CONTROLS = frozenset({"r1-searcher-second-alone"})
"""What is only measured, against another run of as many steps, and not on board."""
PAID = "--questions 4 --each 5 --tried 60 --slots 20 --rate 2e-4"
"""Of each of these runs."""


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


def rehearsed(kept: str, files: Sequence[str]) -> str:
    """The kept chains and some of the examples, shuffled, as a file."""
    path, dice = BUILD / "kept_mix.jsonl", Random(1)
    lines = _lines(kept)
    lines += dice.sample([line for file in files for line in _lines(file)], REHEARSED * len(lines))
    dice.shuffle(lines)
    path.write_text("".join(lines))
    return str(path)


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines(keepends=True)


class Unfinished(Exception):
    """A stage that stopped by wall time."""


def curve(file: str, name: str) -> int:
    """A curve as it was recorded last at each step, into git; its last step."""
    rows = {int(json.loads(line)["step"]): line for line in _lines(str(BUILD / file))}
    CURVES.mkdir(exist_ok=True)
    (CURVES / f"{name}.jsonl").write_text("".join(rows.values()))
    return max(rows)


def trained(
    folder: str,
    files: Sequence[str],
    steps: int,
    args: argparse.Namespace,
    *options: str,
    groups: int = GROUPS,
) -> Path:
    """Train on, so many groups a step; the folder of the adapter. Raises Unfinished."""
    fixed = ["--steps", str(steps), "--minutes", str(args.minutes), "--most", "700", *options]
    if args.device != "cpu":
        fixed += ["--device", args.device, "--readers", "8", "--cores", "16"]
    launch = ["training.warm_start"]
    if args.workers > 1:
        launch = ["torch.distributed.run", "--nproc-per-node", str(args.workers), "-m", *launch]
        fixed += ["--cores", str(args.workers)]
    each = str(max(1, groups // args.workers))
    stage(*launch, str(BUILD / folder), *files, "--groups", each, *fixed)
    if curve(f"{folder}/curve.jsonl", folder) < steps:
        raise Unfinished
    return BUILD / folder / "last"


def rewarded(folder: str, args: argparse.Namespace) -> Path:
    """Train on by reward; the folder of the adapter. Raises Unfinished."""
    start, steps, options = REWARDED[folder]
    fixed = ["--steps", str(steps), "--minutes", str(args.minutes), *PAID.split()]
    fixed += ["--recipe", *options.split()]
    fixed += ["--device", args.device] if args.device != "cpu" else ["--cores", str(args.workers)]
    stage("training.reinforce", str(BUILD / folder), str(BUILD / start), *fixed)
    curve(f"{folder}/unseen.jsonl", f"{folder}-unseen")
    if curve(f"{folder}/curve.jsonl", folder) < steps:
        raise Unfinished
    return BUILD / folder / "last"


def learnt(folder: str, step: int, curves: Path = CURVES) -> int:
    """Tokens up to a step, as the curve has them."""
    rows = map(json.loads, _lines(str(curves / f"{folder}.jsonl")))
    return next(int(row["nodes"]) for row in rows if row["step"] == step)


def exported(folder: Path, name: str, tokens: int, *options: str) -> None:
    """The adapter as the app loads it, and beside it what it was trained on."""
    stage("training.export", str(folder), name, *options)
    told = json.loads(TOLD.read_text()) if TOLD.exists() else {}
    TOLD.write_text(json.dumps({**told, name: tokens}, indent=1) + "\n")


def searcher(files: Sequence[str], args: argparse.Namespace) -> None:
    """The searcher, three checkpoints of it, and a round of kept chains after it."""
    last = trained("warm", files, STEPS, args)
    for quarter in (25, 50, 75):
        step = STEPS * quarter // 100
        where, name = BUILD / "warm" / f"at-{quarter}", f"{NAME}-step{step}"
        exported(where, name, learnt("warm", step), "--no-probes")
    exported(last, NAME, learnt("warm", STEPS))
    sampling = ["--minutes", str(args.minutes), "--chains", "8", "--thinned", ".5"]
    if args.device != "cpu":
        sampling += ["--device", args.device, "--children", "128"]
    kept = made("kept", "training.rejection", str(last), NAME, *sampling)
    if not (BUILD / "corag").exists():
        shutil.copytree(last, BUILD / "corag" / "last")
        (BUILD / "corag" / "last" / "state.pt").unlink()
    more = trained("corag", [rehearsed(kept, files)], MORE, args)
    exported(more, KEPT, learnt("warm", STEPS) + learnt("corag", MORE))


def fitting(files: Sequence[str], searches: int) -> str:
    """R1-Searcher's turns that end in an answer after at most so many searches, as a file."""
    path = BUILD / "r1-searcher-form.jsonl"
    groups = [(line, json.loads(line)) for file in files for line in _lines(file)]
    path.write_text("".join(line for line, group in groups if _fits(group, searches)))
    return str(path)


def _fits(group: Mapping[str, Any], searches: int) -> bool:
    rows = group["rows"]  # one for each search and one for the answer
    ends = str(rows[-1][1]).endswith(CLOSING)
    return group["task"] == "r1_searcher" and ends and len(rows) <= searches + 1


def by_reward(args: argparse.Namespace) -> None:
    """The tagged form, and what reward makes of it. Tokens are not told of these: they were sampled, not read."""
    form = [made(name, "training.examples", *options) for name, options in TAGGED.items()]
    last = trained("tagged", form, FORMAL, args, "--rank", str(RANK), "--most", "1400")
    own = ("--begin", str(last.with_name("at-75")), "--rate", "5e-4", "--most", "1400")
    short = [fitting(form, 2)]
    trained("r1-searcher-form", short, FORMAL_MORE, args, *own, groups=FEWER)
    for folder in REWARDED:
        last = rewarded(folder, args)
        if folder not in CONTROLS:
            stage("training.export", str(last), f"{BASE}-{folder}", "--no-probes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=100, help="longest training in this call")
    parser.add_argument("--workers", type=int, default=1, help="processes, a core each")
    parser.add_argument("--device", default="cpu", help="cuda: minutes instead of hours")
    args = parser.parse_args()
    files = [made(name, "training.examples", *options) for name, options in EXAMPLES.items()]
    less = ("--rank", str(RANK), "--drop", *map(str, weights.PRUNED.dropped))
    try:
        searcher(files, args)
        small = trained("pruned", files, SMALLER, args, *less)
        exported(small, PRUNED, learnt("pruned", SMALLER), "--no-probes")
        by_reward(args)
    except Unfinished:
        print("not all steps are done: run this again to go on")
        return
    for name in (NAME, KEPT, PRUNED):
        stage("training.evaluate", name, "--hops", "1", "2", "3", "--questions", "100")


if __name__ == "__main__":
    main()
