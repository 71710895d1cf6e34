"""How many calls an endpoint is asked at once: as many as it answers well, found out while it is used.

Slow start doubles what is under way with every round of answers, and at least every quarter of a second that nothing
is refused, since a refusal comes at once where an answer takes long. When the endpoint says that it is busy, half of it
remains, and from then on it grows by one a round; `Retry-After` holds every call, not only the one that was told. After
many failures in a row the circuit opens: nothing is sent for a while, then one call at a time tries, and the first that
is answered closes it. Retries wait with jitter (tenacity). No reply is kept here: each call is one call.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import tenacity

from engine.errors import BadReply, Busy, CapReached, EndpointError, Unreachable
from engine.run.ports import Call, ChatModel
from engine.run.requests import Reply
from engine.sweeps.spend import CHARACTERS_A_TOKEN, Ledger, most_of
from engine.types import Usage

PASSING = (Busy, Unreachable, BadReply)
"""What another try may mend."""
FIRST = 16
"""Calls at once at the beginning."""
GROW_S = 0.25
"""A full endpoint that has refused nothing for so long is asked twice as much, while nothing ever failed."""
TRIES = 5
"""How often a call is made before its failure is one of the cell."""
WAIT_S = 0.5
"""About how long the first other try waits."""
LONGEST_HOLD_S = 120.0
"""An endpoint that asks for more patience than this is asked again after it."""


class GivenUp(EndpointError):
    """The circuit has been open for too long."""

    kind = "unreachable"


@dataclass
class Pace:
    """The places at one endpoint. Bound to one event loop."""

    most: int
    first: int = FIRST
    trip: int = 10
    """Failures in a row that open the circuit."""
    cool_s: float = 1.0
    """How long it stays open first; twice as long each time, up to a minute."""
    patience_s: float = 600.0
    """After so long without any answer calls fail at once, so that the sweep ends and can be resumed."""
    running: asyncio.Event | None = None
    """Calls wait while it is cleared: a pause."""
    faults: Counter[str] = field(default_factory=Counter)
    """Calls that failed, by kind; most were answered at another try."""

    def __post_init__(self) -> None:
        self.limit = float(min(self.first, self.most))
        self.under_way = 0
        self._growing = True
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._until = self._cut_at = 0.0
        self._growth: asyncio.TimerHandle | None = None
        self._failed_in_a_row = self._opened = 0
        self._first_failed = 0.0

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Wait for a place and hold it; how the call ends decides how many places there are."""
        began = await self._enter()
        try:
            yield
        except (Busy, Unreachable) as error:
            self._failed(error, began)
            raise
        except CapReached:
            raise
        except EndpointError as error:
            self.faults[error.kind] += 1
            raise
        else:
            self._answered()
        finally:
            self.under_way -= 1
            self._wake()

    # ------------------------------------------------------------------------------------- places

    async def _enter(self) -> float:
        loop = asyncio.get_running_loop()
        while True:
            if self.running is not None and not self.running.is_set():
                await self.running.wait()
            if self._opened and loop.time() - self._first_failed > self.patience_s:
                raise GivenUp(
                    f"the endpoint has answered nothing for {self.patience_s / 60:.0f} minutes; "
                    "resume the sweep when it is back"
                )
            if (held := self._until - loop.time()) > 0:
                await asyncio.sleep(held)
            elif self.under_way < int(self.limit):
                self.under_way += 1
                return loop.time()
            else:
                turn = loop.create_future()
                self._waiting.append(turn)
                self._grow_later()
                try:
                    await turn
                except asyncio.CancelledError:
                    self._wake()
                    raise

    def _wake(self) -> None:
        """As many of those that wait as there are places for."""
        free = int(self.limit) - self.under_way
        while free > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1

    def _grow_later(self) -> None:
        """While calls wait, look again in a moment whether none was refused."""
        if self._growing and self._growth is None and self.limit < self.most:
            self._growth = asyncio.get_running_loop().call_later(GROW_S, self._grow)

    def _grow(self) -> None:
        self._growth = None
        if self._growing and self._waiting and self.under_way >= int(self.limit):
            self.limit = min(float(self.most), 2 * self.limit)
            self._wake()
            if self._waiting:
                self._grow_later()

    # ------------------------------------------------------------------------------------- what it learns

    def _answered(self) -> None:
        self._failed_in_a_row = self._opened = 0
        step = 1.0 if self._growing else 1.0 / self.limit
        self.limit = min(float(self.most), self.limit + step)

    def _failed(self, error: Busy | Unreachable, began: float) -> None:
        now = asyncio.get_running_loop().time()
        self.faults[error.kind] += 1
        self._first_failed = self._first_failed if self._failed_in_a_row else now
        self._failed_in_a_row += 1
        if isinstance(error, Busy):
            self._until = max(self._until, now + min(error.retry_after_s or 0.0, LONGEST_HOLD_S))
        if began >= self._cut_at:  # those that were under way together are one piece of news
            self._growing, self._cut_at = False, now
            self.limit = max(1.0, min(self.limit, self.under_way) / 2)
        if self._failed_in_a_row >= self.trip:
            self._open(now)

    def _open(self, now: float) -> None:
        """Nothing for a while, then one at a time until one is answered."""
        cool = min(60.0, self.cool_s * 2**self._opened)
        if now >= self._until:
            self._opened += 1
            self._until = now + cool * random.uniform(0.75, 1.25)
        self.limit = 1.0

    @property
    def open(self) -> bool:
        """Whether the circuit is open."""
        return self._opened > 0


