"""What a whole sweep adds to an endpoint: plan, memo, pace, account and journal, over the time that the endpoint takes.

Two endpoints of fixed latency on this machine, each in a process of its own. On the slow one (1 s, 64 calls at once)
runs of three calls and two look-ups are laid beside the ideal time: all calls, 64 at once, without a gap. On the fast
one (200 ms) runs of one call are laid beside the bare AsyncOpenAI client, which streams as many such requests in the
same process. No peer is installed with the project, so none is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import os
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
from engine.models.openai import OpenAIChat, _direct
from engine.retrieval.batching import Batched
from engine.run.ports import Query
from engine.sweeps.plan import read_plan
from engine.types import Passage, Question, Ranked
from store.home import Home
from tests.endpoint import serving
from tests.sweep_fakes import ToyParts

PROMISE_IDEAL, PROMISE_BARE = 1.15, 1.10
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


async def swept(text: str, url: str, runs: int) -> Took:
    """The whole of a sweep, from the first call to the last line on the disk."""
    with tempfile.TemporaryDirectory() as folder:
        parts = Parts(Home(Path(folder)).ensure(), url, runs)
        sweep = await ready(read_plan(text), parts)  # type: ignore[arg-type]
        began = time.perf_counter()
        async for _ in sweep.run(sweep.todo):
            pass
        seconds = time.perf_counter() - began
        sweep.close()
        assert parts.chat is not None
        await parts.chat.aclose()
        if sweep.failed or sweep.wanted:
            sys.exit(
                f"{sweep.failed} runs failed and {len(sweep.wanted)} were not made: {sweep.reason}"
            )
        return Took(seconds, sweep.charged.calls, sweep.charged.queries)


async def bare(url: str, calls: int) -> float:
    """Seconds of as many streamed calls by the client alone, 64 at once."""
    places = asyncio.Semaphore(PLACES)
    client = openai.AsyncOpenAI(
        base_url=url, api_key="none", max_retries=0, http_client=_direct(url)
    )

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


def against_bare(runs: int, turns: int) -> tuple[float, float]:
    """The best of some turns each, taken alternately, at the fast endpoint: sweep and client alone."""
    ours, theirs = [], []
    with serving(latency_s=0.2, at_once=PLACES) as endpoint:
        for _ in range(turns):
            theirs.append(asyncio.run(bare(endpoint.url, runs)))
            ours.append(asyncio.run(swept(ONE_CALL, endpoint.url, runs)).seconds)
    ideal = runs * 0.2 / PLACES
    print(
        f"200 ms endpoint: {runs} runs of 1 call in {min(ours):.1f} s, client alone {min(theirs):.1f} s "
        f"({min(theirs) / ideal:.2f} of ideal {ideal:.1f} s)"
    )
    return min(ours), min(theirs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where a promise is missed")
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--fast-runs", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=2)
    options = parser.parse_args()
    with suppress(AttributeError):
        print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    to_ideal = against_ideal(options.runs)
    ours, alone = against_bare(options.fast_runs, options.turns)
    print(f"ratio to ideal {to_ideal:.3f}, to the client alone {ours / alone:.3f}")
    print("inspect-ai is not among the locked packages: not compared")
    missed = []
    if to_ideal > PROMISE_IDEAL:
        missed.append(f"at most {PROMISE_IDEAL} of the ideal time")
    if ours / alone > PROMISE_BARE:
        missed.append(f"at most {PROMISE_BARE} of the client alone")
    if options.check and missed:
        sys.exit(f"promised: {' and '.join(missed)}")


if __name__ == "__main__":
    main()
