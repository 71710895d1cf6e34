"""Indexes: built beside, checked, swapped in whole, checked again on every open."""

import asyncio
import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import chromadb
import numpy as np
import pytest

from engine.errors import (
    BadReply,
    Busy,
    Damaged,
    InputError,
    StoreError,
    StoreHeld,
    UnknownName,
    Unreachable,
)
from engine.retrieval.embedding import Hashed
from engine.run.ports import Query, Retriever
from engine.types import Passage, Ranked
from store import chroma
from store.chroma import ChromaEmbedding
from store.corpora import load_corpus, save_corpus
from store.home import Home
from store.index import (
    build_index,
    index_names,
    index_recipe,
    index_report,
    open_index,
    open_retriever,
)
from store.index_record import checked_address
from store.recall import measure
from tests.chroma_server import running
from tests.serving import free_port

PLACES = ["Ashwick", "Velm", "Torrin", "Oskhaven", "Lirren", "Dunmoor", "Pelby", "Hask"]
TRADES = ["masons", "weavers", "salters", "coopers", "dyers", "glovers", "tanners", "smiths"]
PASSAGES = [
    Passage(
        f"{place}-{trade}",
        f"{place} {trade}",
        f"The {trade} of {place} \x00 counted {n + m} halls.",
    )
    for n, place in enumerate(PLACES)
    for m, trade in enumerate(TRADES)
]


class Renamed(Hashed):
    name = "another"


class Changed(Hashed):
    fingerprint = "hashed-trigrams-256-v2"


class Narrow(Hashed):
    dimension = 128


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("built")).ensure()
    save_corpus(home, "world", PASSAGES)
    build_index(home, "world", Hashed())
    return home


@pytest.fixture
def home(built: Home, tmp_path: Path) -> Home:
    """A home of one's own with the index built."""
    return Home(Path(shutil.copytree(built.root, tmp_path / "home")))


def search(retriever: Retriever, text: str, top_k: int = 3) -> tuple[Ranked, ...]:
    return asyncio.run(retriever.search([Query(text, top_k)]))[0]


def ids(found: tuple[Ranked, ...]) -> list[str]:
    return [r.passage.id for r in found]


def builds(home: Home) -> list[str]:
    return sorted(p.name for p in (home.indexes / "world").glob("build-*"))


def first(home: Home, text: str = "masons of Ashwick") -> Passage:
    retriever = open_index(home, "world", Hashed())
    try:
        return search(retriever, text, 1)[0].passage
    finally:
        retriever.close()


def test_an_index_finds_the_passage_and_gives_it_back_unchanged(built: Home) -> None:
    retriever = open_index(built, "world", Hashed())
    found = search(retriever, "How many halls did the masons of Ashwick count?")
    assert found[0].passage == PASSAGES[0]
    assert [r.rank for r in found] == [1, 2, 3]
    assert 1 >= found[0].score > found[1].score
    retriever.close()


def test_the_report_says_what_was_built_and_how_well_it_finds(built: Home) -> None:
    report = index_report(built, "world")
    assert (report.count, report.embedding, report.dimension) == (64, "hashed-trigrams", 256)
    assert report.corpus_hash == load_corpus(built, "world").hash
    assert (report.found_itself, report.recall_at_3, report.recall_at_10) == (1.0, 1.0, 1.0)
    assert "recall@10 1.000" in str(report)
    assert index_names(built) == ["world"]


def test_many_queries_are_one_call_each_at_its_own_depth(built: Home) -> None:
    retriever = open_index(built, "world", Hashed())
    calls, query = [], retriever._collection.query
    retriever._collection.query = lambda **a: calls.append(a) or query(**a)
    depths = [1, 0, 200, 3]
    found = asyncio.run(retriever.search([Query("weavers of Velm", k) for k in depths]))
    assert [len(f) for f in found] == [1, 0, 64, 3]
    assert ids(found[2])[:3] == ids(found[3])
    assert len(calls) == 1
    assert asyncio.run(retriever.search([Query("x", 0)])) == [()]
    assert asyncio.run(retriever.search([])) == []
    assert len(calls) == 1
    retriever.close()


@pytest.mark.parametrize("text", ["", "\x00", "\ud800", "word " * 3000])
def test_no_query_text_breaks_the_index(built: Home, text: str) -> None:
    retriever = open_index(built, "world", Hashed())
    assert len(search(retriever, text)) == 3
    retriever.close()


