"""The two forms of a bundle's files: Parquet, small and quick, and JSON lines, which any tool and any eye can read.

Lines are kind, id and body of a journal; heads are a row a run for people with other tools. Either form holds the same
lines in the same order. Reading trusts nothing: what is no line of ours is Damaged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import Damaged
from store.journal import Torn, canonical_again, line_again, read

Packed = tuple[Any, Any, Any]
"""Kind, id and body as JSON text; of any type while it comes from a file."""
GROUP = 256
"""Lines that are packed together."""
BATCH = 8
SCHEMA = pa.schema({"kind": pa.string(), "id": pa.string(), "body": pa.string()})


class Form(NamedTuple):
    """How a bundle is written and read."""

    lines: str
    """The name of the file that counts."""
    heads: str
    """The name of the file that is never read here."""
    write_lines: Callable[[Path, Iterable[Packed]], None]
    write_heads: Callable[[Path, Any], None]
    """From a data frame."""
    read_lines: Callable[[Path], Iterator[Packed]]
    check: Callable[[Path, int], str]
    """What is wrong with the file of lines as a whole, unpacked to at most so many bytes; empty where nothing is."""


# ----------------------------------------------------------------------------------------- Parquet


def _write_parquet(path: Path, lines: Iterable[Packed]) -> None:
    rest = iter(lines)
    with pq.ParquetWriter(path, SCHEMA, compression="zstd", compression_level=12) as writer:
        while some := list(islice(rest, GROUP)):
            columns = zip(*some, strict=True)
            writer.write_table(pa.table([pa.array(c, pa.string()) for c in columns], SCHEMA))


def _write_parquet_heads(path: Path, heads: Any) -> None:
    table = pa.Table.from_pandas(heads, preserve_index=False)
    pq.write_table(table, path, compression="zstd")


def _read_parquet(path: Path) -> Iterator[Packed]:
    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=BATCH):
            for row in batch.to_pylist():
                yield row["kind"], row["id"], row["body"]
    except (OSError, pa.ArrowException) as error:
        raise Damaged(f"{path.parent.name}/{path.name} cannot be unpacked") from error


def _check_parquet(path: Path, most: int) -> str:
    try:
        file = pq.ParquetFile(path)
        about = file.metadata
        sizes = [about.row_group(i).total_byte_size for i in range(about.num_row_groups)]
    except (OSError, pa.ArrowException):
        return "is no Parquet file"
    if not file.schema_arrow.equals(SCHEMA) or sum(sizes) > most:
        return "has other columns, or unpacks to more than is allowed"
    return ""


# ----------------------------------------------------------------------------------------- JSON lines


def _write_jsonl(path: Path, lines: Iterable[Packed]) -> None:
    with path.open("wb") as out:
        for kind, id, body in lines:
            out.write(line_again(kind, id, json.loads(body)))


def _write_jsonl_heads(path: Path, heads: Any) -> None:
    heads.to_json(path, orient="records", lines=True, double_precision=15)


def _read_jsonl(path: Path) -> Iterator[Packed]:
    for item in read(path):
        if isinstance(item, Torn):
            where = f"{path.parent.name}/{path.name} at byte {item.start}"
            raise Damaged(f"{where}: {item.reason}; export it again")
        yield item.kind, item.id, canonical_again(item.body)


def _check_jsonl(path: Path, most: int) -> str:
    return "is more than is allowed" if path.stat().st_size > most else ""


PARQUET = Form(
    "lines.parquet",
    "runs.parquet",
    _write_parquet,
    _write_parquet_heads,
    _read_parquet,
    _check_parquet,
)
JSONL = Form(
    "lines.jsonl", "runs.jsonl", _write_jsonl, _write_jsonl_heads, _read_jsonl, _check_jsonl
)
FORMS = {"parquet": PARQUET, "jsonl": JSONL}
