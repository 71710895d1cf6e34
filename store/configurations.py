"""One configuration for every strategy and model: cells of different knobs, indexes or modes are never pooled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from store.history import CellRow

Configuration = tuple[str, str, str, str, str, str]
"""Strategy, model, hash of the rest, index, and the modes of both budgets."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one surface per strategy and model."""

    rows: tuple[CellRow, ...]
    left_out: int = 0
    """Configurations that are not shown, since only one per strategy and model is."""


def one_configuration(rows: Sequence[CellRow]) -> Cells:
    """Keep, for every strategy and model, the configuration with most runs."""
    runs: Counter[Configuration] = Counter()
    for row in rows:
        runs[_configuration(row)] += row.n
    largest: dict[tuple[str, str], Configuration] = {}
    for configuration, _ in sorted(runs.items(), key=lambda item: (-item[1], item[0])):
        largest.setdefault(configuration[:2], configuration)
    kept = set(largest.values())
    return Cells(tuple(r for r in rows if _configuration(r) in kept), len(runs) - len(kept))


def _configuration(row: CellRow) -> Configuration:
    return (row.strategy, row.model, row.config, row.index, row.search_mode, row.think_mode)
