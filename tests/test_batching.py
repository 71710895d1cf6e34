"""Waiting searches become one call, and nobody notices but the clock."""

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import BadReply, Busy
from engine.retrieval.batching import Batched
from engine.run.ports import Query
from engine.types import Passage, Ranked


class Recorder:
    """Answers each query with itself; remembers the calls; holds them while `gate` is closed."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails: Exception | None = None
        self.short = False

    async def search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]:
        self.calls.append([q.text for q in queries])
        await self.gate.wait()
        if self.fails:
            raise self.fails
        found = [(Ranked(Passage(q.text, "", q.text), 1, 1.0),) for q in queries]
        return found[1:] if self.short else found


def answers(found: Sequence[tuple[Ranked, ...]]) -> list[str]:
    return [ranking[0].passage.id for ranking in found]


async def ask(batched: Batched, *texts: str) -> list[str]:
    return answers(await batched.search([Query(t, 3) for t in texts]))


async def until(condition) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0)


def test_searches_of_one_moment_become_one_call() -> None:
    async def main() -> None:
        inner = Recorder()
        batched = Batched(inner)
        found = await asyncio.gather(*(ask(batched, f"a{i}", f"b{i}") for i in range(5)))
        assert found == [[f"a{i}", f"b{i}"] for i in range(5)]
        assert len(inner.calls) == 1

    asyncio.run(main())


def test_a_search_alone_starts_at_once_and_later_ones_go_together() -> None:
    async def main() -> None:
        inner = Recorder()
        inner.gate.clear()
        batched = Batched(inner)
        first = asyncio.create_task(ask(batched, "first"))
        await until(lambda: inner.calls == [["first"]])
        rest = [asyncio.create_task(ask(batched, f"r{i}")) for i in range(3)]
        await asyncio.sleep(0.01)
        inner.gate.set()
        assert await first == ["first"]
        assert await asyncio.gather(*rest) == [["r0"], ["r1"], ["r2"]]
        assert inner.calls == [["first"], ["r0", "r1", "r2"]]

    asyncio.run(main())


def test_no_call_is_larger_than_allowed_unless_one_search_is() -> None:
    async def main() -> None:
        inner = Recorder()
        batched = Batched(inner, largest=4)
        wide = [f"w{i}" for i in range(9)]
        found = await asyncio.gather(
            ask(batched, *wide), *(ask(batched, f"s{i}") for i in range(6))
        )
        assert found[0] == wide and found[6] == ["s5"]
        assert [len(call) for call in inner.calls] == [9, 4, 2]

    asyncio.run(main())


def test_an_error_reaches_every_waiter_and_the_next_search_works() -> None:
    async def main() -> None:
        inner = Recorder()
        inner.fails = Busy("try again", retry_after_s=1)
        batched = Batched(inner)
        found = await asyncio.gather(*(ask(batched, t) for t in "abc"), return_exceptions=True)
        assert [type(f) for f in found] == [Busy] * 3
        inner.fails = None
        assert await ask(batched, "d") == ["d"]

    asyncio.run(main())


def test_a_reply_of_the_wrong_length_is_nobodys_answer() -> None:
    async def main() -> None:
        inner = Recorder()
        inner.short = True
        batched = Batched(inner)
        found = await asyncio.gather(*(ask(batched, t) for t in "ab"), return_exceptions=True)
        assert [type(f) for f in found] == [BadReply] * 2

    asyncio.run(main())


def test_cancelling_one_search_hurts_no_other() -> None:
    async def main() -> None:
        inner = Recorder()
        inner.gate.clear()
        batched = Batched(inner)
        tasks = [asyncio.create_task(ask(batched, t)) for t in "abc"]
        await until(lambda: inner.calls)
        late = [asyncio.create_task(ask(batched, t)) for t in "de"]
        await asyncio.sleep(0)
        tasks[1].cancel()
        late[0].cancel()
        await asyncio.sleep(0)
        inner.gate.set()
        found = await asyncio.gather(*tasks, *late, return_exceptions=True)
        assert found[0] == ["a"] and found[2] == ["c"] and found[4] == ["e"]
        assert isinstance(found[1], asyncio.CancelledError)
        assert inner.calls == [["a", "b", "c"], ["e"]]

    asyncio.run(main())


def test_nobody_waits_for_ever_when_the_work_itself_is_cancelled() -> None:
    async def main() -> None:
        inner = Recorder()
        inner.gate.clear()
        batched = Batched(inner)
        tasks = [asyncio.create_task(ask(batched, t)) for t in "ab"]
        await until(lambda: inner.calls)
        tasks.append(asyncio.create_task(ask(batched, "c")))
        await asyncio.sleep(0)
        batched._worker.cancel()
        async with asyncio.timeout(60):
            found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(f) for f in found] == [asyncio.CancelledError] * 3
        inner.gate.set()
        assert await ask(batched, "d") == ["d"]

    asyncio.run(main())


def test_no_queries_make_no_call() -> None:
    async def main() -> None:
        inner = Recorder()
        assert await ask(Batched(inner)) == []
        assert inner.calls == []

    asyncio.run(main())


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.lists(st.text(min_size=1, max_size=3), max_size=4), max_size=12), st.integers(1, 6)
)
def test_batched_equals_unbatched(searches: list[list[str]], largest: int) -> None:
    async def main() -> None:
        inner = Recorder()
        batched = Batched(inner, largest)
        found = await asyncio.gather(*(ask(batched, *texts) for texts in searches))
        assert found == searches
        assert sorted(sum(inner.calls, [])) == sorted(sum(searches, []))

    asyncio.run(main())
