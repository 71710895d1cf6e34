"""Training by reward alone: Search-R1, and both stages of R1-Searcher, with the app's own strategies as the rollouts.

At each step the policy is asked a few questions several times each and its answers are paid; the adapter then takes
one step up the policy gradient. Now and then it answers questions of an unseen world, greedily. Stopped by wall time,
resumable. The policy is exported at each step and served by llama.cpp, as in the app, or with `--slots` asked in
PyTorch, many rollouts at once.

    python -m training.reinforce training/build/search-r1 training/build/tagged/last --recipe search_r1 --slots 20
    python -m training.reinforce training/build/no-mask training/build/tagged/last --recipe search_r1 --no-mask
    python -m training.reinforce training/build/first training/build/tagged/last --recipe r1_searcher_first
    python -m training.reinforce training/build/second training/build/first/last --recipe r1_searcher_second
    python -m training.reinforce ... --device cuda --slots 96 --questions 16 --each 6     # minutes instead of hours
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import mean

import numpy as np
import torch

from engine.analysis.estimate import average
from engine.analysis.panel import Unknown
from engine.grading import f1
from engine.retrieval.embedding import MiniLM
from engine.retrieval.exact import Exact, searchable
from engine.types import Budget, Question
from engine.worlds import build
from training.learner import RATE, InPyTorch, Learner, OnServer
from training.paraphrases import wordings
from training.rewards import LEAST, REWARDS, answer_of
from training.rollouts import Rollout, advantages, rollout
from training.tables import wilson

STRATEGY = {name: name.removesuffix("_first").removesuffix("_second") for name in REWARDS}
SEARCH, THINK = 2, 256
"""Budget of a rollout: two turns of search, as in the paper's training."""
UNSEEN = 77
"""Seed of the test world, as in `evaluate`."""


async def asked(
    policy: OnServer | InPyTorch,
    strategy: str,
    questions: Sequence[Question],
    index: Exact,
    budget: Budget,
    seeds: Sequence[int],
    temperature: float,
) -> list[list[Rollout]]:
    """Every question once for each seed, by the policy as it is."""
    free = asyncio.Semaphore(policy.at_once)
    async with policy.now() as model:

        async def one(question: Question, seed: int) -> Rollout:
            async with free:
                return await rollout(strategy, question, model, index, budget, seed, temperature)

        groups = [asyncio.gather(*(one(q, n) for n in seeds)) for q in questions]
        return [list(group) for group in await asyncio.gather(*groups)]


def figures(recipe: str, done: Sequence[Rollout]) -> dict[str, object]:
    """What a line of either curve tells of its rollouts."""
    pay = REWARDS[recipe]
    turns = sum(r.trace.turns or 0 for r in done)
    hits = sum(REWARDS["search_r1"](r.spoken[0].text, r.question.answers) for r in done)
    low, high = wilson(hits, len(done))
    return {
        "rollouts": len(done),
        "reward": round(mean(pay(r.spoken[0].text, r.question.answers) for r in done), 4),
        "em": round(hits / len(done), 4),
        "interval": [round(low, 4), round(high, 4)],
        "f1": round(mean(f1(answer_of(r.spoken[0].text), r.question.answers) for r in done), 4),
        "searches": round(mean(r.searches for r in done), 3),
        "well_formed": round(sum(r.trace.well_formed or 0 for r in done) / turns, 4)
        if turns
        else None,
    }


def reward_interval(recipe: str, done: Sequence[Rollout]) -> list[float] | None:
    """The 95 % interval of the mean reward of rollouts of different questions; None where one alone was asked."""
    paid, least = REWARDS[recipe], LEAST.get(recipe, 0.0)
    worth = np.array([paid(r.spoken[0].text, r.question.answers) for r in done])
    found = average(worth - least, 1.0 - least)
    if isinstance(found, Unknown):
        return None
    return [round(found.low + least, 4), round(found.high + least, 4)]


def by_hops(recipe: str, done: Sequence[Rollout]) -> dict[str, object]:
    """The figures of all and of each number of hops, each question asked once."""
    hops = sorted({r.question.hops or 0 for r in done})
    parts = {h: [r for r in done if r.question.hops == h] for h in hops}
    return {
        **figures(recipe, done),
        "reward_interval": reward_interval(recipe, done),
        "hops": {h: figures(recipe, part) for h, part in parts.items()},
    }


