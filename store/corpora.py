"""Passages and question sets as files: the copy that counts.

A corpus is a folder: `manifest.json` names the passages by content hash and is replaced last, so a
reader sees the old corpus or the new one. Its vectors stand in folders beside (store/vectors.py).
A question set is one Parquet file. Nothing here knows Chroma or how anything is embedded.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import Damaged, InputError, UnknownName
from engine.identity import canonical_json, content_hash
from engine.types import Passage, Question
from store.home import Home, aside, checked_name, make_folder, put, scratch, write_whole, writing

_ROWS = 1000
_TEXT, _TEXTS = pa.string(), pa.list_(pa.string())
_PASSAGES = pa.schema({"id": _TEXT, "title": _TEXT, "text": _TEXT})
_QUESTIONS = pa.schema(
    {"id": _TEXT, "text": _TEXT, "answers": _TEXTS, "supporting_ids": _TEXTS}
    | {"hops": pa.int32(), "operations": pa.int32(), "tags": _TEXTS}
)


@dataclass(frozen=True, slots=True)
class Corpus:
    """What the manifest says; the passages are read when asked for."""

    name: str
    hash: str
    """Of ids, titles and texts in their order."""
    count: int
    created: str
    """UTC, ISO 8601."""
    folder: Path

    def passages(self) -> list[Passage]:
        """All passages in order; raises Damaged where they are not what the manifest says."""
        passages = [
            Passage(*row) for row in zip(*self._columns("id", "title", "text"), strict=True)
        ]
        if corpus_hash(passages) != self.hash:
            raise _damaged(self.name, "its passages are not those that were saved")
        return passages

    def ids(self) -> set[str]:
        return set(self._columns("id")[0])

    def _columns(self, *names: str) -> list[list[str]]:
        try:
            table = pq.read_table(self.folder / passages_file(self.hash), columns=list(names))
        except (OSError, pa.ArrowException) as error:
            raise _damaged(self.name, f"its passages cannot be read ({_line(error)})") from error
        return [table.column(name).to_pylist() for name in names]


def save_corpus(home: Home, name: str, passages: Iterable[Passage]) -> Corpus:
    """Keep passages under a name; the same ones again change nothing, others take their place.

    Streams: memory holds a thousand passages and all ids. Raises InputError for an empty corpus, an
    id that comes twice and a passage without text; StoreError where the disk refuses. Then the
    corpus is as it was before.
    """
    folder = make_folder(home.corpora / checked_name("corpus", name))
    digest = hashlib.sha256()
    with _unless_empty(folder), writing(folder), scratch(folder) as part:
        count = _write_passages(part, _checked(passages), digest.update)
        if not count:
            raise InputError(f"corpus '{name}' has no passages; give a file with at least one")
        corpus = Corpus(name, digest.hexdigest()[:32], count, _now(), folder)
        if _known(home, name) == corpus.hash:
            return load_corpus(home, name)
        put(part, folder / passages_file(corpus.hash))
    _write_manifest(corpus)
    _remove_others(corpus)
    return corpus


def load_corpus(home: Home, name: str) -> Corpus:
    """Raises UnknownName when it is not there, Damaged when its manifest cannot be read."""
    folder = home.corpora / checked_name("corpus", name)
    if not (folder / "manifest.json").exists():
        raise UnknownName("corpus", name, corpus_names(home))
    return open_corpus(folder)


def open_corpus(folder: Path) -> Corpus:
    """The corpus in a folder, wherever it stands (a home, the shipped samples, a bundle)."""
    try:
        said = json.loads((folder / "manifest.json").read_text("utf-8"))
        corpus = Corpus(said["name"], said["hash"], said["count"], said["created"], folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(folder.name, f"its manifest cannot be read ({_line(error)})") from error
    if not re.fullmatch("[0-9a-f]{32}", str(corpus.hash)):
        raise _damaged(folder.name, "its manifest holds no content hash")
    return corpus


def copy_corpus(corpus: Corpus, home: Home, name: str) -> Corpus:
    """Take a corpus with its vectors into a home, checked; nothing is embedded again."""
    copy = save_corpus(home, name, corpus.passages())
    for vectors in corpus.folder.glob(f"{vectors_prefix(corpus.hash)}*"):
        with writing(copy.folder):
            shutil.copytree(vectors, copy.folder / vectors.name, dirs_exist_ok=True)
    return copy


def corpus_names(home: Home) -> list[str]:
    return sorted(p.parent.name for p in home.corpora.glob("*/manifest.json"))


def corpus_hash(passages: Iterable[Passage]) -> str:
    """Content hash of passages in their order, 32 hexadecimal digits."""
    digest = hashlib.sha256()
    for passage in passages:
        digest.update(_line_of(passage))
    return digest.hexdigest()[:32]


# -------------------------------------------------------------------------------------- questions


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """Questions under a name, and the corpus that holds their supporting passages, where known."""

    name: str
    corpus: str | None
    hash: str
    questions: tuple[Question, ...]


def save_questions(
    home: Home, name: str, questions: Iterable[Question], corpus: str | None = None
) -> QuestionSet:
    """Keep a question set under a name; the file is replaced whole.

    Raises InputError for an empty set, an id that comes twice and, when `corpus` is given, for a
    supporting passage that is not in it.
    """
    kept = tuple(questions)
    _check_questions(name, kept, load_corpus(home, corpus) if corpus else None)
    saved = QuestionSet(checked_name("question set", name), corpus, content_hash(kept), kept)
    about = {"name": name, "corpus": corpus or "", "hash": saved.hash}
    table = _question_table(kept).replace_schema_metadata(about)
    path = make_folder(home.questions) / f"{name}.parquet"
    with writing(path), aside(path) as part:
        pq.write_table(table, part, compression="zstd")
    return saved


def load_questions(home: Home, name: str) -> QuestionSet:
    """Raises UnknownName when it is not there, Damaged when it is not what was saved."""
    path = home.questions / f"{checked_name('question set', name)}.parquet"
    if not path.exists():
        raise UnknownName("question set", name, question_names(home))
    try:
        table = pq.read_table(path)
        about = {k.decode(): v.decode() for k, v in table.schema.metadata.items()}
        questions = tuple(_question(row) for row in table.to_pylist())
    except (OSError, pa.ArrowException, TypeError, KeyError, AttributeError) as error:
        raise _bad_questions(name, _line(error)) from error
    if content_hash(questions) != about.get("hash"):
        raise _bad_questions(name, "its questions are not those that were saved")
    return QuestionSet(name, about.get("corpus") or None, about["hash"], questions)


def questions_stamp(home: Home, name: str) -> tuple[int, int]:
    """Another where the file of a question set is another; zeros where there is none."""
    try:
        found = (home.questions / f"{checked_name('question set', name)}.parquet").stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def question_names(home: Home) -> list[str]:
    return sorted(p.stem for p in home.questions.glob("*.parquet") if not p.name.startswith("."))


def _check_questions(name: str, questions: tuple[Question, ...], corpus: Corpus | None) -> None:
    if not questions:
        raise InputError(f"question set '{name}' is empty; give a file with at least one question")
    ids = [question.id for question in questions]
    if len(set(ids)) < len(ids):
        twice = next(id for id in ids if ids.count(id) > 1)
        raise InputError(f"question id {twice[:80]!r} comes twice; give every question its own id")
    if corpus:
        needed = {id for question in questions for id in question.supporting_ids}
        if absent := sorted(needed - corpus.ids()):
            raise InputError(
                f"{len(absent)} supporting passages, such as {absent[0][:80]!r}, are not in corpus "
                f"'{corpus.name}'; name the corpus that these questions were made for"
            )


def _question_table(questions: tuple[Question, ...]) -> pa.Table:
    try:
        return pa.Table.from_pylist([asdict(q) for q in questions], schema=_QUESTIONS)
    except UnicodeEncodeError as error:
        raise _half_character("question") from error


def _question(row: dict[str, Any]) -> Question:
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    return Question(**fields)


def _bad_questions(name: str, why: str) -> Damaged:
    return Damaged(
        f"question set '{name}' is damaged: {why}; save it again with `budgetscape questions`"
    )


# --------------------------------------------------------------------------------------- passages


def passages_file(content: str) -> str:
    return f"passages-{content}.parquet"


def vectors_prefix(content: str) -> str:
    """What the folders with vectors of this content begin with."""
    return f"vectors-{content[:16]}-"


def _checked(passages: Iterable[Passage]) -> Iterator[Passage]:
    seen: set[str] = set()
    for passage in passages:
        if not passage.id or passage.id in seen:
            why = "comes twice" if passage.id else "is empty"
            raise InputError(f"passage id {passage.id[:80]!r} {why}; give every passage its own id")
        if not passage.text.strip():
            raise InputError(f"passage {passage.id[:80]!r} has no text; leave it out")
        seen.add(passage.id)
        yield passage


def _write_passages(
    path: Path, passages: Iterator[Passage], hash_too: Callable[[bytes], None]
) -> int:
    count = 0
    with pq.ParquetWriter(path, _PASSAGES, compression="zstd") as writer:
        while rows := list(islice(passages, _ROWS)):
            for passage in rows:
                hash_too(_line_of(passage))
            writer.write_table(_table(rows))
            count += len(rows)
    return count


def _table(rows: list[Passage]) -> pa.Table:
    try:
        return pa.Table.from_pylist([asdict(row) for row in rows], schema=_PASSAGES)
    except UnicodeEncodeError as error:
        raise _half_character("passage") from error


def _line_of(passage: Passage) -> bytes:
    line = canonical_json([passage.id, passage.title, passage.text])
    return line.encode("utf-8", "surrogatepass") + b"\n"


def _write_manifest(corpus: Corpus) -> None:
    said = {"v": 1, "name": corpus.name, "hash": corpus.hash}
    said |= {"count": corpus.count, "created": corpus.created}
    write_whole(corpus.folder / "manifest.json", json.dumps(said, indent=1).encode())


@contextmanager
def _unless_empty(folder: Path) -> Iterator[None]:
    """After an error a folder in which nothing stands goes too."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise


def _known(home: Home, name: str) -> str | None:
    """The content hash kept under a name, when its passages are there too."""
    try:
        corpus = load_corpus(home, name)
    except (UnknownName, Damaged):
        return None
    return corpus.hash if (corpus.folder / passages_file(corpus.hash)).exists() else None


def _remove_others(corpus: Corpus) -> None:
    """Drop what an earlier corpus of this name left."""
    for path in corpus.folder.glob("passages-*.parquet"):
        if path.name != passages_file(corpus.hash):
            path.unlink(missing_ok=True)
    for path in corpus.folder.glob("vectors-*"):
        if not path.name.startswith(vectors_prefix(corpus.hash)):
            shutil.rmtree(path, ignore_errors=True)


def _half_character(what: str) -> InputError:
    return InputError(f"a {what} holds half a character (a lone surrogate); write it as UTF-8")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _damaged(name: str, why: str) -> Damaged:
    return Damaged(f"corpus '{name}' is damaged: {why}; save it again with `budgetscape index`")