def test_progress_counts_every_passage_embedded_and_stored(home: Home) -> None:
    save_corpus(home, "other", PASSAGES)
    told: list[tuple[int, int]] = []
    build_index(home, "other", Hashed(), lambda done, of: told.append((done, of)))
    assert told == [(32, 128), (63, 128), (64, 128), (128, 128)]


def test_building_the_same_again_changes_nothing(home: Home) -> None:
    before, report = builds(home), index_report(home, "world")
    assert build_index(home, "world", Hashed()) == report
    assert builds(home) == before


def test_a_new_corpus_is_refused_until_the_index_is_built_again(home: Home) -> None:
    save_corpus(home, "world", PASSAGES[1:])
    for spec in ("world", "world:exact", "world:fused"):
        with pytest.raises(
            Damaged, match="corpus has changed .* rebuild it with `budgetscape index`"
        ):
            open_retriever(home, spec, Hashed())
    assert build_index(home, "world", Hashed()).count == 63
    assert first(home).id != "Ashwick-masons"


@pytest.mark.parametrize("other", [Renamed(), Changed(), Narrow()], ids=["name", "hash", "width"])
def test_another_embedding_is_refused_with_the_way_out(home: Home, other: Hashed) -> None:
    for spec in ("world", "world:exact"):
        with pytest.raises(Damaged, match="built with embedding .* rebuild it with"):
            open_retriever(home, spec, other)


def test_readers_keep_the_old_index_while_a_new_one_takes_its_place(home: Home) -> None:
    reader, old = open_index(home, "world", Hashed()), builds(home)
    save_corpus(home, "world", PASSAGES[1:])
    build_index(home, "world", Hashed())
    assert ids(search(reader, "masons of Ashwick", 1)) == ["Ashwick-masons"]
    reader.close()
    save_corpus(home, "world", PASSAGES[2:])
    build_index(home, "world", Hashed())
    assert len(builds(home)) == 2 and not set(old) & set(builds(home))


