"""The embedded children of one base as one model: each call goes to an idle child, so a sweep uses every core.

A child starts when a call finds no idle one, up to one a core, and again when it has died; children of several bases
share the cores. Which adapter answers is a field of each request, so one pool serves the model as it comes and all its
adapters. It does not know what a run is.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self
from weakref import WeakKeyDictionary

from budgetscape.embedded import EmbeddedServers
from budgetscape.weights import WHOLE, Base
from engine.errors import BadReply, UnknownName, Unreachable
from engine.models.capabilities import Capabilities
from engine.run.ports import Call
from engine.run.requests import Reply

if TYPE_CHECKING:
    from engine.models.openai import OpenAIChat

NAME = WHOLE.name
CALL_TIMEOUT_S = 600.0
CAPABILITIES = Capabilities(
    seed=True,
    logprobs=True,
    token_boundaries="timings",
    prefix_continuation="plain",
    think_control="hard",
)
"""What a probe of the embedded server finds; a test compares them."""


def _cores() -> int:
    """The cores that this process may use, where the system tells."""
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


class Cores:
    """So many children work at once, of whatever base."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count or _cores()
        self._free: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]
        self._free = WeakKeyDictionary()

    def free(self) -> asyncio.Semaphore:
        """Held while a child works, as the running loop knows them."""
        return self._free.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self.count))


class Pool:
    """The children of one process, shared by all embedded models and event loops.

    `adapters` maps names to files; every child loads them all. `cached`: a child reads on where a prompt begins like
    the one before, which is quicker and may differ in the last digits. `cores` may be shared with pools of other bases.
    """

    def __init__(
        self,
        adapters: Mapping[str, Path] | None = None,
        count: int | None = None,
        cached: bool = False,
        base: Base = WHOLE,
        cores: Cores | None = None,
    ) -> None:
        self.adapters, self.cached, self.base = dict(adapters or {}), cached, base
        self.cores = cores or Cores(count)
        self.count = self.cores.count
        self.servers = EmbeddedServers(list(self.adapters.values()), base)
        self._idle: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Queue[int]]
        self._idle = WeakKeyDictionary()

    def idle(self) -> asyncio.Queue[int]:
        """The numbers of the idle children, as the running loop knows them; the last used comes first."""
        loop = asyncio.get_running_loop()
        if loop not in self._idle:
            queue = asyncio.LifoQueue[int]()
            for number in reversed(range(self.count)):
                queue.put_nowait(number)
            self._idle[loop] = queue
        return self._idle[loop]

    def model(self, adapter: str | None = None) -> EmbeddedChat:
        """The model as it comes, or with one adapter; UnknownName when it is not there."""
        if adapter is not None and adapter not in self.adapters:
            raise UnknownName("adapter", adapter, self.adapters)
        return EmbeddedChat(self, adapter)

    def close(self) -> None:
        """End all children; a later call starts them again."""
        self.servers.close()


class EmbeddedChat:
    """A ChatModel over a pool. Bound to one event loop; `aclose` closes its connections, not the pool."""

    def __init__(self, pool: Pool, adapter: str | None) -> None:
        self.pool, self.name = pool, adapter or pool.base.name
        self.capabilities = CAPABILITIES
        self._extra_body = {
            "cache_prompt": pool.cached,
            "lora": [
                {"id": number, "scale": float(name == adapter)}
                for number, name in enumerate(pool.adapters)
            ],
        }
        self._clients: dict[str, OpenAIChat] = {}

    async def generate(self, call: Call, on_piece: Callable[[str], None] | None = None) -> Reply:
        """As ChatModel; waits for a free core. Where a child dies, another one is asked again, once."""
        async with self.pool.cores.free():
            return await self._by_idle(call, on_piece)

    async def _by_idle(self, call: Call, on_piece: Callable[[str], None] | None) -> Reply:
        idle = self.pool.idle()
        number = await idle.get()
        try:
            client = await self._client(number)
            try:
                return await client.generate(call, on_piece)
            except (Unreachable, BadReply):
                if self.pool.servers.alive(number):
                    raise
            return await (await self._client(number)).generate(call)
        finally:
            idle.put_nowait(number)

    async def _client(self, number: int) -> OpenAIChat:
        servers = self.pool.servers
        child = servers.get(number)
        if child is None:
            child = await asyncio.to_thread(servers.ensure, number)
        if child.url not in self._clients:
            from engine.models.openai import OpenAIChat  # takes a second: the client and its types

            self._clients[child.url] = OpenAIChat(
                child.url,
                self.name,
                api_key=child.key,
                timeout_s=CALL_TIMEOUT_S,
                capabilities=CAPABILITIES,
                extra_body=self._extra_body,
            )
        return self._clients[child.url]

    async def aclose(self) -> None:
        """Close the connections."""
        while self._clients:
            await self._clients.popitem()[1].aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()
