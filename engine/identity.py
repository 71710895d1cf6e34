"""Canonical JSON and content hashes: the same content has the same id everywhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def plain(value: Any) -> Any:
    """A value as JSON types: dataclasses become objects (with `kind` where they have one), tuples become lists."""
    if is_dataclass(value) and not isinstance(value, type):
        body = {f.name: plain(getattr(value, f.name)) for f in fields(value)}
        kind = getattr(type(value), "kind", None)
        return {"kind": kind, **body} if isinstance(kind, str) else body
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [plain(v) for v in value]
        return sorted(items, key=repr) if isinstance(value, set | frozenset) else items
    return value


def canonical_json(value: Any) -> str:
    """Sorted keys, no spaces, UTF-8 kept; NaN and infinity are refused with ValueError.

    {"b": 1, "a": (2,)} -> {"a":[2],"b":1}
    """
    return json.dumps(
        plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def content_hash(value: Any, length: int = 32) -> str:
    """SHA-256 of the canonical JSON, as `length` hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()[
        :length
    ]


def trajectory_id(
    *,
    question: Any,
    index_recipe: str,
    strategy: str,
    knobs: Mapping[str, Any],
    prompt_hash: str,
    fingerprint: str,
    decoding: Any,
    seed: int,
    scope: str,
) -> str:
    """The id of all cells of one question under one configuration, within one sweep or one live run.

    `scope` (the sweep's name or the live run's id) keeps two grids over the same questions from
    claiming the same id with other cells.
    """
    parts = [question, index_recipe, strategy, knobs, prompt_hash, fingerprint, decoding, seed]
    return "t" + content_hash([*parts, scope], 31)


def run_id(trajectory: str, budget: Any) -> str:
    """The id of one cell of a trajectory."""
    return "r" + content_hash([trajectory, budget], 31)
