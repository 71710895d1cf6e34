"""Look-ups that several runs of a sweep make are made once: an index is only read, so its answers do not change.

Different strategies often begin with the question itself. Nothing that samples is remembered: a look-up has no seed.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.run.ports import Query, Retriever
from engine.types import Ranked

Passages = tuple[Ranked, ...]
MOST = 4096


@dataclass
class Remembered:
    """The last answers of an index, those under way included. Bound to one event loop."""

    inner: Retriever
    most: int = MOST
    _known: OrderedDict[Query, asyncio.Future[Passages]] = field(default_factory=OrderedDict)

    _asking: set[asyncio.Task[None]] = field(default_factory=set)

    async def ask(self, queries: Sequence[Query], asked: Callable[[int], None]) -> list[Passages]:
        """One answer a query; `asked` is told how many of them the index itself was asked for."""
        loop = asyncio.get_running_loop()
        missing = [q for q in dict.fromkeys(queries) if q not in self._known]
        if missing:
            asked(len(missing))
            self._known |= {q: loop.create_future() for q in missing}
            task = loop.create_task(self._look_up({q: self._known[q] for q in missing}))
            self._asking.add(task)  # of its own: who asked first may be cancelled, others wait too
            task.add_done_callback(self._asking.discard)
        waiting = [self._known[q] for q in queries]
        return [await asyncio.shield(future) for future in waiting]

    async def _look_up(self, wanted: dict[Query, asyncio.Future[Passages]]) -> None:
        try:
            found = await self.inner.search(list(wanted))
            for future, passages in zip(wanted.values(), found, strict=True):
                future.set_result(passages)
        except Exception as error:
            self._forget(wanted, error)
        while len(self._known) > self.most:
            self._known.popitem(last=False)

    def _forget(self, wanted: dict[Query, asyncio.Future[Passages]], error: Exception) -> None:
        """What failed is asked again next time; those who waited for it fail with it."""
        for query, future in wanted.items():
            self._known.pop(query, None)
            if not future.done():
                future.set_exception(error)
                future.exception()  # nobody need have waited


@dataclass
class Looking:
    """A Retriever for one trajectory that counts what it asked the index itself for."""

    shared: Remembered
    tell: Callable[[int], None] = lambda _: None
    asked: int = 0

    async def search(self, queries: Sequence[Query]) -> list[Passages]:
        return await self.shared.ask(queries, self._count)

    def _count(self, number: int) -> None:
        self.asked += number
        self.tell(number)
