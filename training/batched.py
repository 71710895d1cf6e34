"""A ChatModel in PyTorch that answers many calls at once: where a GPU is, thousands of runs take a minute.

Calls wait until a slot is free; all slots write one token a step. It says what the served model says, up to rounding.
It does not know what a run is.
"""

from __future__ import annotations

import asyncio
import codecs
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from engine.run.ports import Call
from engine.run.requests import Reply
from engine.types import Finish, Usage
from training.chat import END, Tokens, chat_text
from training.held import WORTH, Held
from training.llama import Llama

READ, FEW = 65_536, 512
"""Most tokens that are read at once, padding included; on a processor, which gains nothing from more."""
T = TypeVar("T")


@dataclass
class _Writing:
    """One call in its slot."""

    call: Call
    done: Callable[[Reply | BaseException], None]
    prompt: list[int]
    began: float
    said: bytearray = field(default_factory=bytearray)
    ends: list[int] = field(default_factory=list)
    """Per token: the bytes said after it."""
    last: int = 0
    """Its last token, which is not read yet."""

    @property
    def written(self) -> int:
        return len(self.ends)

    def reply(self, finish: Finish, cut: int | None) -> Reply:
        """The text up to the cut, in pieces that are whole characters."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        most = len(self.said) if cut is None else cut
        parts, at = [], 0
        for end in self.ends:
            parts.append(decoder.decode(bytes(self.said[at : min(end, most)])))
            at = min(end, most)
        parts[-1] += decoder.decode(b"", final=True)
        usage = Usage(input_tokens=len(self.prompt), completion_tokens=self.written, calls=1)
        took = time.monotonic() - self.began
        return Reply("".join(parts), tuple(parts), finish, self.written, usage, took)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A call whose slot holds the first tokens of its prompt."""

    call: _Writing
    slot: int
    known: int


