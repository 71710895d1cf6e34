"""A run beside what its cell let expect: in words, and as the height from which its mark on the surface hangs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.figures.amounts import money, span
from engine.figures.dials import Placed, forecast
from engine.run.budgets import doses
from engine.types import Run

UNKNOWN = "No gold answer is known for this question: on the surface the run is a vertical line."
ONE = "One run is right or wrong; the forecast is a mean over questions."


@dataclass(frozen=True, slots=True)
class Beside:
    """What a finished run is compared with."""

    expected: float | None
    """Mean quality of its cell; None where there is no forecast."""
    words: str


def beside(cells: Sequence[Placed], run: Run, metric: str, quality: str) -> Beside:
    """The run and the measured cell of its strategy, model, knobs and budget."""
    z = getattr(run.scores, metric, None)
    cell = _cell(cells, run)
    if cell is None:
        return Beside(None, UNKNOWN if z is None else "")
    interval = "" if cell.low is None else f" ({cell.low:.2f}–{cell.high:.2f})"
    said = [f"Forecast {quality} {cell.mean:.2f}{interval}, {_spent(cell)}."]
    said += [UNKNOWN] if z is None else [f"This run: {z:.2f}, {_took(run)}. {ONE}"]
    return Beside(cell.mean, " ".join(said))


def _cell(cells: Sequence[Placed], run: Run) -> Placed | None:
    config, budget = run.config, run.config.budget
    own = [c for c in cells if (c.strategy, c.model) == (config.strategy, config.model)]
    index = config.index or next((c.index for c in own if c.index), None)
    told = forecast(cells, (config.strategy, config.model), index, config.knobs, doses(budget))
    if told.refusal:
        return None
    there = (
        c for c in own if c.search == budget.search and _level(c) == (budget.effort or budget.think)
    )
    return next(there, None)


def _level(cell: Placed) -> str | int:
    return getattr(cell, "effort", "") or cell.think


def _spent(cell: Placed) -> str:
    told = [] if cell.tokens is None else [f"{cell.tokens:,.0f} tokens"]
    told += [] if cell.cost is None else [money(cell.cost)]
    return ", ".join(told + ([] if cell.seconds is None else [span(cell.seconds)]))


def _took(run: Run) -> str:
    usage = run.trace.usage
    told = [f"{usage.input_tokens + usage.completion_tokens:,} tokens"]
    told += [] if run.cost is None else [money(run.cost)]
    return ", ".join([*told, span(run.trace.seconds)])
