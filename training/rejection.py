"""CoRAG's rejection sampling: several chains per question with real retrieval, the likeliest kept as training examples.

For each question of a train world, chains of a random length are grown by the app's own strategy and driver:
sub-queries at temperature .7, sub-answers greedy. A chain stops when a sub-answer equals the answer, or when the answer
has become likely enough to say. Of all chains of a question the one under which the answer is likeliest is kept, if it
is likely at all. One line of the output is one group of rows, as from `examples`; the rows of sub-queries and
sub-answers are thinned as in the paper (arXiv 2501.14342, section 3.1). Likelihoods come from the PyTorch model, since
the server cannot score a given text.

    python -m training.rejection training/build/kept.jsonl training/build/warm/last smollm2-135m-search --minutes 20
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from engine.grading import exact_match
from engine.retrieval.embedding import MiniLM
from engine.retrieval.exact import Exact, searchable
from engine.run.driver import Driver
from engine.run.ports import Call, ChatModel, Retriever
from engine.run.requests import Play, Reply, Score
from engine.strategies import blocks, corag, knobs_of
from engine.types import Budget, Decoding, Prompt, Question, Reading
from engine.worlds import build
from training.chat import END, Tokens, chat_text
from training.evaluate import ADAPTERS
from training.paraphrases import wordings

LONGEST, HEAT, LIKELY, KEPT_FROM = 5, 0.7, -0.05, -1.0
"""Look-ups; temperature of sub-queries; mean log-likelihood of the answer that ends a chain; and of a kept one."""
THINNED = 0.2
"""Share of the sub-query and sub-answer rows that is trained on."""


@dataclass
class Chain:
    """One chain as it was grown, and the mean log-likelihood per token of the answer after it."""

    steps: corag.Chain = ()
    likelihood: float = float("-inf")
    rows: list[tuple[Prompt, str]] = field(default_factory=list)


class Scoring:
    """A model that generates on the server and scores in PyTorch."""

    def __init__(self, inner: ChatModel, likelihood: Callable[[Prompt, str], float]) -> None:
        self._inner, self._likelihood = inner, likelihood

    async def generate(self, call: Call, on_piece: Callable[[str], None] | None = None) -> Reply:
        if call.score_text is None:
            return await self._inner.generate(call, on_piece)
        score = await asyncio.to_thread(self._likelihood, call.prompt, call.score_text)
        return Reply(score=score)


class Likelihood:
    """Mean log-probability per token of a reply under base model and adapter."""

    def __init__(self, adapter: Path, tokens: Tokens) -> None:
        import torch
        from peft import PeftModel

        from training.adapters import base_model

        torch.set_num_threads(1)

        self._model: Any = PeftModel.from_pretrained(base_model(), adapter).eval()
        self._tokens = tokens

    def __call__(self, prompt: Prompt, reply: str) -> float:
        before, after = self._tokens.ids(chat_text(prompt)), self._tokens.ids(reply + END)
        import torch

        with torch.inference_mode():
            ids = torch.tensor([[*before, *after[:-1]]])
            logits = self._model(ids, logits_to_keep=len(after)).logits[0]
            chosen = logits.log_softmax(-1)[range(len(after)), after]
        return float(chosen.mean())


def grow(question: Question, length: int, chain: Chain) -> Play:
    """One chain of up to `length` look-ups, filled in as it grows."""
    knobs = knobs_of("corag")
    assert isinstance(knobs, corag.Knobs)
    for _ in range(length):
        longer = yield from corag.grown(question, chain.steps, 1, knobs, HEAT)
        if longer == chain.steps:
            break
        chain.steps = longer
        prompt = blocks.answer_prompt(question, "", blocks.known_block(longer))
        scored = yield Score(prompt, question.answers[0])
        assert scored.score is not None
        chain.likelihood = scored.score
        if exact_match(longer[-1][1], question.answers) or chain.likelihood > LIKELY:
            break
    return ""


async def grown(
    question: Question, length: int, model: ChatModel, index: Retriever, seed: int
) -> Chain:
    chain = Chain()
    driver = Driver(
        model, index, Budget(LONGEST, 4096), question.id, seed, Decoding(temperature=0.0)
    )
    trace = await driver.run(grow(question, length, chain))
    chain.rows = list(rows_of(question, chain.steps, trace.steps))
    return chain


def rows_of(
    question: Question, chain: corag.Chain, steps: Sequence[object]
) -> Iterator[tuple[Prompt, str]]:
    """What the model was asked along the chain and what it wrote, each as an example; and when to stop."""
    found = [s.passages for s in steps if isinstance(s, Reading)]
    assert len(found) == len(chain)
    for n, (query, note) in enumerate(chain):
        yield corag.sub_query_prompt(question, chain[:n]), query
        yield corag.sub_answer_prompt(query, Reply(passages=found[n])), note
    yield corag.sub_query_prompt(question, chain), "done"
    given = ("", blocks.known_block(chain))
    yield blocks.answer_prompt(question, *given), question.answers[0]


def group(chain: Chain, rng: Random, thinned: float = THINNED) -> dict[str, object]:
    """The last two rows, and a part of the others."""
    rows = [row for row in chain.rows[:-2] if rng.random() < thinned] + chain.rows[-2:]
    return {"task": "kept", "rows": [[chat_text(prompt), text] for prompt, text in rows]}


async def sample(args: argparse.Namespace) -> dict[str, int]:
    tokens, embedder = Tokens.of_base(), MiniLM()
    world = build(args.seed, 350, args.questions, "train", wordings())
    index = Exact(world.passages, embedder.embed([searchable(p) for p in world.passages]), embedder)
    rng = Random(f"rejection {args.seed}")
    asked = [q for q in world.questions if q.hops and (q.operations or 0) == 0]
    lengths = {q.id: [rng.randint(1, LONGEST) for _ in range(args.chains)] for q in asked}
    told = {"questions": 0, "kept": 0, "chains": 0, "answered": 0}
    until = time.monotonic() + 60 * args.minutes
    free = asyncio.Semaphore(max(1, args.children // args.chains))
    async with served(args, tokens) as model:
        with args.path.open("a") as out:

            async def one(question: Question) -> None:
                async with free:
                    if time.monotonic() > until:
                        return
                    chains = await asyncio.gather(
                        *(
                            grown(question, n, model, index, k)
                            for k, n in enumerate(lengths[question.id])
                        )
                    )
                best = max(chains, key=lambda c: c.likelihood)
                told["questions"] += 1
                told["chains"] += len(chains)
                told["answered"] += sum(c.likelihood > KEPT_FROM for c in chains)
                if best.likelihood > KEPT_FROM:
                    told["kept"] += 1
                    out.write(json.dumps(group(best, Random(question.id), args.thinned)) + "\n")
                    out.flush()

            await asyncio.gather(*map(one, asked))
    return told


@asynccontextmanager
async def served(args: argparse.Namespace, tokens: Tokens) -> AsyncIterator[ChatModel]:
    """What grows chains and scores answers: the app's server and PyTorch, or on a GPU the latter for both."""
    if args.device != "cpu":
        from training.adapters import adapted, base_model
        from training.batched import Batched

        model = Batched(
            adapted(base_model(device=args.device), args.weights), tokens, args.children
        )
        try:
            yield model
        finally:
            model.close()
        return
    from budgetscape.pool import Pool

    pool = Pool({args.adapter: ADAPTERS / f"{args.adapter}.gguf"}, count=args.children)
    try:
        async with pool.model(args.adapter) as inner:
            yield Scoring(inner, Likelihood(args.weights, tokens))
    finally:
        pool.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    parser.add_argument("weights", type=Path, help="the adapter as PyTorch saved it")
    parser.add_argument("adapter", help="the same adapter's name in sample_runs/adapters")
    parser.add_argument("--seed", type=int, default=9300, help="of the train world")
    parser.add_argument("--chains", type=int, default=4, help="per question; 16 in the paper")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--children", type=int, default=2, help="calls at once")
    parser.add_argument("--questions", type=int, default=600, help="of the world")
    parser.add_argument("--thinned", type=float, default=THINNED, help="share of look-ups kept")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    print(json.dumps(asyncio.run(sample(args))))


if __name__ == "__main__":
    main()
