"""A comparison of runs -> each lane as a bar on one axis, with a mark where it parted and where it first saw gold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.analysis.traces import Axis, Comparison
from engine.types import Run

UNITS: dict[Axis, str] = {
    "step": "steps",
    "seconds": "seconds",
    "tokens": "tokens read and written",
}
MOST_SEGMENTS = 400
"""Pieces of a bar; what is thinner than that is not told apart."""


@dataclass(frozen=True, slots=True)
class Strip:
    """Each lane as a bar on the common axis."""

    unit: str
    longest: float
    bars: tuple[tuple[tuple[float, float, str], ...], ...]
    """Start, length and kind of each piece; neighbours of one kind that are too thin to see are one piece."""
    gold: tuple[float | None, ...]
    """Where each lane first saw gold."""
    parting: tuple[float | None, ...]


def strip(told: Comparison) -> Strip:
    """All lanes on the axis that they are aligned by."""
    ends = [
        start + size
        for starts, sizes in zip(told.starts, told.lengths, strict=True)
        for start, size in zip(starts, sizes, strict=True)
    ]
    longest = max(ends, default=0.0)
    golds = [held.first_gold for held in told.evidence]
    place = told.parting.step if told.parting else None
    return Strip(
        unit=UNITS.get(told.axis, "spent"),
        longest=longest,
        bars=tuple(
            _bar(run, starts, sizes, longest)
            for run, starts, sizes in zip(told.runs, told.starts, told.lengths, strict=True)
        ),
        gold=tuple(
            None if gold is None else starts[gold.step]
            for gold, starts in zip(golds, told.starts, strict=True)
        ),
        parting=tuple(
            starts[place] if place is not None and place < len(starts) else None
            for starts in told.starts
        ),
    )


def _bar(
    run: Run, starts: Sequence[float], sizes: Sequence[float], longest: float
) -> tuple[tuple[float, float, str], ...]:
    """Pieces of one kind; steps that would be thinner than a hair go with their neighbours."""
    hair = longest / MOST_SEGMENTS
    pieces: list[tuple[float, float, str]] = []
    for step, start, size in zip(run.trace.steps, starts, sizes, strict=True):
        if pieces and size < hair and pieces[-1][1] < hair and start >= pieces[-1][0]:
            pieces[-1] = (pieces[-1][0], start + size - pieces[-1][0], pieces[-1][2])
        elif size:
            pieces.append((start, size, step.kind))
    return tuple(pieces)
