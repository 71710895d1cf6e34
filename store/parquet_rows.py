"""Rows of a Parquet file a few at a time, whatever its row groups say they hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from engine.errors import InputError
from store.fields import MOST_COLUMNS, Row

BATCH = 256
GROUP_BYTES = 2 << 30
"""Of one row group once it is unpacked: a small file may hold much."""
MOST_ROWS = 20_000_000


def parquet_rows(path: Path, numbers: bool = False) -> Iterator[Row]:
    """The rows, texts and whole numbers only, with `numbers` all numbers and truths; other columns are left out."""
    try:
        with pq.ParquetFile(path) as file:
            names = _columns(path, file, numbers)
            number = 0
            for batch in file.iter_batches(BATCH, columns=names):
                for fields in batch.to_pylist():
                    number += 1
                    yield Row(f"{path.name}, row {number}", fields)
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        why = " ".join(str(error).split())[:120]
        raise InputError(f"{path.name}: is not a whole Parquet file ({why})") from error


def _columns(path: Path, file: pq.ParquetFile, numbers: bool) -> list[str]:
    about = file.metadata
    if about.num_rows > MOST_ROWS:
        raise InputError(f"{path.name}: holds {about.num_rows:,} rows, at most {MOST_ROWS:,}")
    if about.num_columns > MOST_COLUMNS:
        raise InputError(
            f"{path.name}: has {about.num_columns} columns, at most {MOST_COLUMNS} can be read"
        )
    for group in range(about.num_row_groups):
        if about.row_group(group).total_byte_size > GROUP_BYTES:
            raise InputError(
                f"{path.name}: row group {group + 1} unpacks to over {GROUP_BYTES} bytes; write it in smaller groups"
            )
    held = file.schema_arrow
    return [f.name for f in held if _plain(f.type) or (numbers and _number(f.type))]


def _plain(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_integer(kind)
    )


def _number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_boolean(kind))
