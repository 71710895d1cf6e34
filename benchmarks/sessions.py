"""Fifty people at once, each letting go of a dial every five seconds: how long the page takes to be up to date again.

The app as `make app` starts it, with the shipped sweeps, all on loopback. Each session speaks to the server as a
browser does, by its socket and its messages, and drags the dials of the quality surface, where every drag draws the
page again (on the live page a drag asks nobody). Printed are the seconds from letting go to the end of the rerun, for
one session alone and for all at once; an exception on the page or a lost connection is an error. The promise, on two
cores: no error, and p95 under 1.5 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks._dashboard import dashboard  # noqa: E402

PROMISE_S = 1.5
EVERY_S = 5.0
PAGE, DIALS = "quality-surface", "quality_dials"
LARGEST = 64 * 2**20
PATIENCE_S = 120.0


@dataclass
class Visitor:
    """One browser tab, as far as the server can tell."""

    socket: ClientConnection
    dials: str = ""
    """The id of the dials on the page."""
    levels: tuple[list[int], list[int]] = ([], [])
    held: set[str] = field(default_factory=set)
    """Hashes of the messages that need not be sent again."""
    errors: list[str] = field(default_factory=list)

    async def rerun(self, at: tuple[int, int] | None = None) -> float:
        """Let go of the dials there, or open the page; seconds until it is drawn."""
        message = BackMsg()
        asked = message.rerun_script
        asked.page_name = PAGE
        asked.cached_message_hashes.extend(self.held)
        if at is not None:
            state = asked.widget_states.widgets.add()
            state.id = self.dials
            state.json_value = json.dumps({"at": {"search": at[0], "think": at[1]}})
        began = time.perf_counter()
        await self.socket.send(message.SerializeToString())
        async with asyncio.timeout(PATIENCE_S):
            while not self._heard(ForwardMsg.FromString(await self.socket.recv(decode=False))):
                pass
        return time.perf_counter() - began

    def _heard(self, message: ForwardMsg) -> bool:
        """Whether this was the last message of a rerun."""
        if message.metadata.cacheable and message.hash:
            self.held.add(message.hash)
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            self.errors.append(element.exception.message)
        if kind == "bidi_component" and DIALS in element.bidi_component.id:
            self._learn(element.bidi_component)
        return message.WhichOneof("type") == "script_finished"

    def _learn(self, component: Any) -> None:
        told = json.loads(component.json)["dials"]
        self.dials = component.id
        self.levels = (told["search"]["levels"], told["think"]["levels"])


async def visit(address: str) -> Visitor:
    """A visitor who has the page before her."""
    url = address.replace("http", "ws", 1) + "/_stcore/stream"
    visitor = Visitor(await connect(url, subprotocols=["streamlit"], max_size=LARGEST))  # type: ignore[list-item]
    await visitor.rerun()
    assert visitor.dials, "the page has no dials"
    return visitor


async def drags(visitor: Visitor, count: int, dice: random.Random) -> list[float]:
    """Let go of a dial every few seconds, from a moment of her own on."""
    taken = []
    start = asyncio.get_running_loop().time() + dice.uniform(0, EVERY_S)
    for n in range(count):
        await asyncio.sleep(start + n * EVERY_S - asyncio.get_running_loop().time())
        taken.append(await visitor.rerun(tuple(dice.choice(levels) for levels in visitor.levels)))  # type: ignore[arg-type]
    return taken


async def measure(address: str, sessions: int, count: int) -> tuple[list[float], list[str]]:
    """Seconds of every drag, and what went wrong."""
    visitors = [await visit(address) for _ in range(sessions)]
    dice = [random.Random(n) for n in range(sessions)]
    told = await asyncio.gather(
        *(drags(v, count, d) for v, d in zip(visitors, dice, strict=True)), return_exceptions=True
    )
    errors = [repr(t) for t in told if isinstance(t, BaseException)]
    for visitor in visitors:
        errors += visitor.errors
        await visitor.socket.close()
    return [s for t in told if not isinstance(t, BaseException) for s in t], errors


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="fail where the promise does")
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--drags", type=int, default=6, help="of each session")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as home, dashboard(home) as address:
        alone, first = asyncio.run(measure(address, 1, 3))
        taken, errors = asyncio.run(measure(address, given.sessions, given.drags))
    p50, p95 = np.quantile(taken or [PATIENCE_S], [0.5, 0.95])
    print(f"one session: p50 {np.median(alone):.2f} s")
    print(
        f"{given.sessions} sessions, {len(taken)} drags: p50 {p50:.2f} s, p95 {p95:.2f} s, {len(errors)} errors"
    )
    print(f"ratio of p95 to one session: {p95 / np.median(alone):.1f}")
    for error in [*first, *errors][:5]:
        print(error, file=sys.stderr)
    return int(given.check and (bool(errors) or p95 > PROMISE_S))


if __name__ == "__main__":
    sys.exit(main())
