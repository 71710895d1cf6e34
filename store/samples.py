"""The shipped samples as first content of a new home: one world, its index and its questions.

`sample_runs/` is laid out like a home, so that taking it in is a checked copy. What a person has under the same name is
left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engine.retrieval.embedding import Embedder
from store.corpora import (
    copy_corpus,
    corpus_names,
    load_corpus,
    load_questions,
    question_names,
    save_questions,
)
from store.home import Home
from store.index_record import index_names


def install_samples(home: Home, samples: Path, embedder: Callable[[], Embedder]) -> list[str]:
    """Copy corpora and question sets that the home lacks, and build their indexes; returns what was new.

    Cheap when there is nothing to do. Nothing is embedded: the vectors are shipped too.
    """
    shipped, new = Home(samples), []
    for name in set(corpus_names(shipped)) - set(corpus_names(home)):
        copy_corpus(load_corpus(shipped, name), home, name)
        new.append(f"corpus {name}")
    for name in set(question_names(shipped)) - set(question_names(home)):
        taken = load_questions(shipped, name)
        save_questions(home, name, taken.questions, taken.corpus)
        new.append(f"questions {name}")
    missing = set(corpus_names(shipped)) - set(index_names(home))
    if missing:
        from store.index import build_index  # takes a second: Chroma
    for name in missing:
        build_index(home, name, embedder())
        new.append(f"index {name}")
    return sorted(new)
