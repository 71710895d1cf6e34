"""The fake model: says what its script says, for tests, demonstrations and benchmarks.

It keeps the promise of `openai.py` about pieces: the first n pieces of a reply are what a call with cap n would have
said, also where a stop string is cut or held back. Its token counts are made up, but always the same.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from engine.errors import StrategyError
from engine.run.ports import Call
from engine.run.requests import Reply
from engine.types import Prompt, Usage

Script = Iterable[str] | Callable[[Call], str]


class Scripted:
    """A ChatModel whose replies come from a list, in order, or from a function of the call.

    Scripted(["Paris.", "yes"]) answers two calls and raises StrategyError at the third.
    `scores` answers calls with `score_text`; without it they are refused as unsupported.
    `latency_s` is slept before each reply.
    """

    def __init__(
        self,
        script: Script,
        *,
        scores: Callable[[Call], float] | None = None,
        latency_s: float = 0.0,
    ) -> None:
        self.history: list[Call] = []
        """Every call, in the order in which they came."""
        self._say = script if callable(script) else _in_order(script)
        self._scores = scores
        self._latency_s = latency_s

    async def generate(self, call: Call, on_piece: Callable[[str], None] | None = None) -> Reply:
        """As ChatModel."""
        self.history.append(call)
        if call.score_text is not None:
            return self._score(call)
        if call.cap <= 0:
            return Reply(finish="length")
        said = speak(self._say(call), call.cap, call.stop)
        if self._latency_s:
            await asyncio.sleep(self._latency_s)
        for piece in filter(None, said.pieces):
            (on_piece or _ignore)(piece)
        tokens = len(said.pieces)
        return Reply(
            text="".join(said.pieces),
            pieces=said.pieces,
            finish="stop" if said.stopped else "length",
            tokens=tokens,
            usage=Usage(prompt_tokens(call.prompt), 0, tokens, calls=1),
            seconds=self._latency_s,
            resumed="continued" if in_own_turn(call.prompt) else "",
        )

    def _score(self, call: Call) -> Reply:
        if self._scores is None:
            return Reply(refused="unsupported")
        return Reply(score=self._scores(call), usage=Usage(prompt_tokens(call.prompt), calls=1))


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text as a model under a cap and stop strings would have sent it."""

    pieces: tuple[str, ...]
    """One per token; the end mark and held-back text are empty pieces."""
    stopped: bool


def speak(text: str, cap: int, stop: tuple[str, ...] = ()) -> Spoken:
    """Send a text token by token: at most `cap`, the end mark being one, up to a stop string.

    speak("a b", 5) -> pieces ("a", " b", ""), stopped; speak("a b", 1) -> pieces ("a",), not stopped
    """
    sent: list[str] = []
    held = ""
    for token in split(text)[:cap]:
        held += token
        ends = [held.find(mark) for mark in stop if mark in held]
        if ends:
            return Spoken((*sent, held[: min(ends)]), True)
        keep = _possible_stop(held, stop)
        sent.append(held[: len(held) - keep])
        held = held[len(held) - keep :]
    if len(sent) < cap:
        return Spoken((*sent, held), True)
    return Spoken(tuple(sent), False)


def split(text: str) -> list[str]:
    """A text in made-up tokens of at most six letters, joined equal to it.

    "the expedition" -> ["the", " expedi", "tion"]
    """
    return re.findall(r"\s?\S{1,6}|\s", text)


def prompt_tokens(prompt: Prompt) -> int:
    """Made-up prompt tokens: the pieces of the texts and four for each message."""
    return sum(len(split(message.content)) + 4 for message in prompt)


def in_own_turn(prompt: Prompt) -> bool:
    """Whether the model is to go on with what it has said."""
    return bool(prompt) and prompt[-1].role == "assistant"


def _possible_stop(held: str, stop: tuple[str, ...]) -> int:
    """How many last characters may be the beginning of a stop string."""
    sizes = range(max((len(mark) for mark in stop), default=1) - 1, 0, -1)
    return next(
        (n for n in sizes if any(len(mark) > n and held.endswith(mark[:n]) for mark in stop)), 0
    )


def _in_order(replies: Iterable[str]) -> Callable[[Call], str]:
    script = list(replies)
    waiting = iter(script)

    def say(call: Call) -> str:
        reply = next(waiting, None)
        if reply is None:
            asked = call.prompt[-1].content[:80] if call.prompt else ""
            raise StrategyError(
                f"the script of {len(script)} replies ran dry at the prompt ending {asked!r}"
            )
        return reply

    return say


def _ignore(_: str) -> None:
    """Nobody watches."""