def of_world(seed: int, split: str) -> tuple[Exact, list[Question]]:
    """A world's passages behind dense retrieval, and its open questions without operations."""
    embedder = MiniLM()
    if split == "train":
        world = build(seed, 350, 950, "train", wordings())
    else:
        world = build(seed, 400, 1140, "test")
    index = Exact(world.passages, embedder.embed([searchable(p) for p in world.passages]), embedder)
    return index, [q for q in world.questions if q.hops in (1, 2, 3) and not q.operations]


def evenly(questions: Sequence[Question], count: int) -> list[Question]:
    """The first questions of each number of hops, as many of each."""
    parts = [[q for q in questions if q.hops == h] for h in (1, 2, 3)]
    return [q for part in parts for q in part[: count // 3]]


def train(args: argparse.Namespace) -> None:
    index, usable = of_world(args.seed, "train")
    unseen, others = of_world(UNSEEN, "test")
    learner, pay = Learner(args.folder, args.start, args.device, args.rate), REWARDS[args.recipe]
    policy = InPyTorch(learner, args.slots) if args.slots else OnServer(learner, args.cores)
    strategy, budget = STRATEGY[args.recipe], Budget(args.search, args.think)
    told = {"recipe": args.recipe, "masked": not args.no_mask}

    def measure() -> None:
        tried = evenly(others, args.tried)
        done = asyncio.run(asked(policy, strategy, tried, unseen, budget, (0,), 0.0))
        row = by_hops(args.recipe, [r for group in done for r in group])
        learner.note("unseen", {**told, "step": learner.step, **row})
        print(json.dumps({"unseen": learner.step, **row}), flush=True)

    began, before = time.monotonic(), learner.minutes
    if not learner.step and args.tried:
        measure()
    while learner.step < args.steps and time.monotonic() - began < args.minutes * 60:
        chosen = Random(learner.step).sample(usable, args.questions)
        seeds = [learner.step * args.each + n for n in range(args.each)]
        groups = asyncio.run(asked(policy, strategy, chosen, index, budget, seeds, 1.0))
        worth = [[pay(r.spoken[0].text, r.question.answers) for r in g] for g in groups]
        scaled = [
            list(zip(g, advantages(w), strict=True)) for g, w in zip(groups, worth, strict=True)
        ]
        learner.learn(scaled, masked=not args.no_mask)
        learner.minutes = before + (time.monotonic() - began) / 60
        row = figures(args.recipe, [r for group in groups for r in group])
        row = {**told, "step": learner.step, "minutes": round(learner.minutes, 2), **row}
        learner.note("curve", row)
        print(json.dumps(row), flush=True)
        if args.device == "cpu":
            learner.save()
        if args.tried and learner.step % args.every == 0:
            learner.save()
            measure()
    learner.save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "start", type=Path, help="an adapter as PyTorch saved it, which knows the form"
    )
    parser.add_argument("--recipe", choices=sorted(REWARDS), required=True)
    parser.add_argument("--no-mask", action="store_true", help="count passages as the model's own")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--minutes", type=float, default=170)
    parser.add_argument("--questions", type=int, default=4, help="per step")
    parser.add_argument("--each", type=int, default=5, help="rollouts of each question")
    parser.add_argument("--search", type=int, default=SEARCH, help="queries of a rollout")
    parser.add_argument("--think", type=int, default=THINK, help="its thinking tokens")
    parser.add_argument("--seed", type=int, default=9400, help="of the train world")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--rate", type=float, default=RATE, help="learning rate")
    parser.add_argument(
        "--every", type=int, default=25, help="steps between looks at unseen questions"
    )
    parser.add_argument(
        "--tried", type=int, default=30, help="unseen questions, a third of each hops"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--slots", type=int, default=0, help="rollouts at once in PyTorch; 0 asks the server"
    )
    args = parser.parse_args()
    torch.set_num_threads(args.cores)
    train(args)


if __name__ == "__main__":
    main()
