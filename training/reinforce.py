"""Training by reward alone: Search-R1, and both stages of R1-Searcher, with the app's own strategies as the rollouts.

At each step the adapter as it is goes to the llama.cpp server, a few questions are asked several times each, and their
answers are paid; the PyTorch model then takes one step up the policy gradient. Stopped by wall time, resumable.

    python -m training.reinforce training/build/search-r1 training/build/tagged/last --recipe search_r1 --minutes 170
    python -m training.reinforce training/build/no-mask training/build/tagged/last --recipe search_r1 --no-mask
    python -m training.reinforce training/build/first training/build/tagged/last --recipe r1_searcher_first
    python -m training.reinforce training/build/second training/build/first/last --recipe r1_searcher_second
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from statistics import mean
from typing import Any

import torch

from budgetscape.pool import Pool
from engine.retrieval.embedding import MiniLM
from engine.retrieval.exact import Exact, searchable
from engine.types import Budget, Question
from engine.worlds import build
from training.chat import Tokens
from training.export import write
from training.paraphrases import wordings
from training.policy import BETA, likelihoods, loss, sequence
from training.rewards import REWARDS
from training.rollouts import Rollout, advantages, rollout
from training.warm_start import adapted, base_model, faster

STRATEGY = {name: name.removesuffix("_first").removesuffix("_second") for name in REWARDS}
SEARCH, THINK = 2, 256
"""Budget of a rollout: two turns of search, as in the paper's training."""
RATE = 1e-4
"""A hundred times the paper's, since an adapter of rank 16 is learnt and not the model."""


class Learner:
    """Policy, reference and optimiser; saved together."""

    def __init__(self, folder: Path, start: Path) -> None:
        self.folder, self.step, self.minutes = folder, 0, 0.0
        folder.mkdir(parents=True, exist_ok=True)
        self.last = folder / "last"
        resumed = (self.last / "state.pt").exists()
        if not resumed:
            shutil.copytree(start, self.last, dirs_exist_ok=True)
        self.model: Any = adapted(base_model(faster()), self.last)
        self.model.load_adapter(str(start), adapter_name="reference")
        self.model.set_adapter("default")
        learnt = [p for n, p in self.model.named_parameters() if ".default." in n]
        self.optimiser = torch.optim.AdamW(learnt, lr=RATE, weight_decay=0.0)
        self.learnt = learnt
        if resumed:
            state = torch.load(self.last / "state.pt", weights_only=True)
            if "reward" in state:
                self.step, self.minutes = state["step"], state["minutes"]
                self.optimiser.load_state_dict(state["optimiser"])

    def save(self, row: dict[str, object]) -> None:
        self.model.save_pretrained(self.last, selected_adapters=["default"])
        state = {"step": self.step, "minutes": self.minutes, "reward": row["reward"]}
        torch.save({"optimiser": self.optimiser.state_dict(), **state}, self.last / "state.pt")
        with (self.folder / "curve.jsonl").open("a") as curve:
            curve.write(json.dumps(row) + "\n")

    def served(self, path: Path) -> None:
        """The policy as it is, as a file for the server."""
        self.model.save_pretrained(self.folder / "now", selected_adapters=["default"])
        write(self.folder / "now", path)

    def learn(self, groups: Sequence[Sequence[tuple[Rollout, float]]], masked: bool) -> None:
        """One step; a text whose group agrees about it is skipped, since it teaches nothing."""
        tokens = Tokens.of_base()
        told = [pair for group in groups for pair in group if pair[1]]
        texts = [(s, a) for done, a in told for s in done.spoken]
        for spoken, advantage in texts:
            one = sequence(spoken, tokens, masked)
            self.model.set_adapter("reference")
            with torch.no_grad():
                reference = likelihoods(self.model, one)
            self.model.set_adapter("default")
            now = likelihoods(self.model, one)
            part = loss(now, now.detach(), reference, one.own, advantage, BETA)
            (part / len(texts)).backward()
        if texts:
            torch.nn.utils.clip_grad_norm_(self.learnt, 1.0)
            self.optimiser.step()
            self.optimiser.zero_grad()
        self.step += 1


async def asked(
    path: Path,
    recipe: str,
    questions: Sequence[Question],
    index: Exact,
    budget: Budget,
    each: int,
    seed: int,
    cores: int,
) -> list[list[Rollout]]:
    """Every question several times, by the policy in the file."""
    pool = Pool({"policy": path}, count=cores)
    free = asyncio.Semaphore(cores)
    try:
        async with pool.model("policy") as model:

            async def one(question: Question, n: int) -> Rollout:
                async with free:
                    return await rollout(STRATEGY[recipe], question, model, index, budget, n)

            groups = [[one(q, seed * each + n) for n in range(each)] for q in questions]
            return [list(await asyncio.gather(*group)) for group in groups]
    finally:
        pool.close()


def figures(
    step: int, minutes: float, recipe: str, paid: Sequence[tuple[Rollout, float]]
) -> dict[str, object]:
    """A line of the curve."""
    done = [r for r, _ in paid]
    turns = sum(r.trace.turns or 0 for r in done)
    return {
        "recipe": recipe,
        "step": step,
        "minutes": round(minutes, 2),
        "rollouts": len(done),
        "reward": round(mean(reward for _, reward in paid), 4),
        "em": round(
            mean(REWARDS["search_r1"](r.spoken[0].text, r.question.answers) for r in done), 4
        ),
        "searches": round(mean(r.searches for r in done), 3),
        "well_formed": round(sum(r.trace.well_formed or 0 for r in done) / turns, 4)
        if turns
        else None,
    }


def train(args: argparse.Namespace) -> None:
    embedder = MiniLM()
    world = build(args.seed, 350, 950, "train", wordings())
    index = Exact(world.passages, embedder.embed([searchable(p) for p in world.passages]), embedder)
    usable = [q for q in world.questions if q.hops in (1, 2, 3) and not q.operations]
    learner, pay = Learner(args.folder, args.start), REWARDS[args.recipe]
    began, before = time.monotonic(), learner.minutes
    while learner.step < args.steps and time.monotonic() - began < args.minutes * 60:
        chosen = Random(learner.step).sample(usable, args.questions)
        policy = args.folder / "policy.gguf"
        learner.served(policy)
        groups = asyncio.run(
            asked(
                policy,
                args.recipe,
                chosen,
                index,
                Budget(args.search, args.think),
                args.each,
                learner.step,
                args.cores,
            )
        )
        paid = [[(r, pay(r.spoken[0].text, r.question.answers)) for r in g] for g in groups]
        scaled = [
            list(zip((r for r, _ in g), advantages([x for _, x in g]), strict=True)) for g in paid
        ]
        learner.learn(scaled, masked=not args.no_mask)
        learner.minutes = before + (time.monotonic() - began) / 60
        row = figures(learner.step, learner.minutes, args.recipe, [p for g in paid for p in g])
        learner.save(row | {"masked": not args.no_mask})
        print(json.dumps(row), flush=True)


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
    args = parser.parse_args()
    torch.set_num_threads(args.cores)
    train(args)


if __name__ == "__main__":
    main()
