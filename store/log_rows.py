"""Rows of a log of runs from CSV, TSV, JSON lines or Parquet: one that is wrong is not in the way of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from engine.errors import InputError
from store.fields import Row, Skip, checked_size, csv_rows, json_lines
from store.parquet_rows import parquet_rows

MOST_BYTES = 1 << 30
DEEPEST = 4
"""Objects inside objects whose fields are columns."""


def log_rows(path: Path, skip: Skip | None = None) -> Iterator[Row]:
    """The rows of a CSV, TSV, JSONL or Parquet file; what is wrong with a single row is told to `skip`."""
    checked_size(path, MOST_BYTES)
    ending = path.suffix.lower()
    if ending in (".csv", ".tsv"):
        yield from csv_rows(path, skip)
    elif ending in (".jsonl", ".ndjson"):
        yield from (Row(row.where, _flat(row.fields)) for row in json_lines(path, skip=skip))
    elif ending == ".parquet":
        yield from parquet_rows(path, numbers=True)
    else:
        raise InputError(f"{path.name}: a log of runs is a CSV, TSV, JSONL or Parquet file")


def _flat(fields: Mapping[str, Any], depth: int = 0) -> dict[str, Any]:
    """Objects inside objects by their path, as logs have them: {"usage": {"in": 3}} -> {"usage.in": 3}"""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, dict) and depth < DEEPEST:
            found |= {f"{name}.{inner}": v for inner, v in _flat(value, depth + 1).items()}
        else:
            found[name] = value
    return found
