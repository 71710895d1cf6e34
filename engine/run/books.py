"""The books of one run: every step as it comes, told to whoever watches, what was used, and the trace they add up to.

They know no model, no index and no strategy. A query is written before it is sent; until then it waits here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from engine.errors import StrategyError
from engine.run import requests as ask
from engine.run.account import bound, parsed, rounds, search_step, untold
from engine.run.requests import Reply
from engine.types import (
    Answer,
    Budget,
    Search,
    Spent,
    Step,
    Stopped,
    StoppedBy,
    Thought,
    Trace,
    Usage,
)

MOST_REQUESTS = 20_000
Path = tuple[int, ...]
"""The place of a request in its run: its number, within a branch the branch's number, and so on."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A generation or a look-up has started; its step follows when it is over."""

    path: Path
    kind: str


@dataclass(frozen=True, slots=True)
class Piece:
    """Some text of a generation that is under way."""

    path: Path
    kind: str
    text: str


class Log(Protocol):
    """Where a run tells what happens, as it happens; a list will do."""

    def append(self, event: Begun | Piece | Step, /) -> object: ...


@dataclass
class Books:
    """What one run has done so far."""

    budget: Budget
    log: Log | None = None
    steps: list[Step] = field(default_factory=list)
    usage: Usage = Usage()
    ended: set[str] = field(default_factory=set)
    """The protocol's own limits that ended a loop."""
    waiting: dict[Path, Reply] = field(default_factory=dict)
    """Queries that were written and neither sent nor discarded, by their place."""

    def tell(self, event: Begun | Piece | Step) -> None:
        """Let whoever watches know."""
        if self.log is not None:
            self.log.append(event)

    def note(self, step: Step) -> None:
        """Write a step down."""
        self.steps.append(step)
        self.tell(step)

    def hold(self, written: Reply, place: Path) -> None:
        """Keep a written query until it is sent or discarded."""
        self.waiting[place] = written

    def take_up(self, reply: Reply) -> Reply:
        """The query that was written at the reply's place; it waits no longer."""
        written = self.waiting.pop(reply.place, None)
        if written is None:
            raise StrategyError("a strategy used a written query twice, or one it did not write")
        return written

    def streamer(self, path: Path, kind: str, heard: list[str]) -> Callable[[str], None] | None:
        """What a generation is heard by, piece by piece; None where nobody watches."""
        if self.log is None:
            return None

        def stream(text: str) -> None:
            heard.append(text)
            self.tell(Piece(path, kind, text))

        return stream

    def break_off(self, path: Path, kind: str, heard: list[str]) -> None:
        """A generation that was stopped or failed: what had come of it was spent, a piece counting as a token."""
        if not heard:
            return
        text, tokens = "".join(heard), len(heard)
        self.usage += Usage(completion_tokens=tokens, calls=1)
        partial = Reply(text=text, tokens=tokens)
        match kind:
            case "search":
                self.note(search_step(ask.Search(text), path, False, [partial]))
            case "answer":
                self.note(Answer(**spent(path, partial), text=text))
            case _:
                self.note(Thought(**spent(path, partial), text=text, note="broken off"))

    @property
    def answered(self) -> bool:
        return any(isinstance(s, Answer) for s in self.steps)

    def trace(
        self, answer: str, seconds: float, by: StoppedBy | None = None, detail: str = ""
    ) -> Trace:
        """The run so far; `by` tells what ended it when it did not end by itself. 0 seconds are those of its steps."""
        limit = bound(self.steps, self.ended, self.budget.search)
        by = by or limit
        unsent = [search_step(ask.Search(r.text), p, False, [r]) for p, r in self.waiting.items()]
        steps = sorted([*self.steps, *unsent], key=lambda s: s.path)
        queries = sum(isinstance(s, Search) and not s.refused for s in steps)
        thinking = sum(s.tokens for s in steps if isinstance(s, Thought))
        query = sum(s.tokens for s in steps if isinstance(s, Search))
        final = sum(s.tokens for s in steps if isinstance(s, Answer))
        end = Stopped(path=(MOST_REQUESTS,), by=by, detail=detail or untold(self.usage))
        self.tell(end)
        return Trace(
            steps=(*steps, end),
            answer=answer,
            stopped_by=by,
            cut_off=limit != "answer",
            search=Spent(queries, self.budget.search),
            think=Spent(thinking, self.budget.think),
            thinking_tokens=thinking,
            query_tokens=query,
            answer_tokens=final,
            usage=self.usage,
            seconds=seconds or sum(s.seconds for s in steps),
            rounds=rounds([s.path for s in steps if isinstance(s, Search) and not s.refused]),
            turns=len(parsed(steps)),
            well_formed=sum(parsed(steps)),
        )


def spent(path: Path, reply: Reply) -> dict[str, Any]:
    """The fields that every step has."""
    return {
        "path": path,
        "tokens": reply.tokens,
        "input_tokens": reply.usage.input_tokens,
        "seconds": reply.seconds,
        "well_formed": reply.well_formed,
        "resumed": reply.resumed,
    }
