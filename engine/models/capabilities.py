"""What an endpoint can do: probed once by a few tiny real calls, then stored by the caller, never guessed.

A probe sees behaviour, not intent: a field that a server ignores without complaint counts as missing only where
its absence can be seen in the reply.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from engine.errors import BadReply
from engine.types import ThinkControl

Boundaries = Literal["", "logprobs", "timings"]
Continuation = Literal["", "plain", "flags"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The table of one endpoint and model; the empty table promises nothing."""

    seed: bool = False
    """It takes a seed, and one seed gave one reply twice in a row."""
    logprobs: bool = False
    """It sends a log-probability with each token."""
    token_boundaries: Boundaries = ""
    """How the text of each token is known: from the log-probabilities, or from llama.cpp's running count."""
    prompt_logprobs: bool = False
    """It scores a given text (vLLM)."""
    reasoning_effort: bool = False
    """It takes an effort level and shows hidden reasoning."""
    prefix_continuation: Continuation = ""
    """A last turn of the assistant is continued: as it is, or when two flags ask for it (vLLM)."""
    think_control: ThinkControl = "advisory"
    """`hard` where thinking is plain text that can be cut and continued, `effort` where only levels can be set."""
    usage: bool = True
    """It reports token counts; False means that they are counted from the pieces of the stream."""
    sampling: bool = True
    """It takes a temperature; False where only its own will do, as with some reasoning models."""
    cap_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The field that bounds a completion."""
    system_fingerprint: str = ""
    """What the endpoint says about its build, empty when it says nothing."""


NOTHING_KNOWN = Capabilities()
_ECHO = "Repeat exactly: alpha bravo charlie delta echo"
CONTINUE_FLAGS: dict[str, Any] = {"continue_final_message": True, "add_generation_prompt": False}


def control_of(model: object) -> ThinkControl:
    """How a model's thinking can be bounded; one without a table is trusted to be cut and continued."""
    able = getattr(model, "capabilities", None)
    return able.think_control if isinstance(able, Capabilities) else "hard"


async def probe(client: Any, model: str, extra_body: dict[str, Any] | None = None) -> Capabilities:
    """Try an endpoint with about twelve calls of at most 16 tokens.

    `client` is an openai.AsyncOpenAI. Its errors come out as they are where even a plain call fails; a refused field
    (400 or 422) is a missing capability. Raises BadReply for a reply that is no chat completion.
    """
    ask = _Asker(client, model, dict(extra_body or {}))
    await ask.learn_cap_field()
    plain = await ask(_ECHO)
    boundaries = await _boundaries(ask)
    sampling = await ask(_ECHO, temperature=0.5, top_p=0.9) is not None
    continuation = await _continuation(ask, {"temperature": 0.0} if sampling else {})
    hidden = plain is not None and _hidden_reasoning(plain)
    effort = hidden and await ask(_ECHO, reasoning_effort="low") is not None
    return Capabilities(
        seed=await _seed(ask),
        logprobs=await _logprobs(ask),
        token_boundaries=boundaries,
        prompt_logprobs=await _prompt_logprobs(ask),
        reasoning_effort=effort,
        prefix_continuation=continuation,
        think_control="effort" if effort else "hard" if continuation and not hidden else "advisory",
        usage=getattr(plain, "usage", None) is not None,
        sampling=sampling,
        cap_field=ask.cap_field,
        system_fingerprint=str(getattr(plain, "system_fingerprint", None) or ""),
    )


class _Asker:
    """One short call after another; a refused request is None."""

    def __init__(self, client: Any, model: str, extra_body: dict[str, Any]) -> None:
        self.client, self.model, self.extra_body = client, model, extra_body
        self.cap_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"

    async def learn_cap_field(self) -> None:
        """Raises what the endpoint raises when neither field works."""
        if await self(_ECHO) is None:
            self.cap_field = "max_completion_tokens"
            await self._create(_ECHO, "", 16, {}, {})

    async def __call__(
        self,
        text: str,
        prefix: str = "",
        cap: int = 16,
        body: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Any:
        from openai import BadRequestError, UnprocessableEntityError

        try:
            return await self._create(text, prefix, cap, body or {}, fields)
        except (BadRequestError, UnprocessableEntityError):
            return None

    async def _create(
        self, text: str, prefix: str, cap: int, body: dict[str, Any], fields: dict[str, Any]
    ) -> Any:
        messages = [{"role": "user", "content": text}]
        if prefix:
            messages.append({"role": "assistant", "content": prefix})
        reply = await self.client.chat.completions.create(
            model=self.model,
            messages=messages,
            extra_body={**self.extra_body, **body},
            **{self.cap_field: cap, **fields},
        )
        if not hasattr(reply, "choices"):  # the client hands on what was no JSON as it came
            raise BadReply(f"model {self.model}: the reply is not a chat completion")
        return reply


def _text(reply: Any) -> str:
    choices = getattr(reply, "choices", None)
    return (choices[0].message.content or "") if choices else ""


def _hidden_reasoning(reply: Any) -> bool:
    message = reply.choices[0].message
    shown = getattr(message, "reasoning_content", None) or getattr(message, "reasoning", None)
    details = getattr(reply.usage, "completion_tokens_details", None)
    return bool(shown or getattr(details, "reasoning_tokens", None))


async def _seed(ask: _Asker) -> bool:
    replies = [
        await ask("Write five random words.", seed=seed, temperature=1.0) for seed in (1, 1, 2)
    ]
    texts = [_text(reply) for reply in replies]
    return None not in replies and bool(texts[0]) and texts[0] == texts[1] != texts[2]


async def _logprobs(ask: _Asker) -> bool:
    reply = await ask(_ECHO, logprobs=True)
    found = getattr(reply.choices[0], "logprobs", None) if reply else None
    return bool(getattr(found, "content", None))


async def _boundaries(ask: _Asker) -> Boundaries:
    timed = await ask(_ECHO, body={"timings_per_token": True})
    if isinstance((getattr(timed, "timings", None) or {}).get("predicted_n"), int):
        return "timings"
    return "logprobs" if await _logprobs(ask) else ""


async def _continuation(ask: _Asker, calm: dict[str, Any]) -> Continuation:
    """A word cut in its middle is completed first thing only by a model that continues its own turn.

    The turn so far is not what was asked for, so that a server that sends it back with its continuation, as llama.cpp
    does, can be told from a model that begins anew and repeats what it was told.
    """
    prefix = "delta echo alpha bravo char"
    for way, body in (("plain", {}), ("flags", CONTINUE_FLAGS)):
        text = _text(await ask(_ECHO, prefix, body=body, **calm)).removeprefix(prefix)
        if text.startswith("lie"):
            return way  # type: ignore[return-value]
    return ""


async def _prompt_logprobs(ask: _Asker) -> bool:
    reply = await ask(_ECHO, cap=1, body={"prompt_logprobs": 0})
    return bool(getattr(reply, "prompt_logprobs", None))
