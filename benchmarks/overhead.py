"""What the harness adds to an endpoint: wall time of whole runs over the time that the endpoint and the index take.

The endpoint is a server on this machine that answers any chat request after a fixed time, token by token; the index
answers after a fixed time too. A run makes six calls and two queries, through the client, the driver and the memo, as
in a sweep. The promise is 1.15 for runs made alone; many at once are shown beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

from engine.models.openai import OpenAIChat
from engine.run.ports import Query
from engine.sweeps.trajectory import run_cells
from engine.types import Budget, Passage, Question, Ranked, RunConfig, Trace

PROMISE = 1.15
FIRST_TOKEN_S, TOKEN_S, TOKENS, INDEX_S = 0.2, 0.01, 12, 0.03
CALL_S = FIRST_TOKEN_S + (TOKENS - 1) * TOKEN_S
CALLS, QUERIES = 6, 2
IDEAL_S = CALLS * CALL_S + QUERIES * INDEX_S


# ------------------------------------------------------------------------------------------------ the endpoint


async def events(number: int) -> AsyncIterator[str]:
    """One streamed reply; every token has its own time, so that late ones do not add up."""
    began = time.monotonic()
    for n in range(TOKENS):
        await asyncio.sleep(began + FIRST_TOKEN_S + n * TOKEN_S - time.monotonic())
        choice = {"index": 0, "delta": {"content": f" w{number}-{n}"}, "finish_reason": None}
        yield _event({"choices": [choice]})
    yield _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    usage = {"prompt_tokens": 100, "completion_tokens": TOKENS, "total_tokens": 100 + TOKENS}
    yield _event({"choices": [], "usage": usage})
    yield "data: [DONE]\n\n"


def _event(body: dict[str, object]) -> str:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "fixed"}
    return f"data: {json.dumps(head | body)}\n\n"


def serve() -> None:
    """Serve on a free loopback port, tell it on stdout, end with the parent."""
    import socket
    import threading

    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import StreamingResponse
    from starlette.routing import Route

    numbers = itertools.count()

    async def complete(request: Request) -> StreamingResponse:
        await request.body()
        return StreamingResponse(events(next(numbers)), media_type="text/event-stream")

    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    app = Starlette(routes=[Route("/v1/chat/completions", complete, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
    sys.stdin.read()


@contextmanager
def endpoint() -> Iterator[str]:
    """The base address of a server in a process of its own, so that its work is not counted as ours."""
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin and child.stdout
        yield f"http://127.0.0.1:{int(child.stdout.readline())}/v1"
        child.stdin.close()


class Shelf:
    """A retriever that takes a fixed time."""

    async def search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]:
        await asyncio.sleep(INDEX_S)
        return [(Ranked(Passage("p", "Tern", "It was built in Pirnby."), 1, 1.0),) for _ in queries]


# ------------------------------------------------------------------------------------------------ the runs


async def one(model: OpenAIChat, number: int) -> float:
    """Seconds of one run: two look-ups with a sub-answer each, a last thought, the answer."""
    config = RunConfig("corag", "fixed", "shelf", Budget(QUERIES, 1000), {"length": QUERIES})
    question = Question(f"q{number}", f"Where was ship {number} built?", ("Pirnby",))
    began = time.perf_counter()
    done = await run_cells(question, config, [config.budget], model, Shelf())
    seconds = time.perf_counter() - began
    _as_planned(done.runs[0].trace)
    return seconds


def _as_planned(trace: Trace) -> None:
    if (trace.usage.calls, trace.usage.queries) != (CALLS, QUERIES):
        sys.exit(f"the run made {trace.usage.calls} calls and {trace.usage.queries} queries")


async def alone(url: str, runs: int) -> float:
    """The median ratio of runs one after another, after one that only opens the connection."""
    async with OpenAIChat(url, "fixed") as model:
        ratios = [await one(model, n) / IDEAL_S for n in range(runs + 1)]
    return statistics.median(ratios[1:])


async def together(url: str, runs: int) -> float:
    """The mean ratio of runs that all start at once."""
    async with OpenAIChat(url, "fixed", max_concurrency=runs) as model:
        await one(model, 0)
        return (
            statistics.mean(await asyncio.gather(*(one(model, n) for n in range(runs)))) / IDEAL_S
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help=f"fail above {PROMISE}")
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve()
    with endpoint() as url:
        print(f"ideal {IDEAL_S:.2f} s a run: {CALLS} calls of {CALL_S:.2f} s, {QUERIES} queries")
        for count in (4, 16):
            print(f"{count} at once: ratio {asyncio.run(together(url, count)):.3f}")
        ratio = asyncio.run(alone(url, options.runs))
    print(f"ratio {ratio:.3f}")
    if options.check and ratio > PROMISE:
        sys.exit(f"promised: at most {PROMISE}")


if __name__ == "__main__":
    main()
