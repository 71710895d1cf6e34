"""Quotes, spends and durations as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from budgetscape.sweep_control import Status
from budgetscape.sweep_outcome import Beside, by_part, in_all
from engine.sweeps.quote import Part, Quote, Spread


def duration(seconds: float) -> str:
    """80 -> 80 s, 600 -> 10 min, 9000 -> 2.5 h"""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def amount(cost: float) -> str:
    """Money with as many digits as tell something. 12.3456 -> 12.35, 0.001234 -> 0.0012"""
    return f"{cost:,.2f}" if abs(cost) >= 1 else f"{cost:.2g}"


def quote_lines(given: Quote, at_once: int) -> Iterator[str]:
    """The total, then each strategy and model."""
    if not given.trajectories:
        return
    cost = (
        ""
        if given.cost_p50 is None
        else f", cost {amount(given.cost_p50)} to {amount(given.cost_p90 or 0)}"
    )
    yield (
        f"quote: {given.trajectories} trajectories ({given.runs} runs) still to do, {at_once} calls at once: "
        f"about {duration(given.seconds_p50)} (P50), {duration(given.seconds_p90)} (P90), "
        f"{given.calls_p50:,.0f} to {given.calls_p90:,.0f} calls, "
        f"{given.tokens_p50:,.0f} to {given.tokens_p90:,.0f} tokens{cost}; "
        f"from {given.from_trajectories} measured"
    )
    for part in given.parts:
        yield f"  {part.strategy} {part.model}: {_part(part)}"


def _part(part: Part) -> str:
    if not part.measured:
        return f"{part.runs} runs, nothing measured yet"
    shown = [f"{part.runs} runs"]
    shown += [f"{_range(part.calls)} calls", f"{_range(part.tokens)} tokens"]
    if part.cost is not None:
        shown.append(f"cost {amount(part.cost.p50)} to {amount(part.cost.p90)}")
    if part.seconds is not None:
        shown.append(f"{duration(part.seconds.p50)} to {duration(part.seconds.p90)}")
    return ", ".join(shown)


def _range(spread: Spread | None) -> str:
    return "?" if spread is None else f"{spread.p50:,.0f} to {spread.p90:,.0f}"


def outcome(status: Status) -> Iterator[str]:
    """What the memo saved, and the real amounts beside the quoted ones."""
    if status.paid_tokens and status.charged_tokens:
        share = status.paid_tokens / status.charged_tokens
        yield (
            f"paid {status.paid_tokens:,} tokens for runs that alone would take {status.charged_tokens:,} "
            f"({share:.2f})"
        )
    if status.state != "done":
        return
    if said := _said(in_all(status)):
        yield f"took {said}"
    for part in by_part(status):
        if said := _said(part.amounts):
            yield f"  {part.strategy} {part.model}: {said}"


def _said(amounts: Mapping[str, Beside]) -> str:
    """120 calls (quoted 118, P90 131), 3,200 tokens (quoted 3,100, P90 3,450)"""
    return ", ".join(
        f"{_shown(word, b.real)} {word} (quoted {_shown(word, b.p50)}, P90 {_shown(word, b.p90)})"
        for word, b in amounts.items()
        if b.told
    )


def _shown(word: str, value: float | None) -> str:
    if value is None:
        return "?"
    return (
        amount(value)
        if word == "cost"
        else f"{value:,.1f}"
        if word == "minutes"
        else f"{value:,.0f}"
    )
