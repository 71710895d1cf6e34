"""An endpoint on this machine that answers any chat request after a fixed time, and fails as often as it is told.

    with serving(latency_s=1.0, at_once=64) as endpoint: ...endpoint.url..., endpoint.tally()

It runs in a process of its own, so that its work is not counted as ours, and speaks HTTP by hand, so that there is
little of it. What it says follows from the prompt, the seed and the stop strings alone, token by token. Faults follow
from a seed and the number of the call: 429, 500, a hang, a cut stream, garbage in the place of JSON, wrong counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from engine.identity import content_hash
from engine.models.scripted import speak, split

FAULTS = ("429", "500", "hang", "cut", "garbage", "counts")
WRONG_COUNTS: tuple[Any, ...] = (-1, 10**9, "many", None)
WORDS = [
    "the",
    "guild",
    "of",
    "Pirnby",
    "was",
    "founded",
    "by",
    "its",
    "first",
    "keeper",
    "in",
    "Varnholm",
]
Body = dict[str, Any]


def reply_to(body: Body) -> str:
    """What is said: it follows from what is asked, never from the cap."""
    dice = random.Random(content_hash([body["messages"], body.get("stop"), body.get("seed")]))
    return " ".join(dice.choices(WORDS, k=dice.randint(3, 12)))


@dataclass
class Server:
    """What the process does."""

    latency_s: float
    at_once: int
    faults: float
    seed: int
    hang_s: float
    tally: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._places = asyncio.Semaphore(self.at_once)

    async def serve(self) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tally["connections"] += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        if head.startswith("get"):
            _send(writer, json.dumps(self.tally).encode(), "application/json")
            return True
        length = next(int(r[15:]) for r in head.split("\r\n") if r.startswith("content-length:"))
        body = json.loads(await reader.readexactly(length))
        if not body.get("stream"):
            async with self._places:
                await asyncio.sleep(self.latency_s)
            _send(writer, json.dumps(_whole(body)).encode(), "application/json")
            return True
        self.tally["calls"] += 1
        dice = random.Random(f"{self.seed} {self.tally['calls']}")
        fault = dice.choice(FAULTS) if dice.random() < self.faults else ""
        async with self._places:
            if fault not in ("429", "500"):
                await asyncio.sleep(self.latency_s)
            return await self._answer(body, fault, dice, writer)

    async def _answer(
        self, body: Body, fault: str, dice: random.Random, writer: asyncio.StreamWriter
    ) -> bool:
        self.tally[fault or "whole"] += 1
        if fault in ("429", "500"):
            after = "Retry-After: 0\r\n" if fault == "429" else ""
            _send(writer, b'{"error": {"message": "not now"}}', "application/json", fault, after)
            return True
        said = speak(
            reply_to(body), body.get("max_tokens") or 1 << 20, tuple(body.get("stop") or ())
        )
        asked = sum(len(split(m["content"])) + 4 for m in body["messages"])
        told = {"prompt_tokens": asked, "completion_tokens": len(said.pieces)}
        if fault == "counts":
            told["completion_tokens"] = dice.choice(WRONG_COUNTS)
        rows = [_piece(p, body) for p in said.pieces]
        if fault == "garbage":
            rows.insert(len(rows) // 2, '{"choices": [{"delta"')
        ending = [_chunk({}, "stop" if said.stopped else "length"), _counts(told), "[DONE]"]
        whole = "".join(f"data: {r}\n\n" for r in [*rows, *ending]).encode()
        sent = whole[: len(whole) * 2 // 3] if fault == "cut" else whole
        self.tally["completion"] += len(said.pieces) if fault in ("", "counts") else 0
        if fault == "hang":
            await asyncio.sleep(self.hang_s)
            return False
        _send(writer, sent, "text/event-stream", length=len(whole))
        await writer.drain()
        return fault != "cut"


def _send(
    writer: asyncio.StreamWriter,
    body: bytes,
    kind: str,
    status: str = "200",
    more: str = "",
    length: int = -1,
) -> None:
    size = len(body) if length < 0 else length
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n{more}\r\n"
    writer.write(head.encode() + body)


def _piece(text: str, body: Body) -> str:
    logprobs = {
        "content": [
            {"token": text, "bytes": list(text.encode()), "logprob": -0.5, "top_logprobs": []}
        ]
    }
    return _chunk({"content": text}, None, logprobs if body.get("logprobs") else None)


def _whole(body: Body) -> Body:
    """A reply in one piece, as probes ask for it; these take their time and never fail."""
    said = speak(reply_to(body), body.get("max_tokens") or 16, tuple(body.get("stop") or ()))
    text = "".join(said.pieces)
    logprobs = json.loads(_piece("x", body))["choices"][0]["logprobs"]
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "logprobs": logprobs}
    usage = {"prompt_tokens": 1, "completion_tokens": len(said.pieces), "total_tokens": 1}
    head = {"id": "c", "object": "chat.completion", "created": 0, "model": "fixed"}
    return {**head, "choices": [{**choice, "finish_reason": "stop"}], "usage": usage}


def _chunk(delta: Body, finish: str | None, logprobs: Body | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": logprobs}
    return _body({"choices": [choice]})


def _counts(told: Body) -> str:
    return _body({"choices": [], "usage": {**told, "total_tokens": 0}})


def _body(more: Body) -> str:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "fixed"}
    return json.dumps(head | more)


# ------------------------------------------------------------------------------------------- from outside


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that is up."""

    url: str

    def tally(self) -> dict[str, int]:
        """What it was asked and how it answered, by kind."""
        with urllib.request.urlopen(f"{self.url}/tally", timeout=120) as answer:
            told: dict[str, int] = json.load(answer)
            return told


@contextmanager
def serving(
    latency_s: float = 0.0,
    at_once: int = 10_000,
    faults: float = 0.0,
    seed: int = 0,
    hang_s: float = 3600.0,
) -> Iterator[Endpoint]:
    """A server in a child that ends with the parent."""
    numbers = [str(v) for v in (latency_s, at_once, faults, seed, hang_s)]
    command = [sys.executable, __file__, *numbers]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin and child.stdout
        try:
            yield Endpoint(f"http://127.0.0.1:{int(child.stdout.readline())}/v1")
        finally:
            child.stdin.close()
            child.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("numbers", nargs=5)
    latency_s, at_once, faults, seed, hang_s = parser.parse_args().numbers
    server = Server(float(latency_s), int(at_once), float(faults), int(seed), float(hang_s))
    asyncio.run(server.serve())


if __name__ == "__main__":
    main()
