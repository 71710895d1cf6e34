"""A clock that is made up: time passes only when nothing is left to do, so no machine is too slow or too fast.

    run(main())        as asyncio.run; what sleeps longer wakes later, whatever else the machine does meanwhile

For tests whose waiting is all in one event loop: threads, processes and sockets know nothing of this time.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Jumping(selectors.DefaultSelector):
    """Where a loop would wait for its next timer, the clock is put to it."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(min(timeout, 0) if timeout else timeout)
        if timeout and not ready:
            self.now += max(timeout, 0)
        return ready


def _loop() -> asyncio.AbstractEventLoop:
    selector = _Jumping()
    made = asyncio.SelectorEventLoop(selector)
    made.time = lambda: selector.now  # type: ignore[method-assign]
    return made


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """What it returns, or the error it raises."""
    with asyncio.Runner(loop_factory=_loop) as runner:
        return runner.run(main)