def test_an_index_that_loses_passages_is_not_taken(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = builds(home)
    save_corpus(home, "world", PASSAGES[1:])
    add = chroma.add

    def shuffled(collection, passages, vectors) -> None:
        add(collection, passages, np.roll(vectors, 1, axis=0))

    monkeypatch.setattr("store.index.add", shuffled)
    with pytest.raises(Damaged, match="found only 0% of its own passages; the old index stays"):
        build_index(home, "world", Hashed())
    assert builds(home) == before


def test_a_missed_neighbour_lowers_the_recall(built: Home) -> None:
    class Forgetful:
        """Finds the best passage and then the worst."""

        def query(self, query_embeddings, n_results: int, include) -> dict:
            order = np.argsort(-(query_embeddings @ vectors.T), axis=1)
            keep = np.concatenate([order[:, :1], order[:, ::-1][:, : n_results - 1]], axis=1)
            return {"ids": [[PASSAGES[i].id for i in row] for row in keep]}

    vectors = Hashed().embed([p.title + p.text for p in PASSAGES])
    found = measure(Forgetful(), [p.id for p in PASSAGES], vectors)
    assert found.itself == 1.0
    assert 0.33 < found.at_3 < 0.5 and 0.1 <= found.at_10 < 0.3


# ---------------------------------------------------------------------------------- faults and kills


@pytest.mark.parametrize("damage", ["no folder", "no database", "torn database", "torn record"])
def test_a_damaged_index_is_one_line_and_building_again_repairs_it(home: Home, damage: str) -> None:
    folder = home.indexes / "world" / index_report(home, "world").place
    if damage == "no folder":
        shutil.rmtree(folder)
    elif damage == "no database":
        (folder / "chroma.sqlite3").unlink()
    elif damage == "torn database":
        (folder / "chroma.sqlite3").write_bytes(b"not a database" * 100)
    else:
        (home.indexes / "world" / "current.json").write_text('{"name": "wor')
    with pytest.raises(Damaged, match="`budgetscape index`") as raised:
        open_index(home, "world", Hashed())
    assert "\n" not in str(raised.value)
    build_index(home, "world", Hashed())
    assert first(home).id == "Ashwick-masons"


def test_a_collection_that_was_tampered_with_is_refused(home: Home) -> None:
    report = index_report(home, "world")
    client = chromadb.PersistentClient(
        home.indexes / "world" / report.place, chroma.Settings(anonymized_telemetry=False)
    )
    client.get_collection(report.collection).delete(ids=["Ashwick-masons"])
    client.close()
    with pytest.raises(Damaged, match="holds 63 passages"):
        open_index(home, "world", Hashed())


def test_a_record_that_disagrees_with_its_collection_is_refused(home: Home) -> None:
    record = home.indexes / "world" / "current.json"
    said = json.loads(record.read_text()) | {"distance": "l2"}
    record.write_text(json.dumps(said))
    with pytest.raises(Damaged, match="distance cosine, not l2"):
        open_index(home, "world", Hashed())


def test_names_that_are_not_there_are_answered_with_the_nearest(built: Home) -> None:
    with pytest.raises(UnknownName, match="index 'wold' is not known; did you mean 'world'"):
        open_retriever(built, "wold", Hashed())
    with pytest.raises(UnknownName, match="kind of index 'exakt' .* did you mean 'exact'"):
        open_retriever(built, "world:exakt", Hashed())
    with pytest.raises(UnknownName, match="corpus 'wold'"):
        build_index(built, "wold", Hashed())
    with pytest.raises(InputError, match="letters, digits"):
        open_retriever(built, "../world", Hashed())


def test_two_builds_of_one_index_do_not_meet(home: Home) -> None:
    def again(_: int, __: int) -> None:
        with pytest.raises(StoreHeld, match="being built already; wait"):
            build_index(home, "world", Hashed())

    save_corpus(home, "world", PASSAGES[1:])
    assert build_index(home, "world", Hashed(), again).count == 63


def test_a_disk_without_room_for_the_lock_is_one_line(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    with pytest.raises(StoreError, match="Read-only file system; free some space"):
        build_index(home, "world", Hashed())


def build_slowly(root: Path, ready: Path) -> None:
    def held(done: int, of: int) -> None:
        if done > of // 2:
            ready.touch()
            time.sleep(60)

    build_index(Home(root), "world", Hashed(), held)


def test_a_build_killed_halfway_leaves_the_old_index_and_the_next_cleans_up(home: Home) -> None:
    save_corpus(home, "fresh", PASSAGES)
    ready = home.root / "ready"
    save_corpus(home, "world", PASSAGES[1:])
    builder = multiprocessing.get_context("spawn").Process(
        target=build_slowly, args=(home.root, ready)
    )
    builder.start()
    while not ready.exists():
        assert builder.is_alive()
        time.sleep(0.05)
    os.kill(builder.pid, signal.SIGKILL)
    builder.join()
    assert len(builds(home)) == 2
    save_corpus(home, "world", PASSAGES)
    assert first(home).id == "Ashwick-masons"
    save_corpus(home, "world", PASSAGES[1:])
    report = build_index(home, "world", Hashed())
    assert report.count == 63 and report.place in builds(home) and len(builds(home)) == 2


def test_on_a_read_only_disk_a_copy_is_read(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = home.indexes / "world" / index_report(home, "world").place
    before = (folder / "chroma.sqlite3").read_bytes()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert first(home).id == "Ashwick-masons"
    assert (folder / "chroma.sqlite3").read_bytes() == before
    assert list(tmp_path.glob("budgetscape-index-*/index/chroma.sqlite3"))


READER = """
import asyncio, sys
from pathlib import Path
from engine.retrieval.embedding import Hashed
from engine.run.ports import Query
from store.home import Home
from store.index import open_index
for _ in range(5):
    index = open_index(Home(Path(sys.argv[1])), "world", Hashed())
    (found,) = asyncio.run(index.search([Query("masons of Ashwick", 1)]))
    assert found[0].passage.id == "Ashwick-masons"
    index.close()
"""


def test_several_processes_read_one_index_at_once(home: Home) -> None:
    readers = [
        subprocess.Popen([sys.executable, "-c", READER, str(home.root)], stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    errors = [reader.communicate(timeout=240)[1] for reader in readers]
    assert [reader.returncode for reader in readers] == [0, 0], errors


# --------------------------------------------------------------------------------------------- kinds


@pytest.mark.parametrize("spec", ["world", "world:exact", "world:bm25", "world:fused"])
def test_every_kind_finds_the_passage_behind_the_same_port(built: Home, spec: str) -> None:
    found = search(open_retriever(built, spec, Hashed()), "the masons of Ashwick", 2)
    assert found[0].passage == PASSAGES[0] and len(found) == 2


def test_the_exact_kind_agrees_with_the_index(built: Home) -> None:
    near, exact = (open_retriever(built, spec, Hashed()) for spec in ("world", "world:exact"))
    for text in ("glovers of Pelby", "halls of Hask", "smiths"):
        one, other = search(near, text, 5), search(exact, text, 5)
        assert [r.score for r in one] == pytest.approx([r.score for r in other], abs=1e-5)


def test_every_kind_and_corpus_has_a_recipe_of_its_own(home: Home) -> None:
    specs = ["world", "world:exact", "world:bm25", "world:fused"]
    before = [index_recipe(home, spec) for spec in specs]
    assert before == [index_recipe(home, spec) for spec in specs]
    save_corpus(home, "world", PASSAGES[1:])
    build_index(home, "world", Hashed())
    assert len({*before, *(index_recipe(home, spec) for spec in specs)}) == 8


def test_chroma_knows_our_embedding_and_builds_it_itself(built: Home) -> None:
    report = index_report(built, "world")
    place = built.indexes / "world" / report.place
    client = chromadb.PersistentClient(place, chroma.Settings(anonymized_telemetry=False))
    collection = client.get_collection(report.collection)
    found = collection.query(query_texts=["the masons of Ashwick"], n_results=1)
    assert found["ids"] == [["Ashwick-masons"]]
    config = collection.configuration_json["embedding_function"]
    assert config["config"] == {"embedding": Hashed.name, "fingerprint": Hashed.fingerprint}
    assert ChromaEmbedding.name() == config["name"]
    client.close()


# -------------------------------------------------------------------------------------------- server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("server")) as address:
        yield address


def test_a_chroma_server_serves_the_same_index(home: Home, server: str) -> None:
    report = build_index(home, "world", Hashed(), server=server)
    assert (report.server, report.place, report.recall_at_10) == (server, "", 1.0)
    assert build_index(home, "world", Hashed(), server=server) == report
    assert first(home) == PASSAGES[0]
    with pytest.raises(Damaged, match="built with embedding"):
        open_index(home, "world", Changed())
    assert build_index(home, "world", Hashed()).server is None


def test_a_half_filled_collection_on_a_server_is_built_anew(home: Home, server: str) -> None:
    report = build_index(home, "world", Hashed(), server=server)
    client = chroma.open_client(server)
    client.get_collection(report.collection).delete(ids=["Ashwick-masons"])
    with pytest.raises(Damaged, match="holds 63 passages"):
        open_index(home, "world", Hashed())
    build_index(home, "world", Hashed(), server=server)
    assert first(home).id == "Ashwick-masons"
    client.delete_collection(report.collection)
    with pytest.raises(Damaged, match="does not exist; build it again"):
        open_index(home, "world", Hashed())
    chroma.close_client(client)


def test_a_server_that_is_not_there_is_unreachable(home: Home) -> None:
    with pytest.raises(Unreachable, match=r"http://127.0.0.1:\d+"):
        build_index(home, "world", Hashed(), server=f"http://127.0.0.1:{free_port()}")
    assert first(home).id == "Ashwick-masons"


def test_a_server_that_goes_away_fails_the_search_in_one_line(
    home: Home, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index(home, "world", Hashed(), server=server)
    retriever = open_index(home, "world", Hashed())
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        session = retriever._client._server._session
        retriever._client._server._api_url = f"http://127.0.0.1:{silent.getsockname()[1]}/api/v2"
        with pytest.raises(Unreachable, match="is the Chroma server running"):
            search(retriever, "masons")
        silent.listen()
        session.timeout = 0.2
        with pytest.raises(Busy, match="did not answer within"):
            search(retriever, "masons")
    retriever.close()


def test_a_reply_that_cannot_be_understood_is_a_bad_reply(built: Home) -> None:
    retriever = open_index(built, "world", Hashed())
    retriever._collection.query = lambda **_: {"ids": [["a"]], "distances": None}
    with pytest.raises(BadReply):
        search(retriever, "masons")
    retriever.close()


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost:8000",
        "ftp://host",
        "http://",
        "http://h:port",
        "http://h/x",
        "http://u:p@h:1",
        "http://h:99999",
    ],
)
def test_an_address_that_is_none_is_refused_without_repeating_it(home: Home, address: str) -> None:
    with pytest.raises(InputError, match="must look like http://host:port") as raised:
        checked_address(address)
    assert "u:p@" not in str(raised.value)


def test_a_disk_that_refuses_the_build_is_a_store_error(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise chromadb.errors.InternalError("database or disk is full")

    save_corpus(home, "world", PASSAGES[1:])
    before = builds(home)
    monkeypatch.setattr("store.index.add", full)
    with pytest.raises(StoreError, match="disk is full; check the disk"):
        build_index(home, "world", Hashed())
    assert builds(home) == before
