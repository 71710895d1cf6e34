"""What a sweep has really taken since its first quote, beside what was quoted: in all, and by strategy and model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from budgetscape.sweep_control import Part, Status

AMOUNTS = ("calls", "tokens", "cost")
"""What is known of each part. Its minutes are not: parts share the time."""


@dataclass(frozen=True, slots=True)
class Beside:
    """One amount: what it really is so far, and what was quoted for all of it; None where it is not known."""

    real: float | None
    p50: float | None
    p90: float | None

    @property
    def told(self) -> bool:
        return None not in (self.real, self.p50, self.p90)


@dataclass(frozen=True, slots=True)
class PartBeside:
    """The amounts of one strategy on one model, by name."""

    strategy: str
    model: str
    amounts: Mapping[str, Beside]


def in_all(status: Status) -> dict[str, Beside]:
    """Calls, tokens, cost and minutes of running; nothing without a quote."""
    if status.quote is None:
        return {}
    given, then = status.quote["quote"], status.quote["spent"]
    used = then["usage"]["input_tokens"] + then["usage"]["completion_tokens"]
    real = {
        "calls": status.calls - then["usage"]["calls"],
        "tokens": status.tokens - used,
        "cost": _less(status.cost, then["cost"]),
    }
    amounts = {k: Beside(v, given[f"{k}_p50"], given[f"{k}_p90"]) for k, v in real.items()}
    minutes = (status.seconds - then["seconds"], given["seconds_p50"], given["seconds_p90"])
    return {**amounts, "minutes": Beside(*(v / 60 for v in minutes))}


def by_part(status: Status) -> tuple[PartBeside, ...]:
    """Calls, tokens and cost of every quoted part; nothing without a quote, or with one of an earlier version."""
    if status.quote is None or "parts" not in status.quote:
        return ()
    then, now = _by_name(status.quote["parts"]), _by_name(status.parts)
    return tuple(
        PartBeside(part["strategy"], part["model"], _amounts(part, now, then))
        for part in status.quote["quote"]["parts"]
    )


def _amounts(
    part: Mapping[str, Any], now: Mapping[Any, Part], then: Mapping[Any, Part]
) -> dict[str, Beside]:
    name, none = (part["strategy"], part["model"]), dict.fromkeys(AMOUNTS, 0)
    has, had = now.get(name, none), then.get(name, none)
    quoted = {k: part[k] or {"p50": None, "p90": None} for k in AMOUNTS}
    return {k: Beside(_less(has[k], had[k]), quoted[k]["p50"], quoted[k]["p90"]) for k in AMOUNTS}


def _by_name(parts: Any) -> dict[tuple[str, str], Part]:
    return {(p["strategy"], p["model"]): p for p in parts}


def _less(now: float | None, then: float | None) -> float | None:
    return None if now is None or then is None else now - then
