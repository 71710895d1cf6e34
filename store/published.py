"""The figures from papers that are shipped: a typed table, checked when it is read."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from engine.analysis.published import GRADES, Figure
from engine.errors import Damaged
from store.home import disk_error

TEXTS = {"system", "model", "dataset", "strategy", "search_unit", "reasoning_level"} | {
    "reasoning_unit",
    "metric",
    "source",
    "evidence",
}
SCHEMA = pa.schema(
    [(name, pa.string() if name in TEXTS else pa.float64()) for name in Figure._fields]
)
ALWAYS = ("system", "dataset", "metric", "value", "source", "evidence")


def read_published(folder: Path) -> tuple[Figure, ...]:
    """All figures; none where the folder has no table, Damaged where it is of another shape."""
    file = folder / "figures.parquet"
    if not file.exists():
        return ()
    try:
        table = pq.read_table(file)
    except pa.ArrowInvalid as error:
        raise Damaged(f"{file} cannot be read as a table of figures: {error}") from None
    except OSError as error:
        raise disk_error(file, error) from None
    if table.schema.remove_metadata() != SCHEMA:
        raise Damaged(f"{file} does not have the columns of a table of figures")
    rows = [Figure(**row) for row in table.to_pylist()]
    for number, row in enumerate(rows):
        if any(getattr(row, name) is None for name in ALWAYS) or not isfinite(row.value):
            raise Damaged(f"{file}: row {number} lacks one of {', '.join(ALWAYS)}")
        if row.evidence not in GRADES:
            raise Damaged(f"{file}: row {number} has an unknown grade of evidence")
    return tuple(rows)
