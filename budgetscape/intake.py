"""Files into the library: looked at first, then taken in. Looking writes nothing.

What a page shows before a build, and what `budgetscape index --check` prints, are the same values.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

from engine.errors import InputError
from engine.retrieval.cutting import Cut, cut, size
from engine.retrieval.embedding import Embedder, MiniLM
from engine.retrieval.exact import searchable
from engine.types import Passage, Question
from store.corpora import (
    Corpus,
    QuestionSet,
    corpus_names,
    load_corpus,
    save_corpus,
    save_questions,
)
from store.documents import TABLES, Columns, columns_of, guessed_columns, read_documents
from store.gold import bound, contexts
from store.home import Home
from store.index_record import IndexReport
from store.question_formats import FORMATS, read_asked, recognised

SHOWN = 12
"""Passages, or questions, of a preview."""
READABLE_WORDS = 190
"""About as many as the embedding reads of a passage; what is beyond is found by its beginning only."""
TABLE, TEXT = Cut(0, 0), Cut(150, 20)
"""How rows of a table, and documents, are cut where nothing else is said."""
Tell = Callable[[str, int, int], None]
"""Called with what is being done, how far, and of how many."""


@dataclass(frozen=True, slots=True)
class CorpusPreview:
    """What a build would make of the files."""

    documents: int
    passages: int
    median_words: int
    longest_words: int
    too_long: int
    """Passages beyond what the embedding reads."""
    columns: tuple[str, ...]
    """Of the first file, where it is a table."""
    chosen: Columns | None
    words: int
    overlap: int
    embedding_seconds: float
    """About how long embedding will take here, from embedding what is shown."""
    first: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class QuestionsPreview:
    """What a question file holds."""

    format: str
    count: int
    with_answers: int
    told: int
    """Questions whose supporting passages the file tells."""
    found: int
    """Of these, with all of them in the corpus."""
    hops: tuple[tuple[str, int], ...]
    """How many questions of each number of hops."""
    passages: int
    """Passages that come with the questions."""
    first: tuple[Question, ...]


def default_cut(paths: Sequence[Path]) -> Cut:
    """Rows of tables stay whole, documents are cut."""
    tables = all(path.suffix.lower() in TABLES for path in paths)
    return TABLE if tables else TEXT


def checked_cut(words: int, overlap: int) -> Cut:
    """InputError for lengths that make no passages."""
    if words and not 10 <= words <= 2000:
        raise InputError("passages must be cut at 10 to 2000 words, or at 0 to stay whole")
    if not 0 <= overlap <= words // 2:
        raise InputError("the overlap must be at most half of a passage")
    return Cut(words, overlap)


def look_at_corpus(
    paths: Sequence[Path], columns: Columns | None, how: Cut, embedder: Embedder | None = None
) -> CorpusPreview:
    """Read files to their end and count what a build would make; nothing is kept."""
    chosen = columns or guessed_columns(paths[0])
    documents = 0

    def counted() -> Iterator[Passage]:
        nonlocal documents
        for document in read_documents(paths, columns):
            documents += 1
            yield document

    lengths: list[int] = []
    first: list[Passage] = []
    for passage in cut(counted(), how):
        lengths.append(size(passage.text))
        if len(first) < SHOWN:
            first.append(passage)
    return CorpusPreview(
        documents,
        len(lengths),
        int(median(lengths)),
        max(lengths),
        sum(length > READABLE_WORDS for length in lengths),
        columns_of(paths[0]),
        chosen,
        how.words,
        how.overlap,
        round(_seconds_each(first, embedder) * len(lengths), 1),
        tuple(first),
    )


def _seconds_each(first: Sequence[Passage], embedder: Embedder | None) -> float:
    embedder = embedder or MiniLM(threads=2)
    texts = [searchable(passage) for passage in first]
    embedder.embed(texts[:1])
    started = time.monotonic()
    embedder.embed(texts)
    return (time.monotonic() - started) / len(texts)


def take_corpus(
    home: Home,
    name: str,
    paths: Sequence[Path],
    columns: Columns | None,
    how: Cut,
    tell: Tell,
    *,
    server: str | None = None,
    new: bool = False,
) -> tuple[Corpus, IndexReport]:
    """Read, cut and keep the passages of files, and build their index. `new` refuses a name that is taken."""
    _free(home, name, new)
    tell("reading", 0, 0)
    return _indexed(
        home, save_corpus(home, name, cut(read_documents(paths, columns), how)), tell, server
    )


def _indexed(
    home: Home, saved: Corpus, tell: Tell, server: str | None = None
) -> tuple[Corpus, IndexReport]:
    def progress(done: int, of: int) -> None:
        tell("embedding" if done <= of // 2 else "indexing", done, of)

    from store.index import build_index  # takes a second: Chroma

    tell("embedding", 0, 2 * saved.count)
    return saved, build_index(home, saved.name, MiniLM(threads=2), progress, server)


def index_again(home: Home, name: str, tell: Tell) -> tuple[Corpus, IndexReport]:
    """Build the index of a corpus that is here."""
    return _indexed(home, load_corpus(home, name), tell)


def look_at_questions(
    home: Home, path: Path, form: str | None, corpus: str | None
) -> QuestionsPreview:
    """Read a question file to its end; nothing is kept."""
    name = recognised(path, form)
    found = bound(read_asked(path, name), load_corpus(home, corpus) if corpus else None)
    hops = Counter("unknown" if q.hops is None else str(q.hops) for q in found.questions)
    return QuestionsPreview(
        FORMATS[name].title,
        len(found.questions),
        sum(bool(q.answers) for q in found.questions),
        found.told,
        found.found,
        tuple(sorted(hops.items())),
        sum(1 for _ in contexts(read_asked(path, name))),
        tuple(islice(found.questions, SHOWN)),
    )


def take_questions(
    home: Home,
    name: str,
    path: Path,
    form: str | None,
    corpus: str | None,
    tell: Tell,
    *,
    own_passages: bool = False,
    new: bool = False,
) -> QuestionSet:
    """Keep a question file as a set; `own_passages` makes a corpus and an index of its name from what comes with it."""
    tell("reading", 0, 0)
    form = recognised(path, form)
    if own_passages:
        _free(home, name, new)
        if not any(True for _ in contexts(read_asked(path, form))):
            raise InputError(
                f"{path.name}: no passages come with its questions; name a corpus instead"
            )
        save_corpus(home, name, contexts(read_asked(path, form)))
        corpus = name
    known = load_corpus(home, corpus) if corpus else None
    saved = save_questions(home, name, bound(read_asked(path, form), known).questions, corpus)
    if own_passages:
        index_again(home, name, tell)
    return saved


def take_world(
    home: Home,
    name: str,
    seed: int,
    passages: int,
    questions: int,
    split: str,
    tell: Tell,
    new: bool,
) -> IndexReport:
    """Make a fictional world and keep it as corpus, index and questions of one name."""
    from engine.worlds import build

    _free(home, name, new)
    tell("inventing", 0, 0)
    made = build(seed, passages, questions, split)  # type: ignore[arg-type]
    saved = save_corpus(home, name, made.passages)
    save_questions(home, name, made.questions, name)
    return _indexed(home, saved, tell)[1]


def _free(home: Home, name: str, new: bool) -> None:
    if new and name in corpus_names(home):
        raise InputError(
            f"there is a corpus '{name}' already; delete it first, or take another name"
        )
