"""Indexes over a corpus: built beside, checked, swapped in whole, then only read.

An index has its corpus's name. `current.json` in its folder says what was built and where (a Chroma
folder beside it, or a Chroma server) and is replaced last, so a kill leaves the index as it was.
The folder it named before stays until the next build, for those who still read it; on a server old
collections are left alone, since other homes may use them. Every opening compares name, dimension
and fingerprint of the embedding, distance, and corpus hash.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import chromadb
from chromadb.api.client import Client

from engine.errors import Damaged, InputError, StoreError, UnknownName
from engine.identity import content_hash
from engine.retrieval.embedding import Embedder, MiniLM, Vectors
from engine.retrieval.exact import Exact
from engine.retrieval.fusion import CONSTANT, DEPTH, Fused
from engine.retrieval.lexical import SETTINGS, Bm25
from engine.run.ports import Retriever
from engine.types import Passage
from store.attached import open_attached
from store.chroma import (
    ChromaEmbedding,
    ChromaRetriever,
    add,
    close_client,
    failing,
    new_collection,
    open_client,
    space_of,
)
from store.corpora import Corpus, load_corpus
from store.home import Home, checked_name, make_folder
from store.index_record import (
    IndexReport,
    about_collection,
    alone,
    check_record,
    checked_address,
    index_folder,
    index_names,
    index_report,
    mismatch,
    planned,
    record_before,
    write_record,
)
from store.recall import measure
from store.vectors import Progress, embed_corpus, load_vectors

__all__ = [
    "KINDS",
    "IndexReport",
    "build_index",
    "index_names",
    "index_recipe",
    "index_report",
    "open_index",
    "open_retriever",
]

BATCH = 500
FOUND_AT_LEAST = 0.98
"""Below this share of passages that find themselves, an index is not taken."""


def build_index(
    home: Home,
    name: str,
    embedder: Embedder,
    progress: Progress | None = None,
    server: str | None = None,
) -> IndexReport:
    """Embed what is not embedded yet, build, check, swap in. The same again changes nothing.

    `progress` counts every passage twice: embedded, then stored. Raises StoreHeld while another
    process builds this index, Damaged when the new index does not find its own passages.
    """
    started = time.monotonic()
    corpus = load_corpus(home, name)
    if server:
        checked_address(server)
    with alone(home, name):
        vectors = embed_corpus(corpus, embedder, _part(progress, 0, corpus.count))
        tell = _part(progress, corpus.count, corpus.count)
        if (known := _still_good(home, corpus, embedder, server)) is not None:
            tell(corpus.count, corpus.count)
            return known
        plan = planned(corpus, embedder, server)
        before = record_before(home, name)
        try:
            built = _build(home, plan, corpus, vectors, embedder, tell)
        except BaseException:
            shutil.rmtree(index_folder(home, name) / (plan.place or "no"), ignore_errors=True)
            raise
        report = replace(built, seconds=round(time.monotonic() - started, 3))
        write_record(home, report)
        _remove_old(home, name, {report.place, before.place if before else ""})
        return report


def open_index(home: Home, name: str, embedder: Embedder) -> ChromaRetriever:
    """The index as a retriever, to be closed.

    Raises UnknownName when it is not there, Damaged when corpus or embedding are not those it was
    built with, Unreachable when its server does not answer.
    """
    report = index_report(home, name)
    if report.attached:
        return open_attached(report, embedder)
    check_record(report, load_corpus(home, name), embedder)
    client = open_client(report.server or index_folder(home, name) / report.place)
    try:
        collection = _checked_collection(client, report, embedder)
    except BaseException:
        close_client(client)
        raise
    return ChromaRetriever(client, collection, embedder, report.server or f"index '{name}'")


# ------------------------------------------------------------------------------------------ kinds


class Kind(NamedTuple):
    """A way to search a corpus: how it is opened, and the hash of what decides its results."""

    open: Callable[[Home, str, Embedder | None], Retriever]
    recipe: Callable[[Home, str], str]


def open_retriever(home: Home, spec: str, embedder: Embedder | None = None) -> Retriever:
    """`NAME`, `NAME:exact`, `NAME:bm25` or `NAME:fused`; MiniLM where no embedder is given."""
    name, kind = _kind(spec)
    return kind.open(home, name, embedder)


def index_recipe(home: Home, spec: str) -> str:
    """Equal exactly where the same query gives the same passages, as far as we can tell."""
    name, kind = _kind(spec)
    return kind.recipe(home, name)


def _kind(spec: str) -> tuple[str, Kind]:
    name, _, kind = spec.partition(":")
    if (kind or "chroma") not in KINDS:
        raise UnknownName("kind of index", kind, KINDS)
    return checked_name("index", name), KINDS[kind or "chroma"]


def _open_chroma(home: Home, name: str, embedder: Embedder | None) -> Retriever:
    index_report(home, name)
    return open_index(home, name, embedder or MiniLM())


def _own(home: Home, name: str) -> Corpus:
    """The corpus behind an index; InputError where the index is attached and has none here."""
    if (report := record_before(home, name)) is not None and report.attached:
        raise InputError(
            f"index '{name}' is attached: its passages stand on the server, so take it as '{name}' alone"
        )
    return load_corpus(home, name)


def _open_exact(home: Home, name: str, embedder: Embedder | None) -> Retriever:
    report, corpus = index_report(home, name), _own(home, name)
    embedder = embedder or MiniLM()
    check_record(report, corpus, embedder)
    return Exact(corpus.passages(), load_vectors(corpus, embedder), embedder)


def _open_bm25(home: Home, name: str, _: Embedder | None) -> Retriever:
    return Bm25(_own(home, name).passages())


def _open_fused(home: Home, name: str, embedder: Embedder | None) -> Retriever:
    lexical = _open_bm25(home, name, None)
    return Fused([_open_chroma(home, name, embedder), lexical])


def _recipe_exact(home: Home, name: str) -> str:
    report = index_report(home, name)
    return content_hash(["exact", report.corpus_hash, report.fingerprint])


def _recipe_bm25(home: Home, name: str) -> str:
    return content_hash(["bm25", _own(home, name).hash, SETTINGS])


def _recipe_fused(home: Home, name: str) -> str:
    parts = [index_report(home, name).recipe, _recipe_bm25(home, name)]
    return content_hash(["fused", *parts, CONSTANT, DEPTH])


KINDS: Mapping[str, Kind] = {
    "chroma": Kind(_open_chroma, lambda home, name: index_report(home, name).recipe),
    "exact": Kind(_open_exact, _recipe_exact),
    "bm25": Kind(_open_bm25, _recipe_bm25),
    "fused": Kind(_open_fused, _recipe_fused),
}
"""What may follow the colon after an index name; without a colon it is `chroma`."""


# --------------------------------------------------------------------------------------- building


def _build(
    home: Home,
    plan: IndexReport,
    corpus: Corpus,
    vectors: Vectors,
    embedder: Embedder,
    tell: Progress,
) -> IndexReport:
    """Fill a collection, open it anew and measure what it finds."""
    where = plan.server or make_folder(index_folder(home, plan.name) / plan.place)
    passages = corpus.passages()
    with _client(where) as client, failing(f"building index '{plan.name}'", StoreError):
        if not _is_there(client, plan, embedder):
            _fill(client, plan, passages, vectors, embedder, tell)
    with _client(where) as client:
        collection = _checked_collection(client, plan, embedder)
        found = measure(collection, [passage.id for passage in passages], vectors)
    if found.itself < FOUND_AT_LEAST:
        raise Damaged(
            f"index '{plan.name}' found only {found.itself:.0%} of its own passages; the old index "
            "stays: check the embedding, then run `budgetscape index` again"
        )
    return replace(
        plan, found_itself=found.itself, recall_at_3=found.at_3, recall_at_10=found.at_10
    )


def _fill(
    client: Client,
    plan: IndexReport,
    passages: list[Passage],
    vectors: Vectors,
    embedder: Embedder,
    tell: Progress,
) -> None:
    collection = new_collection(client, plan.collection, embedder, about_collection(plan))
    for start in range(0, plan.count, BATCH):
        rows = slice(start, start + BATCH)
        add(collection, passages[rows], vectors[rows])
        tell(min(start + BATCH, plan.count), plan.count)


def _is_there(client: Client, plan: IndexReport, embedder: Embedder) -> bool:
    """A server may hold this very collection already, built from another home and in use there."""
    try:
        _checked_collection(client, plan, embedder)
    except Damaged:
        return False
    return True


def _checked_collection(
    client: Client, report: IndexReport, embedder: Embedder
) -> chromadb.Collection:
    """The collection of a report, when it is what the report says."""
    function: Any = ChromaEmbedding(embedder)
    with failing(report.server or f"index '{report.name}'", Damaged):
        collection = client.get_collection(report.collection, embedding_function=function)
        said, count, space = collection.metadata or {}, collection.count(), space_of(collection)
    for name, value in about_collection(report).items():
        if said.get(name) != value:
            raise mismatch(report.name, f"its collection has {name} {said.get(name)}, not {value}")
    if count != report.count or space != report.distance:
        raise mismatch(report.name, f"it holds {count} passages by {space} distance")
    return collection


def _still_good(
    home: Home, corpus: Corpus, embedder: Embedder, server: str | None
) -> IndexReport | None:
    """The report of the index in use, where it is what would be built now and can be opened."""
    report = record_before(home, corpus.name)
    if report is None or report.server != server:
        return None
    try:
        open_index(home, corpus.name, embedder).close()
    except Damaged:
        return None
    return report if report.recipe == planned(corpus, embedder, server).recipe else None


@contextmanager
def _client(where: Path | str) -> Iterator[Client]:
    client = open_client(where)
    try:
        yield client
    finally:
        close_client(client)


def _remove_old(home: Home, name: str, keep: set[str]) -> None:
    for folder in index_folder(home, name).glob("build-*"):
        if folder.name not in keep:
            shutil.rmtree(folder, ignore_errors=True)


def _part(progress: Progress | None, before: int, count: int) -> Progress:
    """Progress of one half of the work, told as progress of the whole."""

    def tell(done: int, _: int) -> None:
        if progress:
            progress(before + done, 2 * count)

    return tell
