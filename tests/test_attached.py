"""Somebody else's collection on a real Chroma server: asked as it is, checked, and never written to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import chromadb
import numpy as np
import pytest
from click.testing import CliRunner

from budgetscape.cli.main import cli
from engine.errors import BudgetscapeError, Damaged, InputError, UnknownName, Unreachable
from engine.retrieval.embedding import Hashed, MiniLM
from engine.run.ports import Query
from engine.types import Ranked
from store import attached
from store.attached import attach, collections_of
from store.chroma import close_client, open_client
from store.corpora import corpus_names
from store.home import Home
from store.index import build_index, index_names, index_recipe, index_report, open_retriever
from tests.chroma_server import running
from tests.serving import free_port

TRADES = ["masons", "weavers", "salters", "dyers"] * 8
TEXTS = [f"The {trade} of Velm counted {n} halls." for n, trade in enumerate(TRADES)]
HASHED = Hashed()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("theirs")) as address:
        client = open_client(address)
        fill(client, "theirs", HASHED.embed(TEXTS), "cosine", title="title")
        fill(
            client,
            "squared",
            HASHED.embed([f"T{n}\n{t}" for n, t in enumerate(TEXTS)]),
            "l2",
            title="name",
        )
        fill(client, "long", 3 * HASHED.embed(TEXTS), "l2")
        fill(client, "other", np.random.default_rng(0).normal(size=(32, 256)), "cosine")
        fill(client, "wide", np.ones((32, 12)), "cosine")
        client.create_collection("empty")
        client.create_collection("bare").add(ids=["x"], embeddings=[[1.0] * 256])
        default = client.create_collection(
            "default"
        )  # as most people make one: Chroma's own function
        default.add(
            ids=[str(n) for n in range(4)],
            documents=TEXTS[:4],
            embeddings=MiniLM().embed(TEXTS[:4]),
        )
        close_client(client)
        yield address


def fill(client: Any, name: str, vectors: Any, space: str, title: str = "") -> None:
    made = client.create_collection(
        name, configuration={"hnsw": {"space": space}}, embedding_function=None
    )
    about = [{title: f"T{n}", "n": n} for n in range(len(TEXTS))] if title else None
    made.add(
        ids=[str(n) for n in range(len(TEXTS))],
        embeddings=vectors,
        documents=TEXTS,
        metadatas=about,
    )


def search(home: Home, spec: str, text: str, embedder: Any = HASHED) -> tuple[Ranked, ...]:
    retriever = open_retriever(home, spec, embedder)
    try:
        return asyncio.run(retriever.search([Query(text, 3)]))[0]
    finally:
        retriever.close()


def contents(server: str) -> str:
    client = chromadb.HttpClient(*server.removeprefix("http://").split(":"))
    held = {c.name: (str(c.id), c.metadata, c.get()["ids"]) for c in client.list_collections()}
    close_client(client)
    return json.dumps(held, sort_keys=True)


@pytest.mark.parametrize(("name", "space"), [("theirs", "cosine"), ("squared", "l2")])
def test_an_attached_collection_answers_like_an_index_and_is_left_as_it_was(
    home: Home, server: str, name: str, space: str
):
    before = contents(server)
    report = attach(home, "mine", server, name, HASHED)
    assert (report.count, report.distance, report.recall_at_10) == (32, space, 1.0)
    assert index_names(home) == ["mine"] and corpus_names(home) == []
    asked = f"T5\n{TEXTS[5]}" if name == "squared" else TEXTS[5]
    best = search(home, "mine", asked)[0]
    assert (best.passage.text, best.passage.title, best.rank) == (TEXTS[5], "T5", 1)
    assert best.score == pytest.approx(1.0, abs=1e-3)
    assert index_recipe(home, "mine") == report.recipe
    assert "attached in" in str(index_report(home, "mine"))
    assert contents(server) == before


def test_a_collection_made_with_chromas_own_function_can_be_attached(home: Home, server: str):
    attach(home, "mine", server, "default", MiniLM())
    assert search(home, "mine", TEXTS[2], MiniLM())[0].passage.text == TEXTS[2]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("other", "was not embedded by hashed-trigrams: its vectors are"),
        ("wide", "has vectors of 12 dimensions; questions are embedded by hashed-trigrams in 256"),
        ("long", "compares by l2 and its vectors are not of length one"),
        ("empty", "'empty' is empty; fill it first"),
        ("bare", "passage 'x' has no document"),
        ("thiers", "did you mean 'theirs'"),
    ],
)
def test_what_cannot_be_asked_rightly_is_refused_in_one_line(
    home: Home, server: str, name: str, why: str
):
    with pytest.raises(InputError, match=why) as raised:
        attach(home, "mine", server, name, HASHED)
    assert "\n" not in str(raised.value)
    assert index_names(home) == [] and list(home.indexes.iterdir()) == []


def test_a_taken_name_a_bad_address_and_a_silent_one_are_refused(home: Home, server: str):
    attach(home, "mine", server, "theirs", HASHED)
    refused: list[tuple[tuple[str, str], type[BudgetscapeError], str]] = [
        (("mine", server), InputError, "the name 'mine' is taken"),
        (("other", "localhost"), InputError, "must look like http://host:port"),
        (("other", f"http://127.0.0.1:{free_port()}"), Unreachable, "is the Chroma server running"),
    ]
    for (name, address), kind, why in refused:
        with pytest.raises(kind, match=why):
            attach(home, name, address, "theirs", HASHED)


def test_a_collection_that_changes_afterwards_is_not_taken_for_the_same(home: Home, server: str):
    client = open_client(server)
    fill(client, "growing", HASHED.embed(TEXTS), "cosine")
    attach(home, "mine", server, "growing", HASHED)
    client.get_collection("growing", embedding_function=None).add(
        ids=["new"], embeddings=HASHED.embed(["n"]), documents=["n"]
    )
    with pytest.raises(Damaged, match="has changed on its server: 33 passages, attached with 32"):
        search(home, "mine", "masons")
    client.delete_collection("growing")
    with pytest.raises(UnknownName, match="collection 'growing' is not known"):
        search(home, "mine", "masons")
    close_client(client)


def test_what_needs_the_passages_here_says_so(home: Home, server: str):
    attach(home, "mine", server, "theirs", HASHED)
    for kind in ("bm25", "exact", "fused"):
        with pytest.raises(
            InputError, match="index 'mine' is attached: its passages stand on the server"
        ):
            open_retriever(home, f"mine:{kind}", HASHED)
    with pytest.raises(UnknownName, match="corpus 'mine' is not known"):
        build_index(home, "mine", HASHED)


def test_a_large_collection_is_attached_without_a_scan(home: Home, server: str, monkeypatch):
    monkeypatch.setattr(attached, "MOST_MEASURED", 10)
    assert attach(home, "mine", server, "theirs", HASHED).recall_at_3 is None
    assert "recall not measured; 32 passages" in str(index_report(home, "mine"))


def test_the_command_lists_and_attaches(home: Home, server: str):
    def run(*words: str) -> str:
        done = CliRunner().invoke(cli, ["attach", server, *words], catch_exceptions=False)
        assert done.exit_code == 0
        return done.output

    assert "theirs" in run() and len(collections_of(server)) >= 7
    assert "index mine: recall@3" in run("--collection", "default", "--name", "mine")
    assert index_report(home, "mine").server == server
