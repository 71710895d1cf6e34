"""The driver performs what a strategy asks for, meters it, and turns every request and reply into a typed step.

It is the only place that knows the budgets. What a budget forbids is answered with a refused reply; budgets of
branches are handed out in order before any starts, so that timing cannot matter; each call's seed follows from the
run's seed, the question and the call's place in the run, never from the budget.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from engine.errors import BadReply, InputError, StrategyError
from engine.run import requests as ask
from engine.run.account import TOLD, bound, parsed, rounds, search_step, untold
from engine.run.branches import all_done, as_sample, may_search, may_think
from engine.run.budgets import CALL_ROOM, MOST_CUES, Purse, Purses, doses
from engine.run.outside import Talks, accounted
from engine.run.ports import Agent, Call, ChatModel, Query, Retriever, Task
from engine.run.requests import Play, Reply
from engine.types import (
    Answer,
    Axis,
    Budget,
    Decoding,
    Message,
    Reading,
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
HIDDEN = "hidden thinking"
"""The note on thinking that an endpoint did not show, before a query or an answer."""
Path = tuple[int, ...]


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


def call_seed(seed: int, question_id: str, path: Path) -> int:
    """31 bits from the run's seed, the question and the place of the call; never from the budget."""
    digest = hashlib.blake2b(repr((seed, question_id, path)).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1


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
    steps: list[Step] = field(default_factory=list)
    usage: Usage = Usage()

    def __post_init__(self) -> None:
        if "think" in doses(self.budget):
            _check_continues(self.model)
        if self.budget.search and self.retriever is None:
            raise InputError("a search budget above 0 needs an index; name one or set search to 0")
        self._purses = Purses.of(self.budget)
        self._pending: dict[Path, Reply] = {}
        self._ended: set[str] = set()
        """The protocol's own limits that ended a loop."""
        self._talks = Talks(self.agent)
        self._seconds = 0.0

    async def run(self, play: Play) -> Trace:
        """Perform a strategy to its end. Raises EndpointError; a cancellation passes through."""
        try:
            answer, self._seconds = await self._perform(play, self._purses, ())
        finally:
            play.close()
            await self._talks.aclose()
        if self._pending:
            raise StrategyError("a query was written but neither sent nor discarded")
        if answer and not any(isinstance(s, Answer) for s in self.steps):
            self._note(Answer(path=(MOST_REQUESTS - 1,), text=answer))  # chosen, not written
        return self.trace(answer)

    def trace(self, answer: str, by: StoppedBy | None = None, detail: str = "") -> Trace:
        """The run so far as a trace; `by` tells what ended it when it did not end by itself."""
        limit = bound(self.steps, self._ended, self.budget.search)
        by = by or limit
        unsent = [search_step(ask.Search(r.text), p, False, [r]) for p, r in self._pending.items()]
        steps = sorted([*self.steps, *unsent], key=lambda s: s.path)
        queries = sum(isinstance(s, Search) and not s.refused for s in steps)
        thinking = sum(s.tokens for s in steps if isinstance(s, Thought))
        query = sum(s.tokens for s in steps if isinstance(s, Search))
        final = sum(s.tokens for s in steps if isinstance(s, Answer))
        detail = detail or untold(self.usage)
        end = Stopped(path=(MOST_REQUESTS,), by=by, detail=detail)
        if self.log is not None:
            self.log.append(end)
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
            seconds=self._seconds or sum(s.seconds for s in steps),
            rounds=rounds([s.path for s in steps if isinstance(s, Search) and not s.refused]),
            turns=len(parsed(steps)),
            well_formed=sum(parsed(steps)),
        )

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
            self._ended.add(request.by)
            return Reply()
        held: dict[Axis, Purse] = {"search": purses.search, "think": purses.think}
        go_on = next((axis for axis in request.spend if held[axis].told_to_go_on()), None)
        if go_on:
            self._note(Thought(path=(*last, MOST_REQUESTS), note=TOLD[go_on]))
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
                return await self._score(request, path)
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
            self._note(Thought(path=path, refused=True, note=request.note))
            return Reply(refused="think")
        reply = await self._generate(request, cap, path, "thought", purses)
        if dose:
            reply = await self._prolonged(request, reply, cap, path)
        purses.think.give_back(cap - reply.tokens)
        cut = reply.finish == "length" and (dose or cap < request.cap)
        note = "malformed turn" if ask.malformed(request, reply) else request.note
        worth = request.worth(reply) if request.worth else None
        self._note(Thought(**_spent(path, reply), text=reply.text, cut=cut, note=note, worth=worth))
        return reply

    async def _prolonged(self, request: ask.Think, reply: Reply, cap: int, path: Path) -> Reply:
        """The same thought, its early ends dropped, until the cap is spent or the cues are."""
        assert request.again is not None
        for _ in range(MOST_CUES):
            if reply.finish == "length" or reply.tokens >= cap:
                break
            so_far = request.again(reply.text)
            longer = replace(request, prompt=(*request.prompt, Message("assistant", so_far)))
            try:
                more = await self._generate(longer, cap - reply.tokens, path, "thought", None)
            except BaseException:
                self._note(Thought(**_spent(path, reply), text=reply.text))
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

    async def _write_query(self, request: ask.Write, purses: Purses, path: Path) -> Reply:
        """A written query holds one search until it is sent or discarded, so that it can always be sent."""
        if not purses.search.take(1):
            self._note(Search(path=path, refused=True))
            return Reply(refused="search")
        reply = await self._generate(request, request.cap, path, "search", purses)
        self._pending[path] = reply = replace(reply, place=path)
        return reply

    async def _write_answer(self, request: ask.Write, purses: Purses, path: Path) -> Reply:
        if any(isinstance(s, Answer) for s in self.steps):
            raise StrategyError("a strategy wrote a second final answer")
        reply = await self._generate(request, request.cap, path, "answer", purses)
        self._note(Answer(**_spent(path, reply), text=reply.text))
        return reply

    def _discard(self, request: ask.Discard, purses: Purses, path: Path) -> Reply:
        written = self._take_up(request.written)
        if written.tokens > purses.think.remaining:
            self._pending[written.place] = written
            return Reply(refused="think")
        purses.search.give_back(1)
        purses.think.take(written.tokens)
        self._note(Thought(**_spent(path, written), text=written.text, note=request.note))
        return Reply(text=written.text)

    async def _score(self, request: ask.Score, path: Path) -> Reply:
        call = Call(request.prompt, 1, seed=self._seed(path), score_text=request.text)
        reply = await self.model.generate(call)
        self.usage += replace(reply.usage, completion_tokens=0)
        if request.note and reply.score is not None:
            worth = math.exp(min(0.0, reply.score))
            self._note(Thought(**_spent(path, reply), note=request.note, worth=worth))
        return reply

    async def _outside(self, request: ask.Outside, purses: Purses, path: Path) -> Reply:
        """The next step of an agent outside: counted as it tells it, also where it spent more than it may."""
        task = Task(
            request.question,
            max(0, purses.search.remaining),
            max(0, purses.think.remaining),
            self._seed(path),
            self.decoding.temperature,
        )
        said = await self._talks.next(path[:-1], task, request.given)
        self.usage += said.reply.usage
        if said.act == "query" and purses.search.take(1):
            self._pending[path] = reply = replace(said.reply, act="query", place=path)
            return reply
        reply, steps = accounted(said, purses, path)
        for step in steps:
            self._note(step)
        return reply

    async def _search(
        self, wanted: list[ask.Search], purses: Purses, paths: list[Path]
    ) -> list[Reply]:
        """Send what the budget allows of several queries, in order, as one call of the retriever."""
        sent = []
        for request, path in zip(wanted, paths, strict=True):
            held = [self._take_up(r) for r in request.written]
            purses.search.give_back(len(held))
            ok = purses.search.take(1) == 1
            purses.search.cues = 0
            self._note(search_step(request, path, ok, held))
            if ok:
                sent.append((request, path))
        if not sent:
            return [Reply(refused="search") for _ in wanted]
        assert self.retriever is not None
        for _, path in sent:
            self._tell(Begun(path, "reading"))
        self.usage += Usage(queries=len(sent))
        began = time.perf_counter()
        found = await self.retriever.search([Query(r.query, r.top_k) for r, _ in sent])
        seconds = time.perf_counter() - began
        replies = {}
        for (request, path), passages in zip(sent, found, strict=True):
            self._note(
                Reading(path=(*path, 1), seconds=seconds, query=request.query, passages=passages)
            )
            replies[path] = Reply(passages=passages, seconds=seconds)
        return [replies.get(path, Reply(refused="search")) for path in paths]

    async def _together(self, request: ask.Together, purses: Purses, path: Path) -> Reply:
        if request.keep and purses.think.remaining < len(request.branches):
            self._note(Thought(path=path, refused=True, note="samples"))
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

    # ------------------------------------------------------------------------------------- helpers

    async def _generate(
        self, request: ask.Think | ask.Write, cap: int, path: Path, kind: str, purses: Purses | None
    ) -> Reply:
        """One generation; hidden thinking before a query or an answer is split off and metered."""
        room = 0
        if self.budget.effort and purses is not None and isinstance(request, ask.Write):
            room = purses.think.take(CALL_ROOM)
            cap += room
        heat = request.temperature
        call = Call(
            request.prompt,
            cap,
            request.stop,
            self.decoding.temperature if heat is None else heat,
            self.decoding.top_p,
            self._seed(path),
            self.budget.effort,
            tell_logprobs=getattr(request, "worth", None) is not None,
        )
        self._tell(Begun(path, kind))
        heard: list[str] = []
        try:
            reply = await self.model.generate(call, self._streamer(path, kind, heard))
        except BaseException:
            self._break_off(path, kind, heard)
            raise
        if reply.tokens > cap:
            raise BadReply(f"the model returned {reply.tokens} tokens where {cap} were allowed")
        self.usage += replace(reply.usage, completion_tokens=reply.tokens)
        reply = replace(reply, well_formed=ask.well_formed(request, reply))
        hidden = min(reply.usage.reasoning_tokens, reply.tokens)
        if purses is None or isinstance(request, ask.Think):
            return reply
        purses.think.used += hidden - room
        if hidden:
            self._note(Thought(path=(*path, 0), tokens=hidden, note=HIDDEN))
        return replace(reply, tokens=reply.tokens - hidden)

    def _streamer(self, path: Path, kind: str, heard: list[str]) -> Callable[[str], None] | None:
        if self.log is None:
            return None

        def stream(text: str) -> None:
            heard.append(text)
            self._tell(Piece(path, kind, text))

        return stream

    def _break_off(self, path: Path, kind: str, heard: list[str]) -> None:
        """A generation that was stopped or failed: what had come of it was spent, a piece counting as a token."""
        if not heard:
            return
        text, tokens = "".join(heard), len(heard)
        self.usage += Usage(completion_tokens=tokens, calls=1)
        partial = Reply(text=text, tokens=tokens)
        match kind:
            case "search":
                self._note(search_step(ask.Search(text), path, False, [partial]))
            case "answer":
                self._note(Answer(**_spent(path, partial), text=text))
            case _:
                self._note(Thought(**_spent(path, partial), text=text, note="broken off"))

    def _take_up(self, reply: Reply) -> Reply:
        """The query that was written at the reply's place; it waits no longer."""
        written = self._pending.pop(reply.place, None)
        if written is None:
            raise StrategyError("a strategy used a written query twice, or one it did not write")
        return written

    def _seed(self, path: Path) -> int:
        return call_seed(self.seed, self.question_id, path)

    def _tell(self, event: Begun | Piece | Step) -> None:
        if self.log is not None:
            self.log.append(event)

    def _note(self, step: Step) -> None:
        self.steps.append(step)
        self._tell(step)


def _check_continues(model: object) -> None:
    """InputError where the model is known not to continue a thought; a model without a table is trusted."""
    able = getattr(model, "capabilities", None)
    if able is not None and not able.prefix_continuation:
        raise InputError(
            "this model cannot continue its own turn, so thinking cannot be forced on it; use a cap"
        )


def _spent(path: Path, reply: Reply) -> dict[str, Any]:
    """The fields that every step has."""
    return {
        "path": path,
        "tokens": reply.tokens,
        "input_tokens": reply.usage.input_tokens,
        "seconds": reply.seconds,
        "well_formed": reply.well_formed,
        "resumed": reply.resumed,
    }
