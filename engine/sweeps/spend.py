"""What a sweep may spend, and what it has spent: counted where the calls are made, so that a cap cannot be passed.

Before a call its most is set aside (the prompt, and as many tokens as it may generate); afterwards what it really took
replaces that. While what others have set aside stands in the way a call waits; when it could not be paid even then, it
is refused with CapReached. Calls that failed count as far as they were worked on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from pydantic import BaseModel, ConfigDict, Field

from engine.errors import CapReached
from engine.run.ports import Call
from engine.types import Usage

CHARACTERS_A_TOKEN = 3.0
"""Fewer than real prompts have, so that what is set aside is rather too much."""
Prices = Callable[[str, Usage], float | None]


class Caps(BaseModel):
    """The most that a sweep may spend over all its starts; None is no cap."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cost: float | None = Field(None, gt=0, allow_inf_nan=False)
    """In the currency of the price cards."""
    tokens: int | None = Field(None, gt=0)
    """Input and generated."""
    minutes: float | None = Field(None, gt=0, allow_inf_nan=False)
    """Of running; a pause does not count."""

    @property
    def any(self) -> bool:
        return any(v is not None for v in (self.cost, self.tokens, self.minutes))


@dataclass(frozen=True, slots=True)
class Spend:
    """What was really asked of endpoints; adds up."""

    usage: Usage = Usage()
    cost: float | None = 0.0
    """None while any price is unknown."""
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        return self.usage.input_tokens + self.usage.completion_tokens

    def __add__(self, other: Spend) -> Spend:
        unknown = self.cost is None or other.cost is None
        return Spend(
            self.usage + other.usage,
            None if unknown else (self.cost or 0.0) + (other.cost or 0.0),
            self.seconds + other.seconds,
        )

    def times(self, n: float) -> tuple[float, float]:
        """Tokens and cost of `n` like this; an unknown cost is none."""
        return self.tokens * n, (self.cost or 0.0) * n


def most_of(call: Call) -> Usage:
    """The most a call can take, by the length of its prompt and its cap."""
    letters = sum(len(m.content) + 16 for m in call.prompt) + len(call.score_text or "")
    return Usage(int(letters / CHARACTERS_A_TOKEN) + 1, 0, max(1, call.cap), calls=1)


@dataclass
class Ledger:
    """The spending of one sweep. Bound to one event loop."""

    caps: Caps = Caps()
    prices: Prices = lambda _, __: None
    before: Spend = Spend()
    """What earlier starts of the sweep have spent."""
    clock: Callable[[], float] = time.monotonic
    spent: Spend = Spend()
    """By this start, its seconds left out."""
    closed: str = ""
    """Why no further call is made."""
    held: dict[int, tuple[int, float]] = field(default_factory=dict)
    _freed: asyncio.Event = field(default_factory=asyncio.Event)
    _timeouts: set[asyncio.Timeout] = field(default_factory=set)
    _ran: float = 0.0
    _since: float | None = None

    # ------------------------------------------------------------------------------------- time

    def start(self) -> None:
        """Let the clock run."""
        if self._since is None:
            self._since = self.clock()
            for running in self._timeouts:
                running.reschedule(self._deadline())

    def pause(self) -> None:
        """Stop the clock."""
        self._ran, self._since = self.seconds, None

    @property
    def seconds(self) -> float:
        """Of running, by this start."""
        return self._ran + (0.0 if self._since is None else self.clock() - self._since)

    @property
    def total(self) -> Spend:
        """By all starts."""
        return replace(self.spent, seconds=self.seconds) + self.before

    @property
    def seconds_left(self) -> float | None:
        if self.caps.minutes is None:
            return None
        return self.caps.minutes * 60 - self.total.seconds

    def _deadline(self) -> float | None:
        if self.seconds_left is None:
            return None
        return asyncio.get_running_loop().time() + max(0.0, self.seconds_left)

    # ------------------------------------------------------------------------------------- spending

    def close(self, why: str) -> None:
        """No further call, and those under way end now."""
        self.closed = self.closed or why
        self._freed.set()
        for running in self._timeouts:
            with suppress(RuntimeError):  # one that is ending already
                running.reschedule(0)

    def check(self) -> None:
        """CapReached when nothing more may be spent."""
        if not self.closed and (why := self.reached()):
            self.close(why)
        if self.closed:
            raise CapReached(self._said())

    def add(self, model: str, usage: Usage) -> None:
        """Something was asked for."""
        self.spent += Spend(usage, self.prices(model, usage))

    @asynccontextmanager
    async def call(self, model: str, most: Usage) -> AsyncIterator[None]:
        """Set aside the most that a call can take while it is under way, and end it when a cap or a person says so."""
        key = await self._reserve(model, most)
        try:
            async with asyncio.timeout_at(self._deadline()) as running:
                self._timeouts.add(running)
                try:
                    yield
                finally:
                    self._timeouts.discard(running)
        except TimeoutError:
            if not running.expired():
                raise
            self.close(
                f"its {self.caps.minutes:g} minutes are over" if self.caps.minutes else "stopped"
            )
            raise CapReached(self._said()) from None
        finally:
            self.held.pop(key, None)
            self._freed.set()

    async def _reserve(self, model: str, most: Usage) -> int:
        tokens, cost = most.input_tokens + most.completion_tokens, self.prices(model, most) or 0.0
        while not self.closed and not self.fits(tokens, cost):
            if not self.held:
                self.close(self.reached(tokens, cost))
                break
            self._freed.clear()
            await self._freed.wait()
        if self.closed:
            raise CapReached(self._said())
        key = max(self.held, default=0) + 1
        self.held[key] = (tokens, cost)
        return key

    def fits(self, tokens: float, cost: float) -> bool:
        """Whether so much more can be spent beside what is set aside."""
        held = self.held.values()
        return not self.reached(tokens + sum(t for t, _ in held), cost + sum(c for _, c in held))

    def reached(self, tokens: float = 0, cost: float = 0.0) -> str:
        """Which cap so much more would pass, in words; empty when none."""
        total, caps = self.total, self.caps
        if caps.tokens is not None and total.tokens + tokens > caps.tokens:
            return f"its cap of {caps.tokens:,} tokens is reached"
        if caps.cost is not None and (total.cost is None or total.cost + cost > caps.cost):
            return f"its cap of {caps.cost:g} is reached"
        if self.seconds_left is not None and self.seconds_left <= 0:
            return f"its {caps.minutes:g} minutes are over"
        return ""

    def wraps_up(self, typical: Spend, under_way: int) -> str:
        """Why no further trajectory should start: with those under way it would pass a cap. Empty when it may."""
        tokens, cost = typical.times(under_way + 1)
        if self.seconds_left is not None and typical.seconds > self.seconds_left:
            return f"the next one would not be done within its {self.caps.minutes:g} minutes"
        return self.closed or self.reached(tokens, cost)

    def _said(self) -> str:
        return f"the sweep made no further call: {self.closed}"
