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
import random
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.dashboard import dashboard  # noqa: E402
from tests.visitor import Visitor, visit  # noqa: E402

PROMISE_S = 1.5
EVERY_S = 5.0
PAGE, DIALS = "quality-surface", "quality_dials"
PATIENCE_S = 120.0


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
    visitors = [await visit(address, PAGE, DIALS) for _ in range(sessions)]
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