@dataclass
class Paced:
    """A ChatModel at its pace, on a sweep's account. Make one per trajectory."""

    inner: ChatModel
    name: str
    pace: Pace
    ledger: Ledger
    tries: int = field(default_factory=lambda: TRIES)
    wait_s: float = field(default_factory=lambda: WAIT_S)
    """The first wait before another try, about; it doubles, with jitter."""
    wasted: Usage = Usage()
    """Asked for by calls that failed, as far as the endpoint worked on them."""

    @property
    def capabilities(self) -> object:
        return getattr(self.inner, "capabilities", None)

    async def generate(self, call: Call, on_piece: Callable[[str], None] | None = None) -> Reply:
        """As ChatModel; CapReached when the sweep may spend no more."""
        try:
            return await self._once(call, on_piece)
        except PASSING as error:
            return await self._again(call, on_piece, error)

    async def _again(
        self, call: Call, on_piece: Callable[[str], None] | None, first: Exception
    ) -> Reply:
        """Further tries; the first has failed already. Most calls need none, so that nothing is set up for them."""
        failed = [first]

        async def attempt() -> Reply:
            if failed:
                raise failed.pop()
            return await self._once(call, on_piece)

        again = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(PASSING),
            stop=tenacity.stop_after_attempt(self.tries),
            wait=tenacity.wait_random_exponential(multiplier=2 * self.wait_s, max=30.0),
            reraise=True,
        )
        reply: Reply = await again(attempt)
        return reply

    async def _once(self, call: Call, on_piece: Callable[[str], None] | None) -> Reply:
        seen = 0

        def told(piece: str) -> None:
            nonlocal seen
            seen += 1
            if on_piece is not None:
                on_piece(piece)

        async with self.pace.place():
            sent = False
            try:
                async with self.ledger.call(self.name, most_of(call)):
                    sent = True
                    reply = await self.inner.generate(call, told)
            except (EndpointError, asyncio.CancelledError) as error:
                if sent and (
                    seen or isinstance(error, CapReached) or getattr(error, "billed", True)
                ):
                    self._waste(call, seen)
                raise
            self.ledger.add(self.name, reply.usage)
            return reply

    def _waste(self, call: Call, seen: int) -> None:
        """Count a call that was worked on and gave nothing: its prompt by length, and what had come of its reply."""
        letters = sum(len(m.content) for m in call.prompt)
        usage = Usage(int(letters / CHARACTERS_A_TOKEN), 0, min(seen, call.cap), calls=1)
        self.wasted += usage
        self.ledger.add(self.name, usage)
