"""What a whole sweep adds to an endpoint: plan, memo, pace, account and journal, over the time that the endpoint takes.

Two endpoints of fixed latency on this machine, each in a process of its own. On the slow one (1 s, 64 calls at once)
runs of three calls and two look-ups are laid beside the ideal time: all calls, 64 at once, without a gap. On the fast
one (200 ms) runs of one call are laid beside the plain AsyncOpenAI client, which streams as many such requests in the
same process, and beside inspect-ai in an environment of its own, where `make peer` has made one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai

sys.path.insert(0, str(Path(__file__).parents[1]))

from budgetscape.sweep_opening import ready
from engine.models.capabilities import Capabilities
from engine.models.openai import OpenAIChat
from engine.retrieval.batching import Batched
from engine.run.ports import Query
from engine.sweeps.plan import read_plan
from engine.types import Passage, Question, Ranked
from store.home import Home
from tests.endpoint import serving
from tests.sweep_fakes import ToyParts

ROOT = Path(__file__).parents[1]
PEER = ROOT / "build" / "peer" / "bin" / "python"
PROMISE_IDEAL, PROMISE_BARE, PROMISE_PEER = 1.15, 1.10, 1 / 3
PLACES, INDEX_S = 64, 0.03
ABLE = Capabilities(seed=True, usage=True, sampling=True)
THREE_CALLS = """
name = "slow"
strategies = ["iterative"]
models = ["m"]
index = "i"
questions = "q"
search = [2]
think = [1000]
[knobs.iterative]
think_cap = 0
"""
ONE_CALL = """
name = "fast"
strategies = ["closed_book"]
models = ["m"]
questions = "q"
search = [0]
think = [0]
"""


class Shelf:
    """A retriever that takes a fixed time for however many queries."""

    async def search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]:
        await asyncio.sleep(INDEX_S)
        return [(Ranked(Passage("p", "Tern", f"About {q.text}"), 1, 1.0),) for q in queries]


class Parts(ToyParts):
    """What the sweep needs: a real client, so many questions."""

    def __init__(self, home: Home, url: str, count: int) -> None:
        super().__init__(home)
        self.url, self.count = url, count
        self.registry.places = PLACES
        self.chat: OpenAIChat | None = None

    async def model(self, name: str) -> OpenAIChat:  # noqa: ARG002
        if self.chat is None:
            self.chat = OpenAIChat(self.url, "fixed", max_concurrency=PLACES, capabilities=ABLE)
        return self.chat

    async def retriever(self, index: str) -> Batched:  # noqa: ARG002
        return Batched(Shelf())

    def questions(self, name: str) -> list[Question]:  # noqa: ARG002
        return [
            Question(f"q{n}", f"Where was ship {n} built?", ("Pirnby",)) for n in range(self.count)
        ]


@dataclass(frozen=True, slots=True)
class Took:
    """A sweep: its seconds and what its runs asked for."""

    seconds: float
    calls: int
    queries: int
    work_s: float
    """Of the processor, by this process."""


async def swept(text: str, url: str, runs: int) -> Took:
    """The whole of a sweep, from the first call to the last line on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        parts = Parts(Home(Path(folder)).ensure(), url, runs)
        sweep = await ready(read_plan(text), parts)  # type: ignore[arg-type]
        began, worked = time.perf_counter(), time.process_time()
        async for _ in sweep.run(sweep.todo):
            pass
        seconds, work_s = time.perf_counter() - began, time.process_time() - worked
        sweep.close()
        assert parts.chat is not None
        await parts.chat.aclose()
        if sweep.failed or sweep.wanted:
            sys.exit(
                f"{sweep.failed} runs failed and {len(sweep.wanted)} were not made: {sweep.reason}"
            )
        return Took(seconds, sweep.charged.calls, sweep.charged.queries, work_s)


