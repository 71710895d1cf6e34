"""Reciprocal rank fusion: many rankings, one order."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import Unreachable
from engine.retrieval.fusion import DEPTH, Fused, fuse
from engine.run.ports import Query
from engine.types import Passage, Ranked


def ranking(ids: Sequence[str]) -> tuple[Ranked, ...]:
    return tuple(Ranked(Passage(id, "", id), rank, 1.0 / rank) for rank, id in enumerate(ids, 1))


def ids(found: Sequence[Ranked]) -> str:
    return "".join(r.passage.id for r in found)


class Fixed:
    """Always the same ranking, to the depth that was asked."""

    def __init__(self, order: str) -> None:
        self.order, self.asked = order, []

    async def search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]:
        self.asked += queries
        return [ranking(self.order[: q.top_k]) for q in queries]


class Broken:
    async def search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]:
        raise Unreachable("the index cannot be reached")


def test_a_passage_found_twice_beats_one_found_first_once() -> None:
    assert ids(fuse([ranking("ab"), ranking("bc")], 3)) == "bac"


def test_the_score_is_the_sum_of_reciprocal_ranks() -> None:
    first = fuse([ranking("ab"), ranking("bc")], 1)[0]
    assert first.rank == 1
    assert first.score == pytest.approx(1 / 62 + 1 / 61)


def test_the_same_passage_twice_in_one_ranking_counts_once() -> None:
    assert fuse([ranking("aab")], 3)[0].score == pytest.approx(1 / 61)


@pytest.mark.parametrize("rankings", [[], [()], [(), ()]])
def test_nothing_found_stays_nothing(rankings: list[tuple[Ranked, ...]]) -> None:
    assert fuse(rankings, 5) == ()


orders = st.lists(st.permutations("abcdef").map("".join), min_size=1, max_size=4)


@given(orders)
def test_one_ranking_alone_keeps_its_order(rankings: list[str]) -> None:
    assert ids(fuse([ranking(rankings[0])], 6)) == rankings[0]


@given(orders, st.integers(0, 8))
def test_fewer_is_a_prefix_of_more(rankings: list[str], top_k: int) -> None:
    every = fuse([ranking(r) for r in rankings], 99)
    assert fuse([ranking(r) for r in rankings], top_k) == every[:top_k]
    assert [r.rank for r in every] == list(range(1, 7))


@given(st.permutations("abcdef"), st.integers(2, 4))
def test_agreeing_rankings_change_nothing(order: list[str], times: int) -> None:
    assert ids(fuse([ranking(order)] * times, 6)) == "".join(order)


def test_the_fused_retriever_reads_deeper_than_it_answers() -> None:
    one, other = Fixed("abcd"), Fixed("dbca")
    found = asyncio.run(Fused([one, other]).search([Query("q", 2), Query("r", 60)]))
    assert ids(found[0]) == "ba" and len(found[1]) == 4
    assert one.asked == [Query("q", DEPTH), Query("r", 60)] == other.asked


def test_the_fused_retriever_fails_when_a_part_fails() -> None:
    with pytest.raises(Unreachable):
        asyncio.run(Fused([Fixed("ab"), Broken()]).search([Query("q", 2)]))
