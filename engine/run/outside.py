"""What an agent outside does, in our books: its talks, and one step of it as steps and as money spent.

An agent cannot be held to a budget as a model can: what it tells was done already. So all of it is counted, also
beyond a limit, and the reply is refused there, so that the strategy ends it.
"""

from __future__ import annotations

from dataclasses import replace

from engine.errors import InputError
from engine.run.books import Path, spent
from engine.run.budgets import Purse, Purses
from engine.run.ports import Agent, Said, Talk, Task
from engine.run.requests import Reply
from engine.types import Answer, Reading, Search, Step, Thought

SAMPLE_ANSWER = "sample answer"


class Talks:
    """The agents outside that take part in one run, each known by the place of the play that talks to it."""

    def __init__(self, agent: Agent | None) -> None:
        self._agent = agent
        self._open: dict[Path, Talk] = {}

    async def next(self, place: Path, task: Task, given: Reply | None) -> Said:
        """The next step; `end` when there is none. The first one begins the agent with the task."""
        if place in self._open:
            return await anext_of(self._open[place], given)
        if self._agent is None:
            raise InputError(
                "the strategy external needs an agent of your own: see docs/external.md"
            )
        self._open[place] = self._agent.begin(task)
        return await anext_of(self._open[place], None)

    async def aclose(self) -> None:
        """End all that still run."""
        while self._open:
            await self._open.popitem()[1].aclose()


async def anext_of(talk: Talk, given: Reply | None) -> Said:
    try:
        return await talk.asend(given)
    except StopAsyncIteration:
        return Said("end")


def accounted(said: Said, purses: Purses, path: Path) -> tuple[Reply, tuple[Step, ...]]:
    """The reply to the strategy and the steps of the trace; the purses are charged."""
    reply = replace(said.reply, act=said.act)
    match said.act:
        case "thought":
            return _thought(reply, said.note, purses.think, path)
        case "malformed":
            return reply, (Thought(**spent(path, reply), text=reply.text, note=said.note),)
        case "search":
            over = _charge(purses.search, 1)
            step = Search(**spent(path, reply), query=reply.text)
            return replace(reply, refused="search" if over else None), (step,)
        case "query":
            return _unsent(reply, purses.think, path)
        case "reading":
            return reply, (Reading(path=path, query=reply.text, passages=reply.passages),)
        case "answer" if len(path) > 1:
            purses.think.kept = 0
            return _thought(reply, SAMPLE_ANSWER, purses.think, path)
        case "answer":
            return reply, (Answer(**spent(path, reply), text=reply.text),)
    return reply, ()


def _thought(reply: Reply, note: str, purse: Purse, path: Path) -> tuple[Reply, tuple[Step, ...]]:
    over = _charge(purse, reply.tokens)
    if over:
        note = "; ".join(filter(None, (note, f"{over} tokens beyond the budget")))
    step = Thought(**spent(path, reply), text=reply.text, cut=over > 0, note=note)
    return replace(reply, refused="think" if over else None), (step,)


def _unsent(reply: Reply, purse: Purse, path: Path) -> tuple[Reply, tuple[Step, ...]]:
    """A query that no search is left for: its tokens, if any, are thinking."""
    refused = Search(path=(*path, 1), query=reply.text, refused=True)
    steps: tuple[Step, ...] = (refused,)
    if reply.tokens:
        steps = (*_thought(reply, "query that was not sent", purse, path)[1], refused)
    return replace(reply, refused="search"), steps


def _charge(purse: Purse, amount: int) -> int:
    """Take all of it; returns how much of it lies beyond the limit."""
    over = max(0, amount - max(0, purse.remaining))
    purse.used += amount
    return over
