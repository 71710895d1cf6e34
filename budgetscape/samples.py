"""How `sample_runs/` was made, so that anyone can make it again: the world, its vectors, and real sweeps over it.

Sweeps run in a home of their own, so that they resume where they were cut off; only finished ones are written to
`sample_runs/`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from budgetscape.sweep_opening import left_of, ready
from budgetscape.wiring import SAMPLE, SAMPLES, Parts
from engine.errors import InputError
from engine.retrieval.embedding import MiniLM
from engine.sweeps.plan import Plan, read_plan
from engine.worlds import build
from store.bundles import export_sweep
from store.corpora import corpus_hash, corpus_names, load_corpus, save_corpus, save_questions
from store.history import Store
from store.home import Home
from store.vectors import embed_corpus

SEED, PASSAGES, QUESTIONS = 7, 1500, 320
Say = Callable[[str], None]


def make_world(samples: Path = SAMPLES) -> bool:
    """Write the shipped world where it is missing or another one; returns whether anything was written."""
    home = Home(samples)
    world = build(SEED, PASSAGES, QUESTIONS, "test")
    if SAMPLE in corpus_names(home) and load_corpus(home, SAMPLE).hash == corpus_hash(
        world.passages
    ):
        return False
    corpus = save_corpus(home, SAMPLE, world.passages)
    embed_corpus(corpus, MiniLM(threads=2))
    save_questions(home, SAMPLE, world.questions, SAMPLE)
    return True


def plans(samples: Path = SAMPLES) -> list[Plan]:
    """All shipped plans, by file name."""
    return [
        read_plan(p.read_text("utf-8"), p.name) for p in sorted((samples / "plans").glob("*.toml"))
    ]


async def make_sweep(plan: Plan, parts: Parts, say: Say, samples: Path = SAMPLES) -> None:
    """Run what is left of a plan and write its bundle; raises InputError while cells lack an answer."""
    sweep = await ready(plan, parts)
    say(f"{plan.name}: {sweep.done} trajectories recorded, {len(sweep.todo)} to do")
    async for _ in sweep.run(sweep.pilot()):
        pass
    quote = sweep.quote()
    say(
        f"{plan.name}: {quote.runs} runs to do, about {quote.seconds_p50 / 60:.0f} minutes, "
        f"{quote.seconds_p90 / 60:.0f} at P90, {sweep.at_once} at once"
    )
    total = len(sweep.todo)
    try:
        async for trajectory in sweep.run(sweep.todo):
            say(f"{plan.name}: {total - len(sweep.wanted)}/{total} {trajectory.config.strategy}")
    finally:
        sweep.close()
    if sweep.todo or sweep.failed:
        raise InputError(
            f"{plan.name}: {sweep.failed} trajectories failed; run the same command again"
        )
    _, _, every = await left_of(plan, parts)  # a model of another day may have run this plan too
    with Store.scratch(parts.home, [plan.name]) as store:
        folder = samples / "sweeps" / plan.name
        export_sweep(store, plan.name, folder, only={job.id for job in every})


async def make_all(say: Say, only: str | None = None) -> None:
    """The world, then every plan that is shipped, or the one that is named."""
    say("world written" if make_world() else "world unchanged")
    parts = Parts.open()
    try:
        for plan in plans():
            if only in (None, plan.name):
                await make_sweep(plan, parts, say)
    finally:
        await parts.aclose()


def main(only: str | None = None) -> None:
    asyncio.run(make_all(lambda text: print(text, flush=True), only))


if __name__ == "__main__":
    import sys

    main(sys.argv[1] if len(sys.argv) > 1 else None)