class Batched:
    """`model`: a causal model of transformers on its device, with or without adapters. Close it after use."""

    def __init__(
        self,
        model: Any,
        tokens: Tokens,
        slots: int = 128,
        length: int = 2048,
    ) -> None:
        self.llama, self._tokens = Llama(model, slots, length), tokens
        self._most = READ if self.llama.device.type == "cuda" else FEW
        self._pieces, self._end = pieces(tokens), tokens.ids(END)[0]
        self._waiting: queue.SimpleQueue[_Writing | None] = queue.SimpleQueue()
        self._slots: dict[int, _Writing] = {}
        self._held = Held(slots, length)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    async def generate(self, call: Call, on_piece: Callable[[str], None] | None = None) -> Reply:
        """As ChatModel; also scores. Pieces come with the reply, seeds are not heeded, too long a prompt loses its
        beginning.

        Raises ValueError for a `top_p` below 1, which is not done here.
        """
        del on_piece
        if call.top_p < 1:
            raise ValueError("top_p is not done here")
        if call.score_text is None and call.cap <= 0:
            return Reply(finish="length")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Reply] = loop.create_future()

        def done(reply: Reply | BaseException) -> None:
            loop.call_soon_threadsafe(_settle, future, reply)

        self._waiting.put(_Writing(call, done, self._ids(call), time.monotonic()))
        return await future

    def refresh(self) -> None:
        """Take over the model's adapter as it is now; only while no call waits."""
        self.llama.refresh()
        self._held.clear()

    def close(self) -> None:
        """End the thread; calls that wait are not answered."""
        self._waiting.put(None)
        self._thread.join()

    def _ids(self, call: Call) -> list[int]:
        prompt = call.prompt
        if prompt and prompt[-1].role == "assistant":
            text = chat_text(prompt[:-1]) + prompt[-1].content
        else:
            text = chat_text(prompt)
        room = 1 if call.score_text is not None else call.cap
        return self._tokens.ids(text)[-max(1, self.llama.length - room - 1) :]

    def _work(self) -> None:
        told: list[_Writing] = []
        while True:
            told = self._gather(told)
            if told and told[-1].call.cap == _OVER:
                return
            free = [n for n in range(self.llama.slots) if n not in self._slots]
            begun = told[: len(free)]
            told = told[len(begun) :]
            try:
                self._begin(begun, free)
                for _ in range(8 if told or self._slots else 0):
                    if self._slots:
                        self._step()
            except Exception as fault:  # every call gets it, so that no run waits for ever
                for one in [*begun, *self._slots.values()]:
                    one.done(fault)
                self._slots.clear()

    def _gather(self, told: list[_Writing]) -> list[_Writing]:
        """What waits by now; with nothing in hand, wait for the first and a moment for its likes."""
        if not told and not self._slots:
            first = self._waiting.get()
            time.sleep(0.002)
            told = [first or _END_OF_WORK]
        while True:
            try:
                told.append(self._waiting.get_nowait() or _END_OF_WORK)
            except queue.Empty:
                return told

    def _begin(self, begun: Sequence[_Writing], free: Sequence[int]) -> None:
        """Prompts of like length are read together, and only what no slot holds of them."""
        weighed = [w for w in begun if w.call.score_text is not None]
        for part in _alike(weighed, lambda w: len(w.prompt), self._most):
            replies = [self._tokens.ids(f"{w.call.score_text}{END}") for w in part]
            pairs = [(w.prompt, reply) for w, reply in zip(part, replies, strict=True)]
            for one, score in zip(part, self.llama.scores(pairs), strict=True):
                one.done(Reply(score=score, seconds=time.monotonic() - one.began))
        rest = [w for w in begun if w.call.score_text is None]
        places = list(free)
        while rest:
            now = self._held.apart([w.prompt for w in rest])
            placed = [self._placed(rest[n], places) for n in now]
            rest = [w for n, w in enumerate(rest) if n not in now]
            for some in _alike(placed, lambda one: len(one.call.prompt) - one.known, self._most):
                self._read(some)

    def _placed(self, call: _Writing, places: list[int]) -> _Placed:
        """Into the free slot that holds most of it, or a copy of what another one holds."""
        shared = self._held.shared(call.prompt)
        slot, source = max(places, key=lambda n: shared[n]), int(shared.argmax())
        places.remove(slot)
        if shared[source] > shared[slot] + WORTH:
            self.llama.copy(source, slot, int(shared[source]))
            shared[slot] = shared[source]
        known = min(int(shared[slot]), len(call.prompt) - 1)
        self._held.hold(slot, call.prompt[:known])
        return _Placed(call, slot, known)

    def _read(self, some: Sequence[_Placed]) -> None:
        mine = [one.slot for one in some]
        logits = self.llama.begin(mine, [w.call.prompt for w in some], [w.known for w in some])
        heat = torch.tensor([w.call.call.temperature for w in some], device=logits.device)
        where = torch.tensor(mine, device=logits.device)
        first = self.llama.chosen(logits, heat)
        self.llama.heat[where] = heat
        self.llama.token[where] = first
        ends = [len(one.call.prompt) for one in some]
        self.llama.place[where] = torch.tensor(ends, device=logits.device)
        for one in some:
            self._held.hold(one.slot, one.call.prompt)
            self._slots[one.slot] = one.call
        self._take(zip(mine, first.tolist(), strict=True))

    def _step(self) -> None:
        longest = max(len(w.prompt) + w.written for w in self._slots.values()) + 1
        found = self.llama.step(longest, list(self._slots))
        self.llama.token.copy_(found)
        self.llama.place.add_(1).clamp_(max=self.llama.length - 1)
        said = found.tolist()
        self._take([(slot, said[slot]) for slot in self._slots])

    def _take(self, written: Iterable[tuple[int, int]]) -> None:
        for slot, token in list(written):
            one = self._slots[slot]
            if one.written:
                self._held.add(slot, len(one.prompt) + one.written - 1, one.last)
            one.last = token
            fresh = b"" if token == self._end else self._pieces[token]
            one.said += fresh
            one.ends.append(len(one.said))
            cut = _stopped(one.said, one.call.stop, len(fresh))
            if token == self._end or cut is not None:
                finish: Finish = "stop"
            elif one.written >= one.call.cap:
                finish = "length"
            else:
                continue
            del self._slots[slot]
            one.done(one.reply(finish, cut))


def _alike(calls: Sequence[T], length: Callable[[T], int], most: int) -> Iterator[list[T]]:
    """Calls of which as many tokens are to be read, as many as are read at once."""
    rest = sorted(calls, key=length)
    while rest:
        count = max(1, most // length(rest[-1]))
        yield rest[-count:]
        rest = rest[:-count]


_OVER = -1
_END_OF_WORK = _Writing(Call((), _OVER), lambda _: None, [0], 0.0)


def _settle(future: asyncio.Future[Reply], reply: Reply | BaseException) -> None:
    if future.done():
        return
    if isinstance(reply, BaseException):
        future.set_exception(reply)
    else:
        future.set_result(reply)


def _stopped(said: bytearray, stops: Sequence[str], fresh: int) -> int | None:
    """Where the text ends because a stop string came up in its last `fresh` bytes."""
    found = []
    for stop in stops:
        sign = stop.encode()
        at = said.find(sign, max(0, len(said) - fresh - len(sign)))
        if at >= 0:
            found.append(at)
    return min(found, default=None)


def pieces(tokens: Tokens) -> list[bytes]:
    """The bytes of every token of a byte-level vocabulary; special ones say nothing."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    byte = {chr(b): b for b in plain} | {chr(256 + n): b for n, b in enumerate(others)}
    special = set(tokens.inner.all_special_ids)
    names = tokens.inner.convert_ids_to_tokens(list(range(len(tokens.inner))))
    return [
        b"" if n in special else bytes(byte[c] for c in name if c in byte)
        for n, name in enumerate(names)
    ]
