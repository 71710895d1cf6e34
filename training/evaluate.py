"""What an adapter is worth: the app's own driver, server and dense retrieval on an unseen test world.

Figures are exact match per stratum with Wilson 95 % intervals, beside EM where all supporting passages were shown and
the searches used. Traces of wrong answers can be printed.

    python -m training.evaluate smollm2-135m-search --hops 2 --operations 0 --questions 50 --search 0 1 2 4
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import NormalDist, mean

import numpy as np

from budgetscape.pool import Pool
from engine.retrieval.embedding import MiniLM
from engine.retrieval.exact import Exact, searchable
from engine.sweeps.trajectory import run_cells
from engine.types import Budget, Question, Run, RunConfig, Search
from engine.worlds import World, build

ADAPTERS = Path("sample_runs/adapters")
SPLITS = ("trained-phrasing", "untrained-phrasing")


def wilson(hits: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share.

    (5, 10) -> about (.24, .76)
    """
    if not n:
        return 0.0, 1.0
    z, share = NormalDist().inv_cdf(0.975), hits / n
    middle = share + z * z / (2 * n)
    spread = z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return (middle - spread) / (1 + z * z / n), (middle + spread) / (1 + z * z / n)


def retriever(world: World, cache: Path) -> Exact:
    """Dense retrieval over the world; its vectors are kept in `cache`."""
    embedder = MiniLM()
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, embedder.embed([searchable(p) for p in world.passages]))
    return Exact(world.passages, np.load(cache), embedder)


def chosen(world: World, args: argparse.Namespace) -> list[Question]:
    """The first questions of each wanted (hops, operations)."""
    found: dict[tuple[int, int], list[Question]] = defaultdict(list)
    for question in world.questions:
        stratum = question.hops or 0, question.operations or 0
        if (
            stratum[0] in args.hops
            and stratum[1] in args.operations
            and len(found[stratum]) < args.questions
        ):
            found[stratum].append(question)
    return [q for stratum in sorted(found) for q in found[stratum]]


def row(runs: Sequence[Run]) -> dict[str, object]:
    """Figures of runs that share stratum and budget."""
    hits = [run.scores.em or 0.0 for run in runs]
    seen = [run.scores.em or 0.0 for run in runs if run.scores.evidence_recall == 1.0]
    low, high = wilson(sum(hits), len(hits))
    return {
        "n": len(runs),
        "em": round(mean(hits), 3),
        "interval": [round(low, 3), round(high, 3)],
        "em_given_passages": round(mean(seen), 3) if seen else None,
        "n_given_passages": len(seen),
        "evidence": round(mean(run.scores.evidence_recall or 0.0 for run in runs), 3),
        "searches": round(mean(run.trace.search.used for run in runs), 2),
        "thinking": round(mean(run.trace.thinking_tokens for run in runs), 1),
    }


def table(runs: Iterable[Run]) -> list[dict[str, object]]:
    """One row for each stratum, phrasing and budget, then for both phrasings together."""
    cells: dict[tuple[int, int, str, Budget], list[Run]] = defaultdict(list)
    for run in runs:
        q = run.question
        for phrasing in (*[s for s in SPLITS if s in q.tags], "all"):
            cells[q.hops or 0, q.operations or 0, phrasing, run.config.budget].append(run)
    return [
        {
            "hops": h,
            "operations": o,
            "phrasing": p,
            "search": b.search,
            "think": b.think,
            **row(part),
        }
        for (h, o, p, b), part in sorted(cells.items())
    ]


def told(run: Run) -> str:
    """A run on a few lines, for reading what went wrong."""
    lines = [f"? {run.question.text} = {run.question.answers[0]} | said: {run.trace.answer}"]
    for step in run.trace.steps:
        text = getattr(step, "query", "") or getattr(step, "text", "")
        if isinstance(step, Search) or step.kind in ("thought", "answer"):
            lines.append(f"    {step.kind}: {text!r}")
        elif step.kind == "reading":
            lines += [
                f"        {r.passage.title}: {r.passage.text}"
                for r in getattr(step, "passages", ())
            ]
    return "\n".join(lines)


async def measure(args: argparse.Namespace) -> list[Run]:
    world = build(args.seed, args.passages, args.pool, "test")
    index = retriever(world, Path(f"training/build/test-{args.seed}-{args.passages}.npy"))
    adapters = {} if args.adapter == "none" else {args.adapter: ADAPTERS / f"{args.adapter}.gguf"}
    pool = Pool(adapters, count=args.children)
    budgets = [Budget(s, t) for s in args.search for t in args.think]
    runs: list[Run] = []
    try:
        async with pool.model(next(iter(adapters), None)) as model:
            config = RunConfig(args.strategy, args.adapter, "test", budgets[0])
            for start in range(0, len(questions := chosen(world, args)), args.children):
                batch = questions[start : start + args.children]
                done = await asyncio.gather(
                    *(run_cells(q, config, budgets, model, index) for q in batch)
                )
                for trajectory in done:
                    runs += trajectory.runs
                    right = [(r.config.budget.search, r.scores.em) for r in trajectory.runs]
                    print(trajectory.question.id, right, file=sys.stderr, flush=True)
    finally:
        pool.close()
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", help="name in sample_runs/adapters, or none")
    parser.add_argument("--strategy", default="corag")
    parser.add_argument("--hops", type=int, nargs="+", default=[2])
    parser.add_argument("--operations", type=int, nargs="+", default=[0])
    parser.add_argument("--questions", type=int, default=50, help="per stratum")
    parser.add_argument("--search", type=int, nargs="+", default=[0, 1, 2, 4])
    parser.add_argument("--think", type=int, nargs="+", default=[128])
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--passages", type=int, default=400)
    parser.add_argument("--pool", type=int, default=1140, help="questions to choose from")
    parser.add_argument("--children", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="wrong runs to print")
    parser.add_argument("--out", type=Path, help="append the rows to this file")
    args = parser.parse_args()
    began = time.monotonic()
    runs = asyncio.run(measure(args))
    for number, run in enumerate(r for r in runs if not r.scores.em):
        if number < args.show:
            print(told(run))
    for line in table(runs):
        if not args.out:
            print(json.dumps(line))
        else:
            args.out.parent.mkdir(parents=True, exist_ok=True)
            with args.out.open("a") as file:
                file.write(
                    json.dumps({"adapter": args.adapter, "strategy": args.strategy, **line}) + "\n"
                )
    print(f"{len(runs)} runs in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
