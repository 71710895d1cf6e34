"""The memo: cells of one question share what they have in common, without knowing it.

It stands in front of the two ports. A recorded reply that is finished, or at least as long as the cap, serves every
smaller cap, cut between tokens; so a grid run largest cell first costs little more than its longest trajectories, and
is exact wherever it is not. A reply whose pieces do not join to its text is never cut. With no model behind it, it is
the replay: what was not recorded raises NotRecorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from engine.errors import InputError, StrategyError
from engine.run.ports import Agent, Call, ChatModel, Performer, Query, Retriever, Talk, Task
from engine.run.requests import Reply
from engine.types import Ranked, Usage


class NotRecorded(StrategyError):
    """A replay asked for something that was never generated."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """One generation that really happened."""

    call: Call
    reply: Reply


@dataclass(frozen=True, slots=True)
class Found:
    """One look-up that really happened."""

    query: Query
    passages: tuple[Ranked, ...]


class Memo:
    """A ChatModel, a Retriever and an Agent in front of others; one per question and configuration.

    What an agent outside does is never shared: each cell begins it anew.
    """

    def __init__(
        self,
        performer: Performer | None,
        retriever: Retriever | None,
        calls: Iterable[Recorded] = (),
        found: Iterable[Found] = (),
    ) -> None:
        self._agent = performer if isinstance(performer, Agent) else None
        self._model: ChatModel | None = None if isinstance(performer, Agent) else performer
        self._retriever = retriever
        self._calls: dict[Call, dict[int, Recorded]] = {}
        """By what is asked, then by cap: a reply that cannot be cut is kept beside shorter ones."""
        for recorded in calls:
            self._keep(recorded)
        self._found = {f.query: f for f in found}
        self.paid = Usage()
        """What was really asked of the endpoints through this memo."""

    @property
    def capabilities(self) -> object:
        """Those of the model behind it; None for a replay and for models without a table."""
        return getattr(self._model, "capabilities", None)

    @property
    def calls(self) -> tuple[Recorded, ...]:
        return tuple(r for by_cap in self._calls.values() for r in by_cap.values())

    @property
    def found(self) -> tuple[Found, ...]:
        return tuple(self._found.values())

    async def generate(self, call: Call, on_piece: Callable[[str], None] | None = None) -> Reply:
        served = self._served(call)
        if served is not None:
            if on_piece is not None and served.text:
                on_piece(served.text)
            return served
        if self._agent is not None:
            raise InputError(
                "an agent of your own answers to the strategy external only; name a model"
            )
        if self._model is None:
            raise NotRecorded("the replay needs a generation that was not recorded")
        reply = await self._model.generate(call, on_piece)
        self.paid += reply.usage
        if "".join(reply.pieces) != reply.text:
            reply = replace(reply, pieces=())
        self._keep(Recorded(call, reply))
        return reply

    async def begin(self, task: Task) -> Talk:
        """As Agent: passed on as it is, and what it spends is paid."""
        if self._model is not None:
            raise InputError(
                "the strategy external needs an agent of your own: docs/external.md says how to name one"
            )
        if self._agent is None:
            raise NotRecorded("what an agent outside does is not replayed")
        talk = self._agent.begin(task)
        try:
            said = await anext(talk)
            while True:
                self.paid += said.reply.usage
                said = await talk.asend((yield said))
        except StopAsyncIteration:
            return
        finally:
            await talk.aclose()

    def _keep(self, recorded: Recorded) -> None:
        self._calls.setdefault(_key(recorded.call), {})[recorded.call.cap] = recorded

    def _served(self, call: Call) -> Reply | None:
        by_cap = self._calls.get(_key(call), {})
        if call.cap in by_cap:
            return by_cap[call.cap].reply
        fitted = (fit(r.reply, call.cap) for r in by_cap.values())
        return next((reply for reply in fitted if reply is not None), None)

    async def search(self, queries: Sequence[Query]) -> list[tuple[Ranked, ...]]:
        missing = list(dict.fromkeys(q for q in queries if q not in self._found))
        if missing:
            if self._retriever is None:
                raise NotRecorded("the replay needs a search that was not recorded")
            results = await self._retriever.search(missing)
            self.paid += Usage(queries=len(missing))
            for query, passages in zip(missing, results, strict=True):
                self._found[query] = Found(query, passages)
        return [self._found[q].passages for q in queries]


def _key(call: Call) -> Call:
    return replace(call, cap=0, tell_logprobs=False)


def fit(reply: Reply, cap: int) -> Reply | None:
    """What a fresh call with this cap would have returned, or None when the recorded reply cannot tell.

    A reply of 40 tokens that ended by itself serves cap 40 and more whole, and cap 10 as its first ten pieces.
    """
    if reply.tokens <= cap:
        return reply if reply.finish == "stop" or reply.tokens == cap else None
    if len(reply.pieces) < cap or "".join(reply.pieces) != reply.text:
        return None
    pieces = reply.pieces[:cap]
    part = cap / max(1, reply.tokens)
    return replace(
        reply,
        text="".join(pieces),
        pieces=pieces,
        logprobs=reply.logprobs[:cap],
        finish="length",
        tokens=cap,
        seconds=reply.seconds * part,
        usage=replace(reply.usage, completion_tokens=cap),
    )
