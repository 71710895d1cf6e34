"""BM25 and the exact scan: what is shared is found, ties keep the order of the corpus."""

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine.retrieval.embedding import Hashed
from engine.retrieval.exact import Exact, searchable, top_rows
from engine.retrieval.lexical import Bm25
from engine.run.ports import Query, Retriever
from engine.types import Passage, Ranked

PASSAGES = [
    Passage("ash", "Ashwick", "A town of masons, founded in 1412."),
    Passage("salt", "Salt", "The salt trade passed Port Velm in spring."),
    Passage("velm", "Port Velm", "A harbour with 7 lighthouses."),
    Passage("twin", "Port Velm", "A harbour with 7 lighthouses."),
]


def search(retriever: Retriever, text: str, top_k: int = 3) -> tuple[Ranked, ...]:
    return asyncio.run(retriever.search([Query(text, top_k)]))[0]


def ids(found: tuple[Ranked, ...]) -> list[str]:
    return [r.passage.id for r in found]


@pytest.fixture(params=["bm25", "exact"])
def retriever(request: pytest.FixtureRequest) -> Retriever:
    if request.param == "bm25":
        return Bm25(PASSAGES)
    vectors = Hashed().embed([searchable(p) for p in PASSAGES])
    return Exact(PASSAGES, vectors, Hashed())


def test_the_passage_that_shares_the_words_comes_first(retriever: Retriever) -> None:
    found = search(retriever, "When was Ashwick founded?", top_k=1)
    assert ids(found) == ["ash"]
    assert found[0].rank == 1 and found[0].score > 0


def test_the_title_is_searched_too(retriever: Retriever) -> None:
    assert ids(search(retriever, "Port Velm", top_k=2)) == ["velm", "twin"]


def test_queries_are_answered_in_their_order_and_at_their_depth(retriever: Retriever) -> None:
    queries = [Query("Ashwick masons", 1), Query("salt trade", 2), Query("Ashwick masons", 0)]
    first, second, none = asyncio.run(retriever.search(queries))
    assert ids(first) == ["ash"] and ids(second)[0] == "salt"
    assert len(second) <= 2 and none == ()


def test_no_queries_give_no_answers(retriever: Retriever) -> None:
    assert asyncio.run(retriever.search([])) == []


def test_asking_for_more_than_there_is_gives_all_there_is(retriever: Retriever) -> None:
    found = search(retriever, "a town and a harbour with lighthouses in spring", top_k=100)
    assert 1 <= len(found) <= 4
    assert [r.rank for r in found] == list(range(1, len(found) + 1))
    assert [r.score for r in found] == sorted((r.score for r in found), reverse=True)


@pytest.mark.parametrize("text", ["", "   ", "zzyzx", "the of and", "\x00\ud800", "?!"])
def test_words_that_are_nowhere_find_nothing_by_bm25(text: str) -> None:
    assert search(Bm25(PASSAGES), text) == ()


def test_a_single_digit_is_a_word() -> None:
    assert ids(search(Bm25(PASSAGES), "7", top_k=1)) == ["velm"]


def test_bm25_over_passages_without_words_finds_nothing() -> None:
    assert search(Bm25([Passage("x", "", "!!!")]), "anything") == ()
    assert search(Bm25([]), "anything") == ()


def test_the_exact_scan_refuses_vectors_of_other_passages() -> None:
    with pytest.raises(ValueError, match="4 passages"):
        Exact(PASSAGES, Hashed().embed(["one"]), Hashed())


@given(
    arrays.arrays(np.float32, st.integers(0, 30), elements=st.sampled_from([0, 0.25, 0.5, 1])),
    st.integers(-1, 35),
)
def test_top_rows_equals_a_stable_sort(scores: np.ndarray, k: int) -> None:
    expected = sorted(range(len(scores)), key=lambda row: -scores[row])[: max(k, 0)]
    assert top_rows(scores, k).tolist() == expected
