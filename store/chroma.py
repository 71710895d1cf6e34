"""All that touches Chroma: the embedding function it knows us by, clients, the retriever.

What Chroma 1.5.9 does when several processes open one folder was tried: opening writes a short
transaction into its SQLite file (so a read-only disk refuses), but no lock is held afterwards and
the HNSW files stay as they are, byte for byte. Six processes, ten openings and 2,000 queries each
at once: no error, no missed neighbour, slowest opening half a second. So readers share one folder,
nobody writes into a folder that is in use, and only a read-only disk needs a copy.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import chromadb
import httpx
from chromadb.api.client import Client
from chromadb.api.types import Documents, EmbeddingFunction, Embeddings, Space
from chromadb.config import Settings
from chromadb.utils.embedding_functions import register_embedding_function

from engine.errors import (
    BadReply,
    BudgetscapeError,
    Busy,
    Damaged,
    StoreError,
    Unreachable,
)
from engine.retrieval.embedding import EMBEDDERS, Embedder, Vectors
from engine.run.ports import Query
from engine.types import Passage, Ranked
from store.index_record import HNSW, checked_address

TIMEOUT_S = 30.0
"""The longest wait for one reply of a Chroma server."""


@register_embedding_function
class ChromaEmbedding(EmbeddingFunction[Documents]):
    """Our embedder as Chroma stores it with a collection, so that others can query it by text."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder

    def __call__(self, input: Documents) -> Embeddings:
        return list(self.embedder.embed(input))

    @staticmethod
    def name() -> str:
        return "budgetscape"

    def get_config(self) -> dict[str, Any]:
        """Name and fingerprint: another model under the same name does not pass."""
        return {"embedding": self.embedder.name, "fingerprint": self.embedder.fingerprint}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> ChromaEmbedding:
        return ChromaEmbedding(EMBEDDERS[config["embedding"]]())

    def default_space(self) -> Space:
        return "cosine"

    def supported_spaces(self) -> list[Space]:
        return ["cosine"]


class ChromaRetriever:
    """A Chroma collection behind the Retriever port: one call for many queries, in a thread."""

    def __init__(
        self,
        client: Client,
        collection: chromadb.Collection,
        embedder: Embedder,
        where: str,
        title_field: str = "title",
        space: str = "cosine",
    ) -> None:
        self._client, self._collection = client, collection
        self._embedder, self._where = embedder, where
        self._title, self._space = title_field, space

    async def search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]:
        """Score is the cosine; raises EndpointError where Chroma fails."""
        return await asyncio.to_thread(self._search, queries) if queries else []

    def close(self) -> None:
        close_client(self._client)

    def _search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]:
        most = max(query.top_k for query in queries)
        if most <= 0:
            return [() for _ in queries]
        vectors = self._embedder.embed([query.text for query in queries])
        with failing(self._where, BadReply):
            found: Mapping[str, Any] = self._collection.query(
                query_embeddings=vectors,
                n_results=most,
                include=["documents", "metadatas", "distances"],
            )
            columns = (found[c] for c in ("distances", "ids", "documents", "metadatas"))
            rows = [list(zip(*row, strict=True)) for row in zip(*columns, strict=True)]
            return [self._ranked(row, q.top_k) for row, q in zip(rows, queries, strict=True)]

    def _ranked(
        self, found: list[tuple[float, str, str | None, Mapping[str, Any] | None]], top_k: int
    ) -> tuple[Ranked, ...]:
        nearest = sorted(found, key=lambda row: (row[0], row[1]))[: max(top_k, 0)]
        return tuple(
            Ranked(self._passage(id, text, about), rank, self._cosine(distance))
            for rank, (distance, id, text, about) in enumerate(nearest, 1)
        )

    def _passage(self, id: str, text: str | None, about: Mapping[str, Any] | None) -> Passage:
        title = (about or {}).get(self._title)
        return Passage(id, title if isinstance(title, str) else "", text or "")

    def _cosine(self, distance: float) -> float:
        """Of vectors of length one, from Chroma's distance: squared for l2, one minus the product else."""
        return 1.0 - (distance / 2 if self._space == "l2" else distance)


