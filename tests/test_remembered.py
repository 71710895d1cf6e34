"""A look-up that several trajectories make is made once, and counted once."""

import asyncio

import pytest

from engine.errors import Unreachable
from engine.retrieval.remembered import Looking, Remembered
from engine.run.ports import Query
from tests.clock import run as timed
from tests.fakes import Shelf


def q(text):
    return Query(text, 3)


class Slow(Shelf):
    def __init__(self, fails=0):
        super().__init__()
        self.fails = fails

    async def search(self, queries):
        await asyncio.sleep(0.01)
        if self.fails:
            self.fails -= 1
            raise Unreachable("the index is away")
        return await super().search(queries)


def test_equal_queries_are_asked_once_also_at_the_same_time_and_answers_are_those_of_the_index():
    inner = Slow()
    shared = Remembered(inner)

    async def run():
        lookers = [Looking(shared) for _ in range(3)]
        found = await asyncio.gather(*(x.search([q("a"), q("b"), q("a")]) for x in lookers))
        return found, [x.asked for x in lookers]

    found, asked = timed(run())
    assert sorted(x.text for x in inner.asked) == ["a", "b"]
    assert sum(asked) == 2
    fresh = asyncio.run(Shelf().search([q("a"), q("b"), q("a")]))
    assert found == [fresh] * 3


def test_another_number_of_passages_is_another_query():
    inner = Slow()
    asyncio.run(Looking(Remembered(inner)).search([Query("a", 1), Query("a", 2)]))
    assert len(inner.asked) == 2


def test_a_failure_reaches_all_who_waited_and_is_not_remembered():
    async def run():
        shared = Remembered(Slow(fails=1))
        both = await asyncio.gather(
            *(Looking(shared).search([q("a")]) for _ in range(2)), return_exceptions=True
        )
        assert [type(x) for x in both] == [Unreachable] * 2
        return await Looking(shared).search([q("a")])

    assert len(timed(run())[0]) == 3


def test_who_asked_first_may_be_cancelled_without_hurting_the_others():
    async def run():
        shared = Remembered(Slow())
        first = asyncio.create_task(Looking(shared).search([q("a")]))
        await asyncio.sleep(0)
        second = asyncio.create_task(Looking(shared).search([q("a")]))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await second

    assert len(timed(run())[0]) == 3


def test_only_the_last_ones_are_remembered():
    inner = Slow()
    shared = Remembered(inner, most=2)

    async def run():
        for text in ("a", "b", "c", "c", "a"):
            await Looking(shared).search([q(text)])

    timed(run())
    assert [x.text for x in inner.asked] == ["a", "b", "c", "a"]
