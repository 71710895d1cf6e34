"""What the steps of a run add up to: its tokens by kind, its rounds, its well-formed turns, and what bound it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from engine.run import requests as ask
from engine.run.requests import Reply
from engine.types import Axis, Search, Step, StoppedBy, Thought, Usage

Path = tuple[int, ...]
TOLD: dict[Axis, str] = {"search": "told to search on", "think": "told to think on"}
"""The notes on an early end that was dropped, since a dose was not spent."""
OWN_LIMITS: tuple[StoppedBy, ...] = ("malformed", "turns")
"""Limits of a protocol itself, the one that says more first."""


def bound(
    steps: Iterable[Step], ended: Collection[str] = (), searches: int | None = None
) -> StoppedBy:
    """The limit that shaped the run: a refused search before a refused or cut thought before the protocol's own.

    An agent outside may have sent more than the `searches` that it had.
    """
    steps = list(steps)
    sent = sum(isinstance(s, Search) and not s.refused for s in steps)
    beyond = searches is not None and sent > searches
    if beyond or any(isinstance(s, Search) and s.refused for s in steps):
        return "search"
    if any(isinstance(s, Thought) and (s.refused or s.cut) for s in steps):
        return "think"
    return next((limit for limit in OWN_LIMITS if limit in ended), "answer")


def untold(usage: Usage) -> str:
    """What the end of a run must say about an agent outside that did not tell all its tokens."""
    if not usage.unreported:
        return ""
    return (
        f"{usage.unreported} of its steps came without all token counts: "
        "completion tokens that were not told are estimated, and no cost is known."
    )


def parsed(steps: Iterable[Step]) -> list[bool]:
    """The verdict on each text that the protocol parsed."""
    return [s.well_formed for s in steps if s.well_formed is not None]


def rounds(sent: Iterable[Path], depth: int = 0) -> int:
    """Waves of searches one after another; branches that play beside each other count as the longest of them.

    [(0, 0), (0, 1), (2,)] -> 2: two together, then one
    """
    waves = 0
    for at in _by(sent, depth).values():
        if any(len(path) <= depth + 2 for path in at):
            waves += 1
        plays = _by((p for p in at if len(p) > depth + 2), depth + 1)
        waves += max((rounds(play, depth + 2) for play in plays.values()), default=0)
    return waves


def _by(paths: Iterable[Path], depth: int) -> dict[int, list[Path]]:
    groups: dict[int, list[Path]] = {}
    for path in paths:
        groups.setdefault(path[depth], []).append(path)
    return groups


def search_step(request: ask.Search, path: Path, sent: bool, written: Sequence[Reply]) -> Search:
    """A query, sent or not, with what writing it took."""
    forms = [r.well_formed for r in written if r.well_formed is not None]
    return Search(
        path=path,
        tokens=sum(r.tokens for r in written),
        input_tokens=sum(r.usage.input_tokens for r in written),
        seconds=sum(r.seconds for r in written),
        well_formed=all(forms) if forms else None,
        resumed=written[0].resumed if written else "",
        query=request.query,
        top_k=request.top_k,
        refused=not sent,
    )
