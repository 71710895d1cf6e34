"""What is known of an index without opening it, the checks that every opening makes, and the lock of its builders.

`current.json` in the folder of an index is its record: what was built, from what, where, and how
well it finds. It is the only file that says which of the folders beside it is in use.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit
from uuid import uuid4

from filelock import FileLock, Timeout

from engine.errors import Damaged, InputError, StoreHeld, UnknownName
from engine.identity import content_hash
from engine.retrieval.embedding import Embedder
from store.corpora import Corpus
from store.home import Home, checked_name, disk_error, make_folder, write_whole

HNSW: dict[str, Any] = {
    "space": "cosine",
    "max_neighbors": 32,
    "ef_construction": 200,
    "ef_search": 200,
}
"""Above Chroma's defaults: a missed neighbour would look like an effect of a budget."""


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What was built, and how well it finds; kept as `current.json`."""

    name: str
    corpus_hash: str
    count: int
    embedding: str
    dimension: int
    fingerprint: str
    distance: str
    recipe: str
    """Hash of all that decides what a query returns: corpus, embedding, distance, HNSW settings."""
    server: str | None
    """Address of the Chroma server; None for a folder on this disk."""
    place: str
    """The folder beside `current.json`; empty on a server."""
    collection: str
    found_itself: float | None = 0.0
    """Share of sampled passages that are their own nearest neighbour; None where it was not measured."""
    recall_at_3: float | None = 0.0
    """Against the exact scan, for queries halfway between two passages: harder than questions."""
    recall_at_10: float | None = 0.0
    seconds: float = 0.0
    """Of building and checking, the embedding included."""
    collection_id: str = ""
    """The server's own id of an attached collection."""
    title_field: str = "title"
    """The field of a passage's metadata that holds its title."""

    @property
    def attached(self) -> bool:
        """Somebody else's collection: there is no corpus of it here."""
        return not self.corpus_hash

    def __str__(self) -> str:
        """For people: how well the index finds, against the exact scan."""
        found = "recall not measured"
        if self.recall_at_3 is not None and self.recall_at_10 is not None:
            found = f"recall@3 {self.recall_at_3:.3f}, recall@10 {self.recall_at_10:.3f} against the exact scan"
        done = "attached" if self.attached else "built"
        return f"{found}; {self.count} passages, {self.embedding}, {done} in {self.seconds:.1f} s"


def index_report(home: Home, name: str) -> IndexReport:
    """What is known of an index without opening it."""
    report = read_record(home, checked_name("index", name))
    if report is None:
        hint = "(build it with `budgetscape index`)"
        raise UnknownName("index", name, index_names(home), hint)
    return report


def index_names(home: Home) -> list[str]:
    return sorted(path.parent.name for path in home.indexes.glob("*/current.json"))


def index_folder(home: Home, name: str) -> Path:
    return home.indexes / name


def read_record(home: Home, name: str) -> IndexReport | None:
    try:
        text = (index_folder(home, name) / "current.json").read_text("utf-8")
        return IndexReport(**json.loads(text))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise mismatch(name, "its current.json cannot be read") from error


def record_before(home: Home, name: str) -> IndexReport | None:
    """The record in use; a broken one is as good as none for those who build anew."""
    try:
        return read_record(home, name)
    except Damaged:
        return None


def write_record(home: Home, report: IndexReport) -> None:
    """From now on this is the index."""
    body = json.dumps(asdict(report), indent=1).encode()
    write_whole(index_folder(home, report.name) / "current.json", body)


def about_collection(report: IndexReport) -> dict[str, Any]:
    """What the collection itself must say."""
    names = ("corpus_hash", "count", "embedding", "dimension", "fingerprint", "distance")
    return {name: getattr(report, name) for name in names}


def check_record(report: IndexReport, corpus: Corpus, embedder: Embedder) -> None:
    if report.corpus_hash != corpus.hash:
        raise mismatch(report.name, "its corpus has changed since it was built")
    for what in ("name", "dimension", "fingerprint"):
        built = getattr(report, "embedding" if what == "name" else what)
        if built != getattr(embedder, what):
            raise mismatch(
                report.name,
                f"it was built with embedding {what} {built}, not {getattr(embedder, what)}",
            )


def mismatch(name: str, why: str) -> Damaged:
    return Damaged(f"index '{name}' cannot be used: {why}; rebuild it with `budgetscape index`")


def planned(corpus: Corpus, embedder: Embedder, server: str | None) -> IndexReport:
    """The record of what would be built now, in a new folder where there is no server."""
    recipe = content_hash([corpus.hash, embedder.fingerprint, HNSW])
    return IndexReport(
        name=corpus.name,
        corpus_hash=corpus.hash,
        count=corpus.count,
        embedding=embedder.name,
        dimension=embedder.dimension,
        fingerprint=embedder.fingerprint,
        distance=HNSW["space"],
        recipe=recipe,
        server=server,
        place="" if server else f"build-{recipe[:12]}-{uuid4().hex[:8]}",
        collection=f"budgetscape-{corpus.name}-{recipe[:12]}",
    )


def checked_address(address: str) -> SplitResult:
    """The parts of `http://host:port`; raises InputError in one line."""
    try:
        url = urlsplit(address)
        usable = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        if usable and url.path in ("", "/") and not url.query and url.username is None:
            return url
    except ValueError:
        pass
    raise InputError("the address of a Chroma server must look like http://host:port")


@contextmanager
def alone(home: Home, name: str) -> Iterator[None]:
    """One build, or removal, of an index at a time, over all processes; StoreHeld while another is under way."""
    make_folder(home.locks)
    lock = FileLock(home.locks / f"index-{name}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise StoreHeld(f"index '{name}' is being built already; wait for it to end") from error
    except OSError as error:
        raise disk_error(home.locks, error) from error
    try:
        yield
    finally:
        lock.release()
