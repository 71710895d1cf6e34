"""The two seams between the engine and the world, each with one method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.run.requests import Reply
from engine.types import Prompt, Ranked


@dataclass(frozen=True, slots=True)
class Call:
    """One generation, wholly described: equal calls may share a reply."""

    prompt: Prompt
    cap: int
    """The most completion tokens."""
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    score_text: str | None = None
    """When set, nothing is generated: the reply's `score` is the mean log-probability of this text."""


@dataclass(frozen=True, slots=True)
class Query:
    """One look-up in the index."""

    text: str
    top_k: int


class ChatModel(Protocol):
    """Anything that generates text: raises EndpointError, never returns more than `call.cap` tokens."""

    async def generate(
        self, call: Call, on_piece: Callable[[str], None] | None = None
    ) -> Reply: ...


class Retriever(Protocol):
    """Anything that finds passages: one tuple of ranked passages per query, in order; raises EndpointError."""

    async def search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]: ...
