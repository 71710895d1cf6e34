"""A cell in words: what a mean run took, how much of the budgets it used, a share with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.figures.amounts import money, span


def amount(value: float, signed: bool = False) -> str:
    """A share; a difference with its sign: 0.42, +0.08, −0.10"""
    return f"{value:+.2f}".replace("-", "−") if signed else f"{value:.2f}"


def between(low: float | None, high: float | None, signed: bool = False) -> str:
    """An interval: 0.27–0.60, or with signs: −0.02 to +0.18. Empty where there is none."""
    if low is None or high is None:
        return ""
    join = " to " if signed else "–"
    return f"{amount(low, signed)}{join}{amount(high, signed)}"


def questions(cell: Any) -> int:
    """Questions of a cell: one that ran several times, by seeds or samples, counts once."""
    return int(getattr(cell, "questions", cell.n))


def spent(cell: Any) -> Sequence[str]:
    """Tokens, cost and seconds of a mean run, as far as they are known."""
    told = []
    if cell.tokens is not None:
        told.append(f"{cell.tokens:,.0f} tokens")
    if cell.cost is not None:
        told.append(money(cell.cost))
    if cell.seconds is not None:
        told.append(span(cell.seconds))
    return told


def used(cell: Any) -> str:
    """1.9 of 2 queries, 20 of 32 thinking tokens, 25% cut off"""
    told = []
    if cell.search_used is not None:
        told.append(f"{cell.search_used:.1f} of {cell.search} queries")
    if cell.think_used is not None:
        effort = getattr(cell, "effort", "")
        of = f"at {effort} effort" if effort else f"of {cell.think}"
        told.append(f"{cell.think_used:.0f} {of} thinking tokens")
    if cell.cut_off:
        told.append(f"{cell.cut_off:.0%} cut off")
    return ", ".join(told)
