"""Any OpenAI-compatible endpoint as a ChatModel, over the `openai` client.

Every reply is streamed, so that stopping a call stops the server and so that the text of each token is seen as it
comes; `stream.py` puts it together and checks it. It does not know prices, budgets or which endpoint it talks to.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn, Self
from urllib.parse import urlsplit

import httpx2
import openai

from engine.errors import BadReply, Busy, EndpointError, InputError, TooSlow, Unreachable
from engine.models.capabilities import CONTINUE_FLAGS, NOTHING_KNOWN, Capabilities, probe
from engine.models.stream import Taken, checked_usage, named, tail_logprobs
from engine.run.ports import Call
from engine.run.requests import Reply
from engine.types import Prompt, Resumed

FIRST_TOKENS = 10
"""How many candidates for a token are asked for, where its probabilities are wanted."""
SHORTEST_KEY = 8
"""Characters: a shorter one is a placeholder, and may well be a word of an answer."""
_FAULTS = (openai.APIError, httpx2.HTTPError, json.JSONDecodeError, UnicodeError)
"""What the client lets through: errors of a stream that has begun are the transport's own."""
KEPT = httpx2.Limits(max_connections=1000, max_keepalive_connections=1000, keepalive_expiry=2.0)
"""Idle connections to this machine are used again only for a moment: servers close them after some seconds, in a race
with the next call."""
ALONE = {"Connection": "close"}
"""llama.cpp closes a kept connection at any time (4 calls in 100 were lost to it): there each call has its own."""
GO_ON = "Go on exactly where your last message stops. Do not repeat any of it."
"""Follows a replayed turn: an endpoint that cannot continue a turn would begin a new one, or refuse the prompt."""


