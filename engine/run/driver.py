"""The driver performs what a strategy asks for, and meters it.

It is the only place that hands out the budgets. What a budget forbids is answered with a refused reply; budgets of
branches are handed out in order before any starts, so that timing cannot matter. What is done goes into the books
(`books.py`), model calls are made by `calls.py`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from engine.errors import InputError, StrategyError
from engine.run import requests as ask
from engine.run.account import TOLD, search_step
from engine.run.books import MOST_REQUESTS, Begun, Books, Log, Path, spent
from engine.run.branches import all_done, as_sample, may_search, may_think
from engine.run.budgets import CALL_ROOM, Purse, Purses, doses
from engine.run.calls import Calls
from engine.run.outside import Talks, accounted
from engine.run.ports import Agent, ChatModel, Query, Retriever, Task
from engine.run.requests import Play, Reply
from engine.types import (
    Answer,
    Axis,
    Budget,
    Decoding,
    Reading,
    Search,
    StoppedBy,
    Thought,
    Trace,
    Usage,
)


@dataclass
class Driver:
    """Performs one run. Make one per run; `trace` may be asked for at any time, also after a cancellation."""

    model: ChatModel
    retriever: Retriever | None
    budget: Budget
    question_id: str = ""
    seed: int = 0
    decoding: Decoding = Decoding()
    log: Log | None = None
    agent: Agent | None = None

    def __post_init__(self) -> None:
        if "think" in doses(self.budget):
            _check_continues(self.model)
        if self.budget.search and self.retriever is None:
            raise InputError("a search budget above 0 needs an index; name one or set search to 0")
        self._purses = Purses.of(self.budget)
        self.books = Books(self.budget, self.log)
        self._calls = Calls(self.model, self.books, self.question_id, self.seed, self.decoding)
        self._talks = Talks(self.agent)
        self._seconds = 0.0

    async def run(self, play: Play) -> Trace:
        """Perform a strategy to its end. Raises EndpointError; a cancellation passes through."""
        try:
            answer, self._seconds = await self._perform(play, self._purses, ())
        finally:
            play.close()
            await self._talks.aclose()
        if self.books.waiting:
            raise StrategyError("a query was written but neither sent nor discarded")
        if answer and not self.books.answered:
            self.books.note(Answer(path=(MOST_REQUESTS - 1,), text=answer))  # chosen, not written
        return self.trace(answer)

    def trace(self, answer: str, by: StoppedBy | None = None, detail: str = "") -> Trace:
        """The run so far as a trace; `by` tells what ended it when it did not end by itself."""
        return self.books.trace(answer, self._seconds, by, detail)

    # ------------------------------------------------------------------------------------- performing

    async def _perform(self, play: Play, purses: Purses, path: Path) -> tuple[str, float]:
        """The returned text and the seconds along the critical path."""
        seconds, n = 0.0, 0
        try:
            request = next(play)
            while n < MOST_REQUESTS:
                if isinstance(request, ask.End):
                    request = play.send(self._end(request, purses, (*path, max(0, n - 1))))
                    continue
                reply = await self._answer(request, purses, (*path, n))
                seconds += reply.seconds
                n += 1
                request = play.send(reply)
        except StopIteration as end:
            return str(end.value or ""), seconds
        raise StrategyError(f"a strategy asked for more than {MOST_REQUESTS} things in one run")

    def _end(self, request: ask.End, purses: Purses, last: Path) -> Reply:
        """Whether the end stands, where the model wants it; `last` is the place of the request before."""
        if request.by != "answer":
            self.books.ended.add(request.by)
            return Reply()
        held: dict[Axis, Purse] = {"search": purses.search, "think": purses.think}
        go_on = next((axis for axis in request.spend if held[axis].told_to_go_on()), None)
        if go_on:
            self.books.note(Thought(path=(*last, MOST_REQUESTS), note=TOLD[go_on]))
        return Reply(go_on=go_on)

    async def _answer(self, request: ask.Request, purses: Purses, path: Path) -> Reply:
        match request:
            case ask.Think():
                return await self._think(request, purses, path)
            case ask.Write(what="query"):
                return await self._write_query(request, purses, path)
            case ask.Write() if len(path) > 1:
                purses.think.kept = 0
                return await self._think(as_sample(request), purses, path)
            case ask.Write():
                return await self._write_answer(request, purses, path)
            case ask.Search():
                return (await self._search([request], purses, [path]))[0]
            case ask.Discard():
                return self._discard(request, purses, path)
            case ask.Score():
                return await self._calls.score(request, path)
            case ask.Together():
                return await self._together(request, purses, path)
            case ask.Outside():
                return await self._outside(request, purses, path)
        raise StrategyError(f"a strategy yielded {type(request).__name__}, which is no request")

    async def _think(self, request: ask.Think, purses: Purses, path: Path) -> Reply:
        if request.cap <= 0:
            return Reply(finish="length")
        dose = purses.think.dose and request.again is not None
        wanted = request.cap + (CALL_ROOM if self.budget.effort else 0)
        cap = purses.think.take(purses.think.remaining if dose else wanted)
        if not cap:
            self.books.note(Thought(path=path, refused=True, note=request.note))
            return Reply(refused="think")
        reply = await self._calls.generate(request, cap, path, "thought", purses)
        if dose:
            reply = await self._calls.prolonged(request, reply, cap, path)
        purses.think.give_back(cap - reply.tokens)
        cut = reply.finish == "length" and (dose or cap < request.cap)
        note = "malformed turn" if ask.malformed(request, reply) else request.note
        worth = request.worth(reply) if request.worth else None
        self.books.note(
            Thought(**spent(path, reply), text=reply.text, cut=cut, note=note, worth=worth)
        )
        return reply

    async def _write_query(self, request: ask.Write, purses: Purses, path: Path) -> Reply:
        """A written query holds one search until it is sent or discarded, so that it can always be sent."""
        if not purses.search.take(1):
            self.books.note(Search(path=path, refused=True))
            return Reply(refused="search")
        reply = await self._calls.generate(request, request.cap, path, "search", purses)
        reply = replace(reply, place=path)
        self.books.hold(reply, path)
        return reply

    async def _write_answer(self, request: ask.Write, purses: Purses, path: Path) -> Reply:
        if self.books.answered:
            raise StrategyError("a strategy wrote a second final answer")
        reply = await self._calls.generate(request, request.cap, path, "answer", purses)
        self.books.note(Answer(**spent(path, reply), text=reply.text))
        return reply

    def _discard(self, request: ask.Discard, purses: Purses, path: Path) -> Reply:
        written = self.books.take_up(request.written)
        if written.tokens > purses.think.remaining:
            self.books.hold(written, written.place)
            return Reply(refused="think")
        purses.search.give_back(1)
        purses.think.take(written.tokens)
        self.books.note(Thought(**spent(path, written), text=written.text, note=request.note))
        return Reply(text=written.text)

    async def _outside(self, request: ask.Outside, purses: Purses, path: Path) -> Reply:
        """The next step of an agent outside: counted as it tells it, also where it spent more than it may."""
        task = Task(
            request.question,
            max(0, purses.search.remaining),
            max(0, purses.think.remaining),
            self._calls.seed_at(path),
            self.decoding.temperature,
        )
        said = await self._talks.next(path[:-1], task, request.given)
        self.books.usage += said.reply.usage
        if said.act == "query" and purses.search.take(1):
            reply = replace(said.reply, act="query", place=path)
            self.books.hold(reply, path)
            return reply
        reply, steps = accounted(said, purses, path)
        for step in steps:
            self.books.note(step)
        return reply

    async def _search(
        self, wanted: list[ask.Search], purses: Purses, paths: list[Path]
    ) -> list[Reply]:
        """Send what the budget allows of several queries, in order, as one call of the retriever."""
        sent = []
        for request, path in zip(wanted, paths, strict=True):
            held = [self.books.take_up(r) for r in request.written]
            purses.search.give_back(len(held))
            ok = purses.search.take(1) == 1
            purses.search.cues = 0
            self.books.note(search_step(request, path, ok, held))
            if ok:
                sent.append((request, path))
        if not sent:
            return [Reply(refused="search") for _ in wanted]
        assert self.retriever is not None
        for _, path in sent:
            self.books.tell(Begun(path, "reading"))
        self.books.usage += Usage(queries=len(sent))
        began = time.perf_counter()
        found = await self.retriever.search([Query(r.query, r.top_k) for r, _ in sent])
        seconds = time.perf_counter() - began
        replies = {}
        for (request, path), passages in zip(sent, found, strict=True):
            self.books.note(
                Reading(path=(*path, 1), seconds=seconds, query=request.query, passages=passages)
            )
            replies[path] = Reply(passages=passages, seconds=seconds)
        return [replies.get(path, Reply(refused="search")) for path in paths]

    async def _together(self, request: ask.Together, purses: Purses, path: Path) -> Reply:
        if request.keep and purses.think.remaining < len(request.branches):
            self.books.note(Thought(path=path, refused=True, note="samples"))
            return Reply(refused="think")
        paths = [(*path, i) for i in range(len(request.branches))]
        searches = [
            (b, p)
            for b, p in zip(request.branches, paths, strict=True)
            if isinstance(b, ask.Search)
        ]
        found = (
            await self._search([b for b, _ in searches], purses, [p for _, p in searches])
            if searches
            else []
        )
        done = dict(zip((p for _, p in searches), found, strict=True))
        others = [(b, p) for b, p in zip(request.branches, paths, strict=True) if p not in done]
        shares = purses.share(
            len(others),
            request.keep,
            [may_search(b) for b, _ in others],
            [may_think(b) for b, _ in others],
        )
        results = await all_done(
            self._branch(branch, share, place)
            for (branch, place), share in zip(others, shares, strict=True)
        )
        for share in shares:
            purses.settle(share)
        done |= dict(zip((p for _, p in others), results, strict=True))
        replies = tuple(done[p] for p in paths)
        return Reply(replies=replies, seconds=max((r.seconds for r in replies), default=0.0))

    async def _branch(self, branch: ask.Request | Play, purses: Purses, path: Path) -> Reply:
        if isinstance(branch, ask.Request):
            return await self._answer(branch, purses, path)
        text, seconds = await self._perform(branch, purses, path)
        return Reply(text=text, seconds=seconds)


def _check_continues(model: object) -> None:
    """InputError where the model is known not to continue a thought; a model without a table is trusted."""
    able = getattr(model, "capabilities", None)
    if able is not None and not able.prefix_continuation:
        raise InputError(
            "this model cannot continue its own turn, so thinking cannot be forced on it; use a cap"
        )
