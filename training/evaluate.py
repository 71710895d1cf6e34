"""What an adapter is worth: the app's own driver, server and dense retrieval on an unseen test world, or on real text.

Figures are exact match per stratum and budget with 95 % intervals, beside EM where all supporting passages were shown
and the searches used; then what more of each budget bought, paired by question. Traces of wrong answers can be printed.

    python -m training.evaluate smollm2-135m-search --hops 2 --operations 0 --questions 50 --search 0 1 2 4
    python -m training.evaluate smollm2-135m-search --data FOLDER      # with corpus.jsonl and questions.jsonl
    python -m training.evaluate searcher --weights training/build/warm/last --device cuda --children 128
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np

from budgetscape.on_board import base_of
from engine.identity import content_hash
from engine.retrieval.embedding import MiniLM
from engine.retrieval.exact import Exact, searchable
from engine.run.ports import ChatModel
from engine.sweeps.trajectory import run_cells
from engine.types import Budget, Passage, Question, Run, RunConfig
from engine.worlds import build
from store.loading import read_passages, read_questions
from training.tables import Row, gains, table, told

ADAPTERS = Path("sample_runs/adapters")


def material(args: argparse.Namespace) -> tuple[Sequence[Passage], Sequence[Question]]:
    """Passages and questions of the unseen world, or of a folder."""
    if args.data:
        return (
            tuple(read_passages(args.data / "corpus.jsonl")),
            tuple(read_questions(args.data / "questions.jsonl")),
        )
    world = build(args.seed, args.passages, args.pool, "test")
    return world.passages, world.questions


def retriever(passages: Sequence[Passage]) -> Exact:
    """Dense retrieval; vectors are kept under the hash of the texts."""
    embedder, texts = MiniLM(), [searchable(p) for p in passages]
    cache = Path(f"training/build/vectors-{content_hash(texts)}.npy")
    if not cache.exists():
        cache.parent.mkdir(parents=True, exist_ok=True)
        np.save(cache, embedder.embed(texts))
    return Exact(passages, np.load(cache), embedder)


def chosen(questions: Sequence[Question], args: argparse.Namespace) -> list[Question]:
    """The first questions of each wanted (hops, operations); unknown operations count as none."""
    found: dict[tuple[int, int], list[Question]] = defaultdict(list)
    for question in questions:
        stratum = question.hops or 0, question.operations or 0
        wanted = stratum[0] in args.hops and stratum[1] in args.operations
        if wanted and len(found[stratum]) < args.questions:
            found[stratum].append(question)
    return [q for stratum in sorted(found) for q in found[stratum]]


async def measure(args: argparse.Namespace) -> list[Run]:
    """All runs, as many questions at once as there are children."""
    passages, questions = material(args)
    index = retriever(passages)
    budgets = [Budget(s, t, args.mode, args.mode) for s in args.search for t in args.think]
    config = RunConfig(args.strategy, args.adapter, "test", budgets[0])
    free = asyncio.Semaphore(args.children)

    async def run(question: Question, model: ChatModel) -> Sequence[Run]:
        async with free:
            done = (await run_cells(question, config, budgets, model, index)).runs
        right = [(*_cell(r), r.scores.em) for r in done]
        print(question.id, right, file=sys.stderr, flush=True)
        return done

    async with served(args) as model:
        asked = [run(q, model) for q in chosen(questions, args)]
        return [r for done in await asyncio.gather(*asked) for r in done]


@asynccontextmanager
async def served(args: argparse.Namespace) -> AsyncIterator[ChatModel]:
    """The adapter on the app's server; or from a folder that peft saved, in PyTorch."""
    if args.weights or args.device != "cpu":
        from training.adapters import adapted, base_model
        from training.batched import Batched
        from training.chat import Tokens

        model = base_model(device=args.device, dropped=base_of(args.adapter).dropped)
        model = adapted(model, args.weights).eval() if args.weights else model
        batched = Batched(model, Tokens.of_base(), args.children)
        try:
            yield batched
        finally:
            batched.close()
        return
    from budgetscape.pool import Pool

    named = {} if args.adapter == "none" else {args.adapter: args.adapters / f"{args.adapter}.gguf"}
    pool = Pool(named, count=args.children, base=base_of(args.adapter))
    try:
        async with pool.model(next(iter(named), None)) as served:
            yield served
    finally:
        pool.close()


def _cell(run: Run) -> tuple[int, int]:
    return run.config.budget.search, run.config.budget.think


def rows(args: argparse.Namespace, runs: Sequence[Run]) -> Iterator[Row]:
    """Every figure with what it was measured on."""
    source = args.data.name if args.data else f"world {args.seed}"
    for line in (*table(runs), *gains(runs)):
        yield {
            "adapter": args.adapter,
            "strategy": args.strategy,
            "on": source,
            "mode": args.mode,
            **line,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("adapter", help="its name, which tells its base, or none")
    parser.add_argument("--adapters", type=Path, default=ADAPTERS, help="where its file is")
    parser.add_argument("--weights", type=Path, help="the adapter as PyTorch saved it")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--strategy", default="corag")
    parser.add_argument("--hops", type=int, nargs="+", default=[2])
    parser.add_argument("--operations", type=int, nargs="+", default=[0])
    parser.add_argument("--questions", type=int, default=50, help="per stratum")
    parser.add_argument("--search", type=int, nargs="+", default=[0, 1, 2, 4])
    parser.add_argument("--think", type=int, nargs="+", default=[128])
    parser.add_argument("--mode", choices=("cap", "force"), default="cap", help="of both budgets")
    parser.add_argument("--data", type=Path, help="folder of a real corpus and its questions")
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--passages", type=int, default=400)
    parser.add_argument("--pool", type=int, default=1140, help="questions to choose from")
    parser.add_argument("--children", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="wrong runs to print")
    parser.add_argument("--out", type=Path, help="append the rows to this file")
    args = parser.parse_args()
    began = time.monotonic()
    runs = asyncio.run(measure(args))
    for run in [r for r in runs if not r.scores.em][: args.show]:
        print(told(run))
    lines = [json.dumps(row) for row in rows(args, runs)]
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        with args.out.open("a") as file:
            file.write("".join(f"{line}\n" for line in lines))
    else:
        print("\n".join(lines))
    print(f"{len(runs)} runs in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
