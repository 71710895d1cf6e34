"""The model calls of one run: each with its seed, its room for hidden thinking, and its cost in the books.

A call's seed follows from the run's seed, the question and the call's place in the run, never from the budget.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace

from engine.errors import BadReply
from engine.run import requests as ask
from engine.run.books import Begun, Books, Path, spent
from engine.run.budgets import CALL_ROOM, MOST_CUES, Purses
from engine.run.ports import Call, ChatModel
from engine.run.requests import Reply
from engine.types import Decoding, Message, Thought

HIDDEN = "hidden thinking"
"""The note on thinking that an endpoint did not show, before a query or an answer."""


def call_seed(seed: int, question_id: str, path: Path) -> int:
    """31 bits from the run's seed, the question and the place of the call; never from the budget."""
    digest = hashlib.blake2b(repr((seed, question_id, path)).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


@dataclass(frozen=True, slots=True)
class Calls:
    """Makes the calls of one run and puts what they took into its books."""

    model: ChatModel
    books: Books
    question_id: str
    seed: int
    decoding: Decoding

    def seed_at(self, path: Path) -> int:
        return call_seed(self.seed, self.question_id, path)

    async def generate(
        self, request: ask.Think | ask.Write, cap: int, path: Path, kind: str, purses: Purses | None
    ) -> Reply:
        """One generation; hidden thinking before a query or an answer is split off and metered."""
        effort, room = self.books.budget.effort, 0
        if effort and purses is not None and isinstance(request, ask.Write):
            room = purses.think.take(CALL_ROOM)
            cap += room
        heat = request.temperature
        call = Call(
            request.prompt,
            cap,
            request.stop,
            self.decoding.temperature if heat is None else heat,
            self.decoding.top_p,
            self.seed_at(path),
            effort,
            tell_logprobs=getattr(request, "worth", None) is not None,
        )
        reply = await self._made(call, path, kind)
        reply = replace(reply, well_formed=ask.well_formed(request, reply))
        hidden = min(reply.usage.reasoning_tokens, reply.tokens)
        if purses is None or isinstance(request, ask.Think):
            return reply
        purses.think.used += hidden - room
        if hidden:
            self.books.note(Thought(path=(*path, 0), tokens=hidden, note=HIDDEN))
        return replace(reply, tokens=reply.tokens - hidden)

    async def _made(self, call: Call, path: Path, kind: str) -> Reply:
        """The call, watched as it comes and counted however it ends."""
        books, heard = self.books, list[str]()
        books.tell(Begun(path, kind))
        try:
            reply = await self.model.generate(call, books.streamer(path, kind, heard))
        except BaseException:
            books.break_off(path, kind, heard)
            raise
        if reply.tokens > call.cap:
            raise BadReply(
                f"the model returned {reply.tokens} tokens where {call.cap} were allowed"
            )
        books.usage += replace(reply.usage, completion_tokens=reply.tokens)
        return reply

    async def prolonged(self, request: ask.Think, reply: Reply, cap: int, path: Path) -> Reply:
        """The same thought, its early ends dropped, until the cap is spent or the cues are."""
        assert request.again is not None
        for _ in range(MOST_CUES):
            if reply.finish == "length" or reply.tokens >= cap:
                break
            so_far = request.again(reply.text)
            longer = replace(request, prompt=(*request.prompt, Message("assistant", so_far)))
            try:
                more = await self.generate(longer, cap - reply.tokens, path, "thought", None)
            except BaseException:
                self.books.note(Thought(**spent(path, reply), text=reply.text))
                raise
            reply = replace(
                more,
                text=so_far + more.text,
                pieces=(),
                logprobs=(),
                tokens=reply.tokens + more.tokens,
                usage=reply.usage + more.usage,
                seconds=reply.seconds + more.seconds,
            )
        return reply

    async def score(self, request: ask.Score, path: Path) -> Reply:
        """The log-probability of a text; nothing is generated."""
        call = Call(request.prompt, 1, seed=self.seed_at(path), score_text=request.text)
        reply = await self.model.generate(call)
        self.books.usage += replace(reply.usage, completion_tokens=0)
        if request.note and reply.score is not None:
            worth = math.exp(min(0.0, reply.score))
            self.books.note(Thought(**spent(path, reply), note=request.note, worth=worth))
        return reply
