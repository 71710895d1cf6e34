"""Searches one by one -> a chart of what they were over the reasoning budget, and rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

from engine.analysis.estimate import Estimate
from engine.analysis.looks import LABELS, Searched
from engine.figures.lines import LinesInfo, Series, shades
from engine.figures.palette import COLOURS, SYMBOLS
from engine.figures.spending import spelt


def labels_info(found: Sequence[Searched]) -> LinesInfo:
    """The share of new, validating and repeated searches at each reasoning budget."""
    looks = shades(LABELS, COLOURS, SYMBOLS)
    series = []
    for label in LABELS:
        told = [(s.at, e) for s in found if isinstance(e := s.shares[label], Estimate)]
        series.append(
            Series(
                label,
                looks[label],
                tuple(float(at) for at, _ in told),
                tuple(e.value for _, e in told),
                tuple(e.low for _, e in told),
                tuple(e.high for _, e in told),
            )
        )
    if not any(one.x for one in series):
        return LinesInfo("", "", (), reason="No search was sent here.")
    return LinesInfo("reasoning budget (thinking tokens)", "share of searches", tuple(series))


def looks_rows(found: Sequence[Searched], what: str) -> list[dict[str, str | int]]:
    return [
        {
            what: s.at,
            "questions": s.questions,
            "new gold per search": spelt(s.gold, 2),
            **{label: spelt(s.shares[label], 2) for label in LABELS},
            "searches a run": spelt(s.searches),
        }
        for s in found
    ]