def open_client(place: Path | str) -> Client:
    """A client for a folder, or for a server at `http://host:port`; to be closed by `close_client`.

    Raises Unreachable where no server answers, Damaged where the folder cannot be read.
    """
    settings = Settings(anonymized_telemetry=False)
    if isinstance(place, Path):
        with failing(f"index in {place.name}", Damaged):
            return cast(Client, chromadb.PersistentClient(_writable(place), settings))
    url = checked_address(place)
    with failing(place, Unreachable):
        httpx.get(f"{place.rstrip('/')}/api/v2/heartbeat", timeout=TIMEOUT_S).raise_for_status()
        secure, port = url.scheme == "https", url.port or (443 if url.scheme == "https" else 80)
        client = cast(
            Client, chromadb.HttpClient(url.hostname or "", port, secure, settings=settings)
        )
    for session in _sessions(client):
        session.timeout = httpx.Timeout(TIMEOUT_S)
    return client


def close_client(client: Client) -> None:
    """Close a client and, which Chroma forgets, its connections."""
    sessions = _sessions(client)
    client.close()
    for session in sessions:
        session.close()


def _sessions(client: Client) -> list[httpx.Client]:
    """The connections of an HTTP client: Chroma keeps two, and has no setting for their time-out."""
    both: list[Any] = [client, client._admin_client]
    return [one._server._session for one in both if hasattr(one._server, "_session")]


def new_collection(
    client: Client, name: str, embedder: Embedder, about: Mapping[str, Any]
) -> chromadb.Collection:
    """An empty collection with our settings; what an interrupted build left under the name goes."""
    if name in {collection.name for collection in client.list_collections()}:
        client.delete_collection(name)
    function: Any = ChromaEmbedding(embedder)
    settings: Any = {"hnsw": HNSW}
    return client.create_collection(
        name, embedding_function=function, configuration=settings, metadata=dict(about)
    )


def add(collection: chromadb.Collection, passages: Sequence[Passage], vectors: Vectors) -> None:
    """Put passages with their vectors into a collection, one call: at most a few thousand."""
    collection.add(
        ids=[passage.id for passage in passages],
        embeddings=vectors,
        documents=[passage.text for passage in passages],
        metadatas=[{"title": passage.title} for passage in passages],
    )


def space_of(collection: chromadb.Collection) -> str:
    """The distance that a collection was built with."""
    return str((collection.configuration_json.get("hnsw") or {}).get("space"))


@contextmanager
def failing(where: str, otherwise: type[BudgetscapeError]) -> Iterator[None]:
    """What Chroma and its connection raise, as one line of ours; it has no common base class."""
    try:
        yield
    except BudgetscapeError:
        raise
    except httpx.TimeoutException as error:
        raise Busy(f"{where} did not answer within {TIMEOUT_S:.0f} s; is it overloaded?") from error
    except httpx.TransportError as error:
        raise Unreachable(f"{where} cannot be reached; is the Chroma server running?") from error
    except Exception as error:
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise otherwise(f"{where} failed: {why}{_ADVICE[otherwise]}") from error


_ADVICE: dict[type[BudgetscapeError], str] = {
    BadReply: "; check the index with `budgetscape index`",
    Damaged: "; build it again with `budgetscape index`",
    StoreError: "; check the disk, then run `budgetscape index` again",
    Unreachable: "",
}


def _writable(folder: Path) -> Path:
    """The folder, or on a read-only disk a copy that lives as long as this process."""
    database = folder / "chroma.sqlite3"
    if os.access(folder, os.W_OK) and (os.access(database, os.W_OK) or not database.exists()):
        return folder
    copy = Path(tempfile.mkdtemp(prefix="budgetscape-index-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    return Path(shutil.copytree(folder, copy / "index", copy_function=shutil.copyfile))
