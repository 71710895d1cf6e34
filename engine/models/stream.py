"""One streamed reply, put together and checked.

A reply's `pieces` hold, for each completion token in order, the text that the stream gained with it: empty for a token
that only begins a character or a possible stop string, and for what the end mark or a stop string took. So
`len(pieces) == tokens`, and the first n pieces are what a call with cap n would have said, wherever the endpoint
repeats itself. Where the endpoint does not tell boundaries, `pieces` is empty.
Hidden reasoning (`reasoning_content`) is counted in `tokens` and in `usage`, and its text is dropped; such a reply
has no pieces. Where the endpoint does not count it, every chunk of text counts as one token and the rest as hidden.
It does not know how the chunks arrived.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from engine.errors import BadReply
from engine.models.capabilities import Capabilities
from engine.run.requests import Reply
from engine.types import Finish, Usage

_LEAST_LOGPROB = -1e3
_MOST_CHARACTERS_PER_TOKEN = 256
"""More text than this for its cap is garbage, not an answer."""


class Named(SimpleNamespace):
    """A JSON object with its fields as attributes; one that was not sent is None."""

    def __getattr__(self, name: str) -> None:
        return None


def named(data: Any) -> Any:
    """JSON objects by attributes, however deep; `timings` stay as they are."""
    if isinstance(data, dict):
        fields = {k: v if k == "timings" else named(v) for k, v in data.items()}
        return Named(**fields)
    return [named(v) for v in data] if isinstance(data, list) else data


@dataclass(slots=True)
class Taken:
    """What has come of one stream so far."""

    name: str
    cap: int
    able: Capabilities
    pieces: list[str] = field(default_factory=list)
    """One per token, as far as boundaries are known."""
    logprobs: list[float] = field(default_factory=list)
    text: str = ""
    chunks: int = 0
    hidden: bool = False
    finish: str | None = None
    first_tokens: tuple[tuple[str, float], ...] = ()
    usage: Any = None
    bytes_: Any = field(default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"))

    def chunk(self, chunk: Any) -> str:
        """Take one chunk in; the text that it added. BadReply when it is not shaped like one."""
        try:
            return self._add(chunk)
        except (AttributeError, KeyError, TypeError, ValueError) as fault:
            raise BadReply(f"model {self.name}: a chunk that is not a chat completion") from fault

    def _add(self, chunk: Any) -> str:
        self.usage = getattr(chunk, "usage", None) or self.usage
        choices = getattr(chunk, "choices", None)
        if not choices:
            return ""
        choice = choices[0]
        delta = choice.delta
        text = (getattr(delta, "content", None) or "").encode("utf-8", "replace").decode()
        self.hidden |= bool(
            getattr(delta, "reasoning_content", None) or getattr(delta, "reasoning", None)
        )
        self.finish = choice.finish_reason or self.finish
        self.chunks += bool(text)
        self.text += text
        if len(self.text) > _MOST_CHARACTERS_PER_TOKEN * (self.cap + 16):
            raise BadReply(
                f"model {self.name}: far more text than a cap of {self.cap} tokens can hold"
            )
        self._split(chunk, choice, text)
        return text

    def _split(self, chunk: Any, choice: Any, text: str) -> None:
        for token in getattr(getattr(choice, "logprobs", None), "content", None) or ():
            if not self.logprobs:
                others = getattr(token, "top_logprobs", None) or ()
                self.first_tokens = tuple((str(t.token), _bounded(t.logprob)) for t in others)
            self.logprobs.append(_bounded(token.logprob))
            if self.able.token_boundaries == "logprobs":
                data = token.bytes if token.bytes is not None else list(token.token.encode())
                self.pieces.append(self.bytes_.decode(bytes(data)))
        if self.able.token_boundaries == "timings" and text:
            told = (getattr(chunk, "timings", None) or {}).get("predicted_n")
            if isinstance(told, int) and len(self.pieces) < told <= self.cap:
                self.pieces += [""] * (told - len(self.pieces) - 1) + [text]

    def reply(self, seconds: float) -> Reply:
        """The whole reply, once the stream has ended; BadReply when it cannot be trusted."""
        if self.finish not in ("stop", "length"):
            how = f"was ended by '{self.finish}'" if self.finish else "broke off"
            raise BadReply(f"model {self.name}: the reply {how}")
        if self.usage is None and self.able.usage:
            raise BadReply(f"model {self.name}: the reply came without token counts")
        usage = (
            checked_usage(self.usage, self.name, self.cap)
            if self.usage is not None
            else Usage(completion_tokens=min(len(self.pieces) or self.chunks, self.cap), calls=1)
        )
        if self.text and not usage.completion_tokens:
            raise BadReply(f"model {self.name}: text was sent but 0 tokens reported")
        if self.hidden and not usage.reasoning_tokens:
            shown = min(self.chunks, usage.completion_tokens)
            usage = replace(usage, reasoning_tokens=usage.completion_tokens - shown)
        finish: Finish = "stop" if self.finish == "stop" else "length"
        pieces = self._known_pieces(usage.completion_tokens, finish)
        return Reply(
            text=self.text,
            pieces=pieces,
            finish=finish,
            tokens=usage.completion_tokens,
            usage=usage,
            seconds=seconds,
            logprobs=self._told_logprobs(pieces),
            first_tokens=self.first_tokens,
        )

    def _told_logprobs(self, pieces: tuple[str, ...]) -> tuple[float, ...]:
        """One a piece; only pieces without text, as the end mark is, may lack theirs."""
        told = len(self.logprobs)
        return tuple(self.logprobs) if told <= len(pieces) and not any(pieces[told:]) else ()

    def _known_pieces(self, tokens: int, finish: Finish) -> tuple[str, ...]:
        """One piece a token, or none where boundaries are not told or thinking was hidden."""
        way = self.able.token_boundaries
        if self.hidden or not way:
            return ()
        padded = way == "timings" or finish == "stop"
        return _fit(self.pieces, self.text, tokens, padded)


def _bounded(logprob: Any) -> float:
    """A log-probability that can be stored: some servers tell minus infinity."""
    return min(0.0, max(_LEAST_LOGPROB, float(logprob)))


def _fit(pieces: list[str], text: str, tokens: int, padded: bool) -> tuple[str, ...]:
    """Pieces cut to the text (a stop string may have taken the last ones); none when they do not make it up.

    With `padded` the tokens after the last piece are known to have added no text.
    """
    fitted, left = [], text
    for piece in pieces:
        taken = piece if left.startswith(piece) else left if piece.startswith(left) else None
        if taken is None:
            return ()
        fitted.append(taken)
        left = left[len(taken) :]
    if left or len(fitted) > tokens or (len(fitted) < tokens and not padded):
        return ()
    return (*fitted, *[""] * (tokens - len(fitted)))


def checked_usage(told: Any, name: str, cap: int) -> Usage:
    """Reported counts, checked: whole, not negative, and no more than the cap."""
    cached = getattr(getattr(told, "prompt_tokens_details", None), "cached_tokens", None)
    hidden = getattr(getattr(told, "completion_tokens_details", None), "reasoning_tokens", None)
    counts = (getattr(told, "prompt_tokens", None), getattr(told, "completion_tokens", None))
    for count in (*counts, cached or 0, hidden or 0):
        if type(count) is not int or count < 0:
            raise BadReply(f"model {name}: an impossible token count ({str(count)[:40]})")
    prompt, completion = counts
    if completion > cap:  # type: ignore[operator]
        raise BadReply(f"model {name}: {completion} tokens reported for a cap of {cap}")
    return Usage(prompt, cached or 0, completion, hidden or 0, calls=1)  # type: ignore[arg-type]


def tail_logprobs(prompt_logprobs: Any, text: str) -> list[float]:
    """Log-probabilities of the last prompt tokens, as many as make up `text`; empty when they do not."""
    scores: list[float] = []
    left = text
    for entry in reversed(prompt_logprobs or []):
        if not left or not isinstance(entry, dict) or len(entry) != 1:
            break
        (token,) = entry.values()
        piece = token.get("decoded_token") or ""
        if not (left.endswith(piece) or piece.endswith(left)):
            return []
        left = left[: max(0, len(left) - len(piece))]
        scores.append(float(token["logprob"]))
    return [] if left else scores
