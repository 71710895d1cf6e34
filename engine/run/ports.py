"""The seams between the engine and the world, each with one method."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from engine.run.requests import Act, Reply
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
    effort: str = ""
    """A level of hidden thinking, for endpoints that take one."""
    score_text: str | None = None
    """When set, nothing is generated: the reply's `score` is the mean log-probability of this text."""
    tell_logprobs: bool = False
    """The reply's log-probabilities are wanted, where the endpoint can tell them; it says the same either way."""


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


@dataclass(frozen=True, slots=True)
class Task:
    """All that an agent outside is told: never the gold."""

    question: str
    search: int
    """Queries that it may send."""
    think: int
    """Thinking tokens that it may spend."""
    seed: int = 0
    temperature: float = 0.0


@dataclass(frozen=True, slots=True)
class Said:
    """One step of an agent outside, as it told it."""

    act: Act
    reply: Reply = Reply()
    note: str = ""
    """What a reader of the step must know, such as that its tokens are estimated."""


Talk = AsyncGenerator[Said, Reply | None]


@runtime_checkable
class Agent(Protocol):
    """A search system of the user's own: yields step after step, is sent what its queries found; raises EndpointError.

    Closing the talk ends the agent.
    """

    def begin(self, task: Task) -> Talk: ...


Performer = ChatModel | Agent
"""What a name in the endpoints file stands for."""
