"""Vectors of a corpus in blocks beside it: computed once, resumed after a kill, read back checked.

A folder per corpus content and embedding, a file per block, each written whole. A kill loses the
block that was being computed, no more; a block that is broken is computed again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.errors import InputError
from engine.retrieval.embedding import Embedder, Vectors
from engine.retrieval.exact import searchable
from store.corpora import Corpus, vectors_prefix
from store.home import aside, make_folder, write_whole, writing

Progress = Callable[[int, int], None]
"""Called with how many are done and how many there are in all."""

BLOCK = 128
"""Passages per block of vectors: a few seconds of work."""
TOLD = 32
"""Passages between two words of progress."""


def embed_corpus(corpus: Corpus, embedder: Embedder, progress: Progress | None = None) -> Vectors:
    """(count, dimension) vectors, computed where they are not there yet and kept block by block."""
    folder = make_folder(vectors_folder(corpus, embedder.fingerprint))
    about = {"embedding": embedder.name, "dimension": embedder.dimension}
    about |= {"fingerprint": embedder.fingerprint, "corpus": corpus.hash, "count": corpus.count}
    write_whole(folder / "manifest.json", json.dumps(about, indent=1).encode())
    texts = [searchable(p) for p in corpus.passages()]
    blocks = []
    for start in range(0, corpus.count, BLOCK):
        some, path = texts[start : start + BLOCK], folder / f"{start:08d}.npy"
        block = _read_block(path, (len(some), embedder.dimension))

        def tell(done: int, before: int = start) -> None:
            if progress:
                progress(before + done, corpus.count)

        blocks.append(_embed_block(path, some, embedder, tell) if block is None else block)
        tell(len(some))
    return np.concatenate(blocks)


def load_vectors(corpus: Corpus, embedder: Embedder) -> Vectors:
    """(count, dimension) stored vectors; raises InputError where they were not computed yet."""
    folder = vectors_folder(corpus, embedder.fingerprint)
    starts = range(0, corpus.count, BLOCK)
    shapes = [(min(BLOCK, corpus.count - start), embedder.dimension) for start in starts]
    blocks = [
        _read_block(folder / f"{s:08d}.npy", shape) for s, shape in zip(starts, shapes, strict=True)
    ]
    whole = [block for block in blocks if block is not None]
    if len(whole) < len(blocks):
        raise InputError(
            f"corpus '{corpus.name}' has {len(whole)} of {len(blocks)} blocks of vectors of "
            f"{embedder.name}; compute them with `budgetscape index`"
        )
    return np.concatenate(whole)


def _embed_block(
    path: Path, texts: list[str], embedder: Embedder, tell: Callable[[int], None]
) -> Vectors:
    """A block of vectors, kept; told of every few passages, those of like length together."""
    block = np.zeros((len(texts), embedder.dimension), np.float32)
    by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    for start in range(0, len(texts), TOLD):
        rows = by_length[start : start + TOLD]
        block[rows] = embedder.embed([texts[row] for row in rows])
        tell(min(start + TOLD, len(texts) - 1))
    with writing(path), aside(path) as part, part.open("wb") as file:
        np.save(file, block)
    return block


def _read_block(path: Path, shape: tuple[int, int]) -> Vectors | None:
    """A block of unit vectors, or None where it is absent or broken and must be computed."""
    try:
        block = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if block.shape != shape or block.dtype != np.float32:
        return None
    return block if np.allclose(np.linalg.norm(block, axis=1), 1, atol=1e-3) else None


def vectors_folder(corpus: Corpus, fingerprint: str) -> Path:
    """Where the vectors of one embedding are kept."""
    short = hashlib.sha256(fingerprint.encode()).hexdigest()[:16]
    return corpus.folder / f"{vectors_prefix(corpus.hash)}{short}"
