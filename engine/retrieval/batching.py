"""Searches that wait at the same moment become one call.

Hundreds of runs share one index; each would pay an embedding call and a thread for itself. A search
that comes alone starts at once; those that arrive while a call is under way go together in the
next. Nothing is remembered: the memo does that, run by run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from engine.errors import BadReply
from engine.run.ports import Query, Retriever
from engine.types import Ranked

Found = list[tuple[Ranked, ...]]
_Waiting = tuple[tuple[Query, ...], "asyncio.Future[Found]"]


class Batched:
    """The inner retriever with waiting searches merged, at most `largest` queries a call, on one
    event loop.

    What the inner retriever raises reaches everyone who waited for that call. A cancelled search
    hurts no other.
    """

    def __init__(self, inner: Retriever, largest: int = 64) -> None:
        self._inner, self._largest = inner, largest
        self._waiting: list[_Waiting] = []
        self._worker: asyncio.Task[None] | None = None

    async def search(self, queries: Sequence[Query]) -> Found:
        if not queries:
            return []
        answer: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.append((tuple(queries), answer))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await answer

    async def _work(self) -> None:
        batch: list[_Waiting] = []
        try:
            while batch := self._take():
                await self._answer(batch)
        finally:
            for _, answer in (*batch, *self._waiting):
                answer.cancel()
            self._waiting = []

    def _take(self) -> list[_Waiting]:
        """The searches that go together, those that nobody waits for any more left out; one at
        least.
        """
        waiting = [w for w in self._waiting if not w[1].done()]
        count = total = 0
        for queries, _ in waiting:
            total += len(queries)
            if count and total > self._largest:
                break
            count += 1
        self._waiting = waiting[count:]
        return waiting[:count]

    async def _answer(self, batch: list[_Waiting]) -> None:
        queries = [query for several, _ in batch for query in several]
        try:
            found = await self._inner.search(queries)
            if len(found) != len(queries):
                raise BadReply(f"the index gave {len(found)} answers to {len(queries)} queries")
        except Exception as error:
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            return
        for several, answer in batch:
            mine, found = found[: len(several)], found[len(several) :]
            if not answer.done():
                answer.set_result(mine)
