"""What was said in a run of a tagged protocol, as texts with the model's own words told from what was put in.

The strategies themselves run, behind the app's driver; a model in between remembers each call. The calls of one turn
are one text, since each goes on where the one before stopped; a forced answer has a prompt of its own and is another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from engine.run.driver import Driver
from engine.run.ports import Call, ChatModel, Retriever
from engine.run.requests import Reply
from engine.strategies import knobs_of, search_r1, start
from engine.types import Budget, Decoding, Prompt, Question, Trace
from training.chat import chat_text

_PUT_IN = re.compile(
    r"<information>.*?</information>|<\|begin_of_documents\|>.*?<\|end_of_documents\|>|"
    + re.escape(search_r1.CORRECTION),
    re.DOTALL,
)
CLOSING = "</answer>"
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Spoken:
    """One turn of the assistant."""

    prompt: str
    """All before it, in the chat's layout."""
    text: str
    put_in: tuple[Span, ...] = ()
    """Characters of the text that the model did not write: passages and corrections."""

    def own(self) -> Iterator[tuple[str, bool]]:
        """The text in pieces, each with whether the model wrote it."""
        at = 0
        for begin, end in self.put_in:
            if begin > at:
                yield self.text[at:begin], True
            yield self.text[begin:end], False
            at = end
        if at < len(self.text):
            yield self.text[at:], True


@dataclass
class Remembering:
    """A model that keeps what it was asked and what it said."""

    inner: ChatModel
    said: list[tuple[Prompt, Reply]] = field(default_factory=list)

    async def generate(self, call: Call, on_piece: Callable[[str], None] | None = None) -> Reply:
        reply = await self.inner.generate(call, on_piece)
        self.said.append((call.prompt, reply))
        return reply


@dataclass(frozen=True, slots=True)
class Rollout:
    """One run and its texts; the first is the turn of the protocol."""

    question: Question
    trace: Trace
    spoken: tuple[Spoken, ...]

    @property
    def searches(self) -> int:
        return self.trace.search.used


async def rollout(
    strategy: str,
    question: Question,
    model: ChatModel,
    index: Retriever,
    budget: Budget,
    seed: int,
    temperature: float = 1.0,
) -> Rollout:
    """One run of a tagged strategy. Raises EndpointError."""
    heard = Remembering(model)
    driver = Driver(heard, index, budget, question.id, seed, Decoding(temperature))
    trace = await driver.run(start(strategy, question, knobs_of(strategy)))
    return Rollout(question, trace, tuple(spoken((p, r.text, r.finish) for p, r in heard.said)))


def spoken(said: Iterable[tuple[Prompt, str, str]]) -> Iterator[Spoken]:
    """Prompts with what was written behind them and how that ended, in order -> the turns that they make up."""
    for _, calls in groupby(said, key=lambda one: _before(one[0])):
        prompt, text, finish = list(calls)[-1]
        so_far = prompt[-1].content if prompt[-1].role == "assistant" else ""
        closed = CLOSING if so_far.endswith("<answer>") and finish == "stop" else ""
        spans = tuple((m.start(), m.end()) for m in _PUT_IN.finditer(so_far))
        yield Spoken(chat_text(_before(prompt)), so_far + text + closed, spans)


def _before(prompt: Prompt) -> Prompt:
    return prompt[:-1] if prompt[-1].role == "assistant" else prompt


def advantages(rewards: Sequence[float]) -> list[float]:
    """Of one group, as in GRPO: how far each reward lies from the mean, in standard deviations; all 0 when they agree.

    [1, 0, 0, 1] -> [1, -1, -1, 1]
    """
    mean = sum(rewards) / len(rewards)
    spread = (sum((r - mean) ** 2 for r in rewards) / len(rewards)) ** 0.5
    return [(r - mean) / spread if spread > 1e-6 else 0.0 for r in rewards]
