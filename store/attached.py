"""A collection that somebody else keeps on a Chroma server, attached as an index: asked, checked, not written to.

An index is only right when the question is embedded as the passages were. A collection does not tell, so some of its
passages is embedded here and compared with the vectors it holds; another embedding is refused. How well it finds is
measured against an exact scan of its own vectors, as for an index of ours, up to a size at which that is still quick.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import chromadb
import numpy as np
from chromadb.api.client import Client

from engine.errors import Damaged, InputError, UnknownName
from engine.identity import content_hash
from engine.retrieval.embedding import Embedder, Vectors, unit
from store.chroma import ChromaRetriever, close_client, failing, open_client, space_of
from store.corpora import corpus_names
from store.home import Home, checked_name, make_folder
from store.index_record import IndexReport, index_folder, index_names, mismatch, write_record
from store.recall import measure

SAMPLE = 48
ALIKE = 0.9
"""The mean cosine of our vectors with theirs below which the embedding is another."""
MOST_MEASURED = 50_000
PAGE = 1_000
TITLES = ("title", "name", "heading", "source")


class Offered(NamedTuple):
    """A collection of a server."""

    name: str
    passages: int


def collections_of(server: str) -> list[Offered]:
    """What a server holds; Unreachable where none answers."""
    with _client(server) as client, failing(server, Damaged):
        return [Offered(c.name, c.count()) for c in client.list_collections()]


def attach(home: Home, name: str, server: str, collection: str, embedder: Embedder) -> IndexReport:
    """Make a collection of a server an index of this home; nothing of it is copied or changed.

    InputError when it is empty, has no texts, or was embedded otherwise; UnknownName when it is not there.
    """
    checked_name("index", name)
    if name in index_names(home) or name in corpus_names(home):
        raise InputError(f"the name '{name}' is taken here; delete it first, or take another name")
    started = time.monotonic()
    with _client(server) as client:
        found = _collection(client, server, collection)
        count = found.count()
        ids, vectors, texts, about = _rows(found, 0, SAMPLE)
        _check(collection, ids, vectors, texts, about, embedder)
        report = IndexReport(
            name=name,
            corpus_hash="",
            count=count,
            embedding=embedder.name,
            dimension=embedder.dimension,
            fingerprint=embedder.fingerprint,
            distance=_space(found),
            recipe=content_hash(["attached", server, str(found.id), count, embedder.fingerprint]),
            server=server.rstrip("/"),
            place="",
            collection=collection,
            collection_id=str(found.id),
            title_field=_title_field(about),
        )
        report = _measured(report, found)
    make_folder(index_folder(home, name))
    report = replace(report, seconds=round(time.monotonic() - started, 3))
    write_record(home, report)
    return report


def open_attached(report: IndexReport, embedder: Embedder) -> ChromaRetriever:
    """The collection as a retriever, when it is still the one that was attached."""
    if report.fingerprint != embedder.fingerprint:
        raise mismatch(report.name, f"it was attached for embedding {report.embedding}")
    client = open_client(report.server or "")
    try:
        found = _collection(client, report.server or "", report.collection)
        if str(found.id) != report.collection_id or found.count() != report.count:
            raise Damaged(
                f"index '{report.name}' has changed on its server: {found.count()} passages, attached with "
                f"{report.count}; delete it here and attach it again"
            )
    except BaseException:
        close_client(client)
        raise
    return ChromaRetriever(
        client, found, embedder, report.server or "", report.title_field, report.distance
    )


def _collection(client: Client, server: str, name: str) -> chromadb.Collection:
    with failing(server, Damaged):
        names = [collection.name for collection in client.list_collections()]
        if name not in names:
            raise UnknownName("collection", name, names, f"(on {server})")
        return client.get_collection(name, embedding_function=None)


def _rows(
    found: chromadb.Collection, start: int, count: int
) -> tuple[list[str], Vectors, list[str], list[dict[str, Any]]]:
    with failing(f"collection '{found.name}'", Damaged):
        rows: Any = found.get(
            limit=count, offset=start, include=["embeddings", "documents", "metadatas"]
        )
    texts = [text or "" for text in rows["documents"] or []]
    return (
        rows["ids"],
        np.asarray(rows["embeddings"]),
        texts,
        [a or {} for a in rows["metadatas"] or []],
    )


def _check(
    name: str,
    ids: list[str],
    vectors: Vectors,
    texts: list[str],
    about: list[dict[str, Any]],
    embedder: Embedder,
) -> None:
    if not ids:
        raise InputError(f"collection '{name[:80]}' is empty; fill it first")
    if empty := next((i for i, text in zip(ids, texts, strict=True) if not text.strip()), None):
        raise InputError(
            f"collection '{name[:80]}': passage {empty[:80]!r} has no document; passages are read from there"
        )
    if vectors.ndim != 2 or vectors.shape[1] != embedder.dimension:
        raise InputError(
            f"collection '{name[:80]}' has vectors of {vectors.shape[-1]} dimensions; questions are embedded by "
            f"{embedder.name} in {embedder.dimension}"
        )
    theirs, field = unit(vectors.astype(np.float32)), _title_field(about)
    titled = [f"{a[field]}\n{t}" if a.get(field) else t for a, t in zip(about, texts, strict=True)]
    alike = max(float((embedder.embed(some) * theirs).sum(1).mean()) for some in (texts, titled))
    if alike < ALIKE:
        raise InputError(
            f"collection '{name[:80]}' was not embedded by {embedder.name}: its vectors are {alike:.2f} like ours on "
            f"{len(ids)} passages, {ALIKE} is needed; embed it again, or build the index from its files"
        )


def _title_field(about: list[dict[str, Any]]) -> str:
    return next((f for f in TITLES if any(isinstance(a.get(f), str) for a in about)), "title")


def _space(found: chromadb.Collection) -> str:
    space = space_of(found)
    return space if space in ("cosine", "l2", "ip") else "l2"


def _measured(report: IndexReport, found: chromadb.Collection) -> IndexReport:
    """With its recall, where it is small enough to be scanned."""
    if report.count > MOST_MEASURED:
        return replace(report, found_itself=None, recall_at_3=None, recall_at_10=None)
    ids: list[str] = []
    blocks: list[Vectors] = []
    for start in range(0, report.count, PAGE):
        some, vectors, _, _ = _rows(found, start, PAGE)
        ids += some
        blocks.append(vectors.astype(np.float32))
    raw = np.concatenate(blocks)
    vectors = unit(raw)
    if report.distance != "cosine" and not np.allclose(raw, vectors, atol=1e-2):
        raise InputError(
            f"collection '{report.collection[:80]}' compares by {report.distance} and its vectors are not of "
            "length one; give it cosine distance"
        )
    at = measure(found, ids, vectors)
    return replace(report, found_itself=at.itself, recall_at_3=at.at_3, recall_at_10=at.at_10)


@contextmanager
def _client(server: str) -> Iterator[Client]:
    client = open_client(server)
    try:
        yield client
    finally:
        close_client(client)