class OpenAIChat:
    """One model of one endpoint. Bound to the event loop of its first call; close it with `aclose`.

    `timeout_s` bounds a whole call. `extra_body` goes into every request as it is.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str = "",
        name: str = "",
        timeout_s: float = 120.0,
        max_retries: int = 1,
        max_concurrency: int = 64,
        capabilities: Capabilities = NOTHING_KNOWN,
        extra_body: dict[str, Any] | None = None,
        http_client: Any = None,
    ) -> None:
        self.model, self.name = model, name or model
        self.capabilities = capabilities
        self.timeout_s = timeout_s
        self._key = api_key
        self._extra_body = dict(extra_body or {})
        self._places = asyncio.Semaphore(max_concurrency)
        self._client = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key or "none",
            timeout=openai.Timeout(timeout_s, connect=5.0),
            max_retries=max_retries,
            http_client=http_client or _direct(base_url),
        )

    async def generate(self, call: Call, on_piece: Callable[[str], None] | None = None) -> Reply:
        """As ChatModel. A cap of 0 is an empty reply without a call.

        Raises Unreachable, Busy (try again), BadReply (not to be trusted) or EndpointError (says what to check).
        """
        if call.score_text is None and call.cap <= 0:
            return Reply(finish="length")
        try:
            async with self._places, asyncio.timeout(self.timeout_s):
                if call.score_text is not None:
                    return await self._score(call, call.score_text)
                return await self._stream(call, on_piece or _ignore)
        except TimeoutError as fault:
            raise TooSlow(
                f"model {self.name}: no full reply within {self.timeout_s:g} s"
            ) from fault
        except _FAULTS as fault:
            self._explain(fault)

    async def probe(self) -> Capabilities:
        """Find out what the endpoint can do, and keep it; errors as from `generate`."""
        try:
            async with asyncio.timeout(self.timeout_s):
                self.capabilities = await probe(self._client, self.model, self._extra_body)
        except TimeoutError as fault:
            raise TooSlow(
                f"model {self.name}: no full reply within {self.timeout_s:g} s"
            ) from fault
        except _FAULTS as fault:
            self._explain(fault)
        return self.capabilities

    def leave_retries(self) -> None:
        """Do not try again in here: who calls does, and wants to see every failure."""
        self._client.max_retries = 0

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def _stream(self, call: Call, on_piece: Callable[[str], None]) -> Reply:
        began = time.monotonic()
        take = Taken(self.name, call.cap, self.capabilities)
        resumed = self._resumed(call.prompt)
        messages = _messages(call.prompt)
        if resumed == "replayed":
            messages.append({"role": "user", "content": GO_ON})
        stream = await self._begin(messages=messages, stream=True, **self._fields(call))
        tail = ""
        async with stream:
            async for chunk in stream:
                if text := take.chunk(named(chunk)):
                    tail = (tail + text)[-len(self._key) - len(text) :]
                    self._keep_out_key(tail)
                    on_piece(text)
        return replace(take.reply(time.monotonic() - began), resumed=resumed)

    def _keep_out_key(self, text: str) -> None:
        """A reply that tells our key is no answer, and nothing of it is kept."""
        if len(self._key) >= SHORTEST_KEY and self._key in text:
            raise BadReply(f"model {self.name}: the reply tells the key it was called with")

    def _resumed(self, prompt: Prompt) -> Resumed:
        """How a prompt that ends in the assistant's own turn is taken here."""
        if not prompt or prompt[-1].role != "assistant":
            return ""
        return "continued" if self.capabilities.prefix_continuation else "replayed"

    async def _begin(self, extra_body: dict[str, Any], **fields: Any) -> Any:
        """A streamed call by the client's own way for requests that it does not spell out: chunks are JSON objects.

        It is the same request; `create` looks every message over for files to encode and makes every chunk a model,
        which takes longer than all that a sweep adds.
        """
        return await self._client.post(
            "/chat/completions",
            body={"model": self.model, **fields, **extra_body},
            options={"headers": ALONE} if self.capabilities.token_boundaries == "timings" else {},
            cast_to=object,
            stream=True,
            stream_cls=openai.AsyncStream[object],
        )

    async def _create(self, **fields: Any) -> Any:
        """The client's call, untyped: which fields an endpoint takes is known at run time only."""
        create: Any = self._client.chat.completions.create
        return await create(model=self.model, **fields)

    def _fields(self, call: Call) -> dict[str, Any]:
        """The request beside model and messages."""
        able = self.capabilities
        extra = dict(self._extra_body)
        if able.token_boundaries == "timings":
            extra["timings_per_token"] = True
        if able.prefix_continuation == "flags" and call.prompt[-1].role == "assistant":
            extra |= CONTINUE_FLAGS
        fields: dict[str, Any] = {
            able.cap_field: call.cap,
            "extra_body": extra,
        }
        if able.sampling:
            fields |= {"temperature": call.temperature, "top_p": call.top_p}
        if able.usage:
            fields["stream_options"] = {"include_usage": True}
        if call.effort:
            fields["reasoning_effort"] = call.effort
        if call.stop:
            fields["stop"] = list(call.stop)
        if able.seed:
            fields["seed"] = call.seed
        if able.token_boundaries == "logprobs":
            fields["logprobs"] = True
        if call.tell_logprobs and able.logprobs:
            fields |= {"logprobs": True, "top_logprobs": FIRST_TOKENS}
        return fields

    async def _score(self, call: Call, text: str) -> Reply:
        """The mean log-probability of `text` as the reply, from vLLM's `prompt_logprobs`."""
        if not self.capabilities.prompt_logprobs or not text:
            return Reply(refused="unsupported")
        began = time.monotonic()
        reply = await self._create(
            messages=[*_messages(call.prompt), {"role": "assistant", "content": text}],
            extra_body={**self._extra_body, **CONTINUE_FLAGS, "prompt_logprobs": 0},
            **{self.capabilities.cap_field: 1},
        )
        scores = tail_logprobs(getattr(reply, "prompt_logprobs", None), text)
        if not scores:
            raise BadReply(f"model {self.name}: no log-probabilities for the text to score")
        return Reply(
            score=sum(scores) / len(scores),
            usage=checked_usage(reply.usage, self.name, cap=1),
            seconds=time.monotonic() - began,
        )

    def _explain(self, fault: Exception) -> NoReturn:
        """Raise our error for the client's: what happened, what to check, never the key."""
        said = " ".join(str(getattr(fault, "message", fault)).split())
        said = said.replace(self._key, "***") if self._key else said
        who = f"model {self.name}"
        match fault:
            case openai.APITimeoutError() | httpx2.TimeoutException():
                raise TooSlow(f"{who}: no reply within {self.timeout_s:g} s") from fault
            case openai.APIResponseValidationError():
                raise BadReply(f"{who}: an answer that is not a chat completion") from fault
            case openai.APIConnectionError():
                url = urlsplit(str(self._client.base_url))
                raise Unreachable(
                    f"{who}: nothing answers at {url.hostname}:{url.port or url.scheme}; is the server running?"
                ) from fault
            case openai.AuthenticationError() | openai.PermissionDeniedError():
                raise EndpointError(
                    f"{who}: the endpoint refused the key ({fault.status_code}); check `api_key_env` and the"
                    " variable that it names"
                ) from None
            case openai.NotFoundError():
                raise EndpointError(
                    f"{who}: the endpoint has no such address or model (404); check `base_url` (it usually ends in"
                    " /v1) and `model`"
                ) from fault
            case openai.APIStatusError() if (
                fault.status_code in (408, 409, 429) or fault.status_code >= 500
            ):
                raise Busy(
                    f"{who}: the endpoint is busy or failing ({fault.status_code})",
                    _retry_after(fault),
                ) from fault
            case openai.APIStatusError():
                raise EndpointError(
                    f"{who}: the endpoint refused the request ({fault.status_code}): {said[:300]}"
                ) from fault
            case openai.APIError():
                raise BadReply(
                    f"{who}: the endpoint reported an error mid-reply: {said[:300]}"
                ) from fault
            case UnicodeEncodeError():
                raise InputError(f"{who}: the prompt holds broken characters") from fault
            case httpx2.HTTPError():
                raise BadReply(f"{who}: the connection broke off in mid-reply") from fault
            case _:
                raise BadReply(f"{who}: the endpoint sent something that is not JSON") from fault


def _messages(prompt: Prompt) -> list[Any]:
    return [{"role": message.role, "content": message.content} for message in prompt]


def _retry_after(fault: openai.APIStatusError) -> float | None:
    try:
        return max(0.0, float(fault.response.headers.get("retry-after", "")))
    except ValueError:
        return None


def _direct(base_url: str) -> Any:
    """For a loopback address a client without proxies; else the default."""
    if urlsplit(base_url).hostname in ("127.0.0.1", "localhost", "::1"):
        return openai.DefaultAsyncHttpxClient(trust_env=False, limits=KEPT)
    return None


def _ignore(_: str) -> None:
    """Nobody watches."""