async def bare(url: str, calls: int) -> float:
    """Seconds of as many streamed calls by the client alone, 64 at once."""
    places = asyncio.Semaphore(PLACES)
    client = openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0)

    async def one(number: int) -> None:
        asked: Any = [
            {"role": "system", "content": "Answer the question with a few words."},
            {"role": "user", "content": f"Question: Where was ship {number} built?"},
        ]
        async with places:
            stream = await client.chat.completions.create(
                model="fixed",
                messages=asked,
                max_tokens=128,
                temperature=0.0,
                top_p=1.0,
                seed=number,
                stop=["\n"],
                stream=True,
                stream_options={"include_usage": True},
            )
            async for _ in stream:
                pass

    began = time.perf_counter()
    await asyncio.gather(*(one(n) for n in range(calls)))
    seconds = time.perf_counter() - began
    await client.close()
    return seconds


def against_ideal(runs: int) -> float:
    """Time over ideal time, at the slow endpoint."""
    with serving(latency_s=1.0, at_once=PLACES) as endpoint:
        took = asyncio.run(swept(THREE_CALLS, endpoint.url, runs))
    if (took.calls, took.queries) != (3 * runs, 2 * runs):
        sys.exit(f"{runs} runs made {took.calls} calls and {took.queries} queries")
    ideal = took.calls / PLACES
    print(
        f"1 s endpoint: {runs} runs of 3 calls and 2 queries in {took.seconds:.1f} s, ideal {ideal:.1f} s"
    )
    return took.seconds / ideal


def peer(url: str, runs: int, python: Path) -> float:
    """Seconds of as many runs of one call by inspect-ai; its start is not counted."""
    script = Path(__file__).parent / "peers" / "inspect_runs.py"
    command = [str(python), str(script), url, str(runs), str(PLACES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"inspect-ai failed: {done.stderr.strip()[-500:]}")
    return float(done.stdout.split()[-1])


@dataclass(frozen=True, slots=True)
class Side:
    """Seconds for the same calls at the fast endpoint, the best of some turns."""

    ours: float
    client: float
    peer: float | None


def side_by_side(runs: int, turns: int, python: Path) -> Side:
    """The client alone and a sweep, taken alternately, and inspect-ai once, where it is installed."""
    ours, alone, theirs = [], [], None
    with serving(latency_s=0.2, at_once=PLACES) as endpoint:
        for _ in range(turns):
            alone.append(asyncio.run(bare(endpoint.url, runs)))
            ours.append(asyncio.run(swept(ONE_CALL, endpoint.url, runs)))
        if python.exists():
            theirs = peer(endpoint.url, runs, python)
    ideal, best = runs * 0.2 / PLACES, min(ours, key=lambda took: took.seconds)
    print(
        f"200 ms endpoint: {runs} runs of 1 call in {best.seconds:.1f} s, {1e3 * best.work_s / runs:.1f} ms of work "
        f"each; client alone {min(alone):.1f} s ({min(alone) / ideal:.2f} of ideal {ideal:.1f} s)"
        + (f"; inspect-ai {theirs:.1f} s ({theirs / ideal:.2f})" if theirs else "")
    )
    return Side(best.seconds, min(alone), theirs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where a promise is missed")
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--fast-runs", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--peer", type=Path, default=PEER, help="a python that has inspect-ai")
    options = parser.parse_args()
    with suppress(AttributeError):
        print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    to_ideal = against_ideal(options.runs)
    side = side_by_side(options.fast_runs, options.turns, options.peer)
    ratios = [
        (to_ideal, PROMISE_IDEAL, "the ideal time"),
        (side.ours / side.client, PROMISE_BARE, "the client alone"),
    ]
    if side.peer is None:
        print("inspect-ai is not installed (make peer): not compared")
    else:
        ratios.append((side.ours / side.peer, PROMISE_PEER, "inspect-ai"))
    print("ratio to " + ", to ".join(f"{to} {ratio:.3f}" for ratio, _, to in ratios))
    missed = [f"at most {most:.2f} of {to}" for ratio, most, to in ratios if ratio > most]
    if options.check and missed:
        sys.exit(f"promised: {' and '.join(missed)}")


if __name__ == "__main__":
    main()
