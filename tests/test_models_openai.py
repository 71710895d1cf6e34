"""The client against servers that we wrote: replies as servers send them, and as broken ones do."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from engine.errors import BadReply, Busy, EndpointError, InputError, Unreachable
from engine.models.capabilities import Capabilities, probe
from engine.models.openai import OpenAIChat
from engine.run.ports import Call
from engine.run.requests import Reply
from engine.types import Message
from tests.endpoint import serving

KEY = "sk-very-secret"
PROMPT = (Message("user", "Where is the guild?"),)
CALL = Call(PROMPT, 8, ("\n",), 0.5, 0.9, seed=3)
USAGE = {"prompt_tokens": 5, "completion_tokens": 2}
Handler = Callable[[httpx2.Request], httpx2.Response]


def chunk(
    text: str | None = None, finish: str | None = None, delta: Any = None, **more: Any
) -> dict[str, Any]:
    delta = {"content": text} if delta is None else delta
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **more.pop("choice", {})}
    return {"object": "chat.completion.chunk", "choices": [choice], **more}


def counts(**usage: Any) -> dict[str, Any]:
    return {"object": "chat.completion.chunk", "choices": [], "usage": {**USAGE, **usage}}


def stream(*chunks: dict[str, Any] | str) -> httpx2.Response:
    lines = [c if isinstance(c, str) else json.dumps(c) for c in chunks]
    body = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"])
    return httpx2.Response(200, text=body, headers={"content-type": "text/event-stream"})


def generate(
    answer: httpx2.Response | Handler,
    call: Call = CALL,
    able: Capabilities = Capabilities(),  # noqa: B008
    on_piece: Callable[[str], None] | None = None,
    **options: Any,
) -> Reply:
    handler = answer if callable(answer) else lambda _: answer

    async def main() -> Reply:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(handler))
        async with OpenAIChat(
            "https://llm.example/v1",
            "big",
            api_key=KEY,
            name="mine",
            max_retries=0,
            capabilities=able,
            http_client=http,
            **options,
        ) as model:
            return await model.generate(call, on_piece)

    return asyncio.run(main())


def logprobs(*tokens: tuple[str, list[int] | None]) -> dict[str, Any]:
    told = [{"token": t, "bytes": b, "logprob": -0.5, "top_logprobs": []} for t, b in tokens]
    return {"logprobs": {"content": told}}


def test_a_reply_has_text_usage_and_finish_and_is_streamed() -> None:
    seen: list[str] = []
    answer = stream(
        chunk("In"),
        chunk(" Oslo"),
        chunk(finish="stop"),
        counts(prompt_tokens_details={"cached_tokens": 4}),
    )
    reply = generate(answer, on_piece=seen.append)
    assert (reply.text, reply.finish, reply.tokens) == ("In Oslo", "stop", 2)
    assert (reply.usage.input_tokens, reply.usage.cached_input_tokens) == (5, 4)
    assert (reply.usage.completion_tokens, reply.usage.calls) == (2, 1)
    assert seen == ["In", " Oslo"]
    assert reply.pieces == ()


def test_thinking_that_is_hidden_and_not_counted_is_what_no_chunk_shows() -> None:
    hidden = [chunk(delta={"reasoning_content": "hm"}) for _ in range(3)]
    answer = stream(*hidden, chunk("Oslo"), chunk(finish="stop"), counts(completion_tokens=5))
    reply = generate(answer)
    assert (reply.tokens, reply.usage.reasoning_tokens, reply.pieces) == (5, 4, ())


def sent(able: Capabilities, call: Call = CALL, **options: Any) -> dict[str, Any]:
    bodies: list[dict[str, Any]] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        bodies.append(json.loads(request.content))
        return stream(chunk("x", "stop"), counts())

    generate(handler, call, able, **options)
    return bodies[0]


def test_only_what_the_endpoint_understands_is_sent() -> None:
    plain = sent(Capabilities())
    assert plain == {
        "model": "big",
        "messages": [{"role": "user", "content": "Where is the guild?"}],
        "max_tokens": 8,
        "temperature": 0.5,
        "top_p": 0.9,
        "stop": ["\n"],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    able = Capabilities(seed=True, token_boundaries="logprobs", cap_field="max_completion_tokens")
    full = sent(able, extra_body={"cache_prompt": False})
    assert (
        full.items()
        >= {
            "seed": 3,
            "logprobs": True,
            "max_completion_tokens": 8,
            "cache_prompt": False,
        }.items()
    )
    assert "max_tokens" not in full
    assert not sent(Capabilities(sampling=False)).keys() & {"temperature", "top_p"}


def test_flags_that_continue_a_turn_are_sent_only_where_a_turn_is_continued() -> None:
    able = Capabilities(prefix_continuation="flags")
    begun = Call((*PROMPT, Message("assistant", "In")), 8)
    assert sent(able, begun)["continue_final_message"] is True
    assert "continue_final_message" not in sent(able)


def test_pieces_come_from_the_running_count_of_llama_cpp() -> None:
    answer = stream(
        chunk("Hi", timings={"predicted_n": 1}),
        chunk(" 🦊", timings={"predicted_n": 4}),
        chunk(finish="stop"),
        counts(completion_tokens=6),
    )
    reply = generate(answer, able=Capabilities(token_boundaries="timings"))
    assert reply.pieces == ("Hi", "", "", " 🦊", "", "")


def test_pieces_come_from_log_probabilities_and_join_bytes_to_characters() -> None:
    fox = list("🦊".encode())
    answer = stream(
        chunk("Hi", choice=logprobs(("Hi", None))),
        chunk("🦊", choice=logprobs(("\\xf0\\x9f", fox[:2]), ("\\xa6\\x8a", fox[2:]))),
        chunk(finish="length"),
        counts(completion_tokens=3),
    )
    reply = generate(answer, able=Capabilities(token_boundaries="logprobs"))
    assert reply.pieces == ("Hi", "", "🦊")
    assert reply.logprobs == (-0.5, -0.5, -0.5)


def test_pieces_that_a_stop_string_took_are_trimmed_to_the_text() -> None:
    answer = stream(
        chunk("In Os", choice=logprobs(("In", None), (" Oslo", None), ("\n", None))),
        chunk(finish="stop"),
        counts(completion_tokens=4),
    )
    reply = generate(answer, able=Capabilities(token_boundaries="logprobs"))
    assert reply.pieces == ("In", " Os", "", "")


@pytest.mark.parametrize(
    ("tokens", "finish"),
    [((("A", None), (" lot", None)), "stop"), ((("In", None), (" Oslo", None)), "length")],
)
def test_pieces_that_do_not_make_up_the_reply_are_not_kept(tokens: Any, finish: str) -> None:
    answer = stream(
        chunk("In Oslo", choice=logprobs(*tokens)),
        chunk(finish=finish),
        counts(completion_tokens=3),
    )
    assert generate(answer, able=Capabilities(token_boundaries="logprobs")).pieces == ()


def test_hidden_reasoning_is_counted_but_is_neither_text_nor_pieces() -> None:
    answer = stream(
        chunk(delta={"reasoning_content": "Let me think"}),
        chunk("Oslo", timings={"predicted_n": 4}),
        chunk(finish="stop"),
        counts(completion_tokens=5, completion_tokens_details={"reasoning_tokens": 3}),
    )
    reply = generate(answer, able=Capabilities(token_boundaries="timings"))
    assert (reply.text, reply.tokens, reply.usage.reasoning_tokens) == ("Oslo", 5, 3)
    assert reply.pieces == ()


def test_half_a_character_never_reaches_a_reply() -> None:
    answer = stream(
        '{"choices": [{"delta": {"content": "a\\ud83e"}}]}', chunk("b", "stop"), counts()
    )
    assert generate(answer).text == "a?b"


def test_a_prompt_with_half_a_character_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match="broken characters"):
        generate(stream(), Call((Message("user", "\ud83e"),), 8))


def test_a_cap_of_zero_asks_nobody() -> None:
    def handler(_: httpx2.Request) -> httpx2.Response:
        raise AssertionError("a call was made")

    assert generate(handler, Call(PROMPT, 0)) == Reply(finish="length")


def test_an_endpoint_that_never_reports_usage_is_counted_by_its_stream() -> None:
    answer = stream(chunk("In"), chunk(" Oslo"), chunk(finish="stop"))
    assert generate(answer, able=Capabilities(usage=False)).usage.completion_tokens == 2


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (stream(chunk("In"), counts()), "broke off"),
        (stream(chunk("In", "stop")), "without token counts"),
        (stream(chunk("In", "content_filter"), counts()), "ended by 'content_filter'"),
        (
            stream(chunk("In", "stop"), counts(completion_tokens=9)),
            "9 tokens reported for a cap of 8",
        ),
        (stream(chunk("In", "stop"), counts(completion_tokens=-1)), "impossible token count"),
        (stream(chunk("In", "stop"), counts(completion_tokens="2")), "impossible token count"),
        (stream(chunk("In", "stop"), counts(prompt_tokens=True)), "impossible token count"),
        (stream(chunk("In", "stop"), counts(completion_tokens=0)), "0 tokens reported"),
        (stream("{garbage"), "not JSON"),
        (stream('{"choices": [5]}'), "not a chat completion"),
        (stream(chunk(7)), "not a chat completion"),  # type: ignore[arg-type]
        (stream(*[chunk("x" * 1000)] * 9), "far more text"),
        (stream('{"error": {"message": "out of memory"}}'), "out of memory"),
        (httpx2.Response(200, text="<html>hello</html>"), "broke off"),
    ],
)
def test_a_reply_that_cannot_be_trusted_is_refused(answer: httpx2.Response, says: str) -> None:
    with pytest.raises(BadReply, match=says) as caught:
        generate(answer)
    assert str(caught.value).startswith("model mine: ")
    assert "\n" not in str(caught.value)


def failing(status: int, **headers: str) -> httpx2.Response:
    body = {"error": {"message": f"you sent {KEY}\nand it is wrong"}}
    return httpx2.Response(status, json=body, headers=headers)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "api_key_env"),
        (403, "api_key_env"),
        (404, "base_url"),
        (400, r"\(400\): .*you sent \*\*\* and it is wrong"),
    ],
)
def test_a_refused_request_says_what_to_check_and_never_the_key(status: int, says: str) -> None:
    with pytest.raises(EndpointError, match=says) as caught:
        generate(failing(status))
    assert not isinstance(caught.value, Busy | BadReply)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("status", "after"), [(429, 7.0), (503, None), (500, None)])
def test_a_busy_endpoint_says_when_to_try_again(status: int, after: float | None) -> None:
    headers = {"retry-after": "7"} if after else {}
    with pytest.raises(Busy, match=str(status)) as caught:
        generate(failing(status, **headers))
    assert caught.value.retry_after_s == after


def score(answer: Any) -> Reply:
    response = {
        "choices": [{"index": 0, "message": {"content": "x"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 4, "completion_tokens": 1},
        "prompt_logprobs": answer,
    }
    call = Call(PROMPT, 0, score_text="In Oslo")
    return generate(httpx2.Response(200, json=response), call, Capabilities(prompt_logprobs=True))


def told(text: str, logprob: float) -> dict[str, Any]:
    return {"17": {"decoded_token": text, "logprob": logprob, "rank": 1}}


def test_a_text_is_scored_by_the_mean_of_its_own_tokens() -> None:
    reply = score([None, told("guild?", -9.0), told("In", -1.0), told(" Oslo", -2.0)])
    assert reply.score == -1.5
    assert reply.text == ""


def test_scores_that_are_not_of_the_text_are_refused() -> None:
    with pytest.raises(BadReply, match="log-probabilities"):
        score([None, told("In", -1.0), told(" Rome", -2.0)])


def test_an_endpoint_that_cannot_score_refuses_without_a_call() -> None:
    assert generate(stream(), Call(PROMPT, 0, score_text="x")).refused == "unsupported"


# -------------------------------------------------------------------------------- real sockets


@asynccontextmanager
async def server(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any],
) -> AsyncIterator[str]:
    handlers: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(asyncio.current_task())  # type: ignore[arg-type]
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
            await handle(reader, writer)
        finally:
            writer.transport.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
        await asyncio.wait_for(asyncio.gather(*handlers), 60)


def event(body: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(body)}\n\n".encode()


def test_stopping_a_call_closes_the_stream_so_that_the_server_stops() -> None:
    async def main() -> int:
        stopped = asyncio.Event()
        sent = 0

        async def endless(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            try:
                while True:
                    writer.write(event(chunk("x")))
                    await writer.drain()
                    sent += 1
                    await asyncio.sleep(0.005)
            except ConnectionError:
                stopped.set()

        async with server(endless) as url, OpenAIChat(url, "m") as model:
            begun = asyncio.Event()
            task = asyncio.create_task(model.generate(Call(PROMPT, 100_000), lambda _: begun.set()))
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(stopped.wait(), 60)
        return sent

    assert asyncio.run(main()) < 1000


def on_socket(
    handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any], **options: Any
) -> Reply:
    async def main() -> Reply:
        async with server(handle) as url, OpenAIChat(url, "m", max_retries=0, **options) as model:
            return await model.generate(CALL)

    return asyncio.run(main())


def test_a_connection_that_breaks_in_mid_reply_is_not_a_reply() -> None:
    async def half(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(event(chunk("In")))
        await writer.drain()
        writer.transport.abort()

    with pytest.raises(BadReply, match="broke off"):
        on_socket(half)


def test_a_reply_that_drips_for_ever_ends_at_the_time_limit() -> None:
    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(event(chunk("")))
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass

    with pytest.raises(Busy, match="within 0.3 s"):
        on_socket(drip, timeout_s=0.3)


def test_an_address_where_nobody_listens_is_unreachable() -> None:
    async def main() -> None:
        async with OpenAIChat("http://127.0.0.1:9/v1", "m", max_retries=0) as model:
            await model.generate(CALL)

    with pytest.raises(Unreachable, match=r"nothing answers at 127\.0\.0\.1:9"):
        asyncio.run(main())


def test_no_more_calls_are_under_way_than_allowed() -> None:
    async def main() -> int:
        running = most = 0

        async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            while most < 2:  # the second comes, however slowly
                await asyncio.sleep(0.001)
            await asyncio.sleep(0.02)
            running -= 1
            writer.write(event(chunk("x", "stop")) + event(counts()))
            await writer.drain()

        async with server(slow) as url, OpenAIChat(url, "m", max_concurrency=2) as model:
            await asyncio.gather(*[model.generate(CALL) for _ in range(6)])
        return most

    assert asyncio.run(main()) == 2


# ---------------------------------------------------------------------------------- the probe


def probing(answer: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Capabilities:
    """What a probe finds in an endpoint that answers by message fields, or refuses with 400."""

    def handler(request: httpx2.Request) -> httpx2.Response:
        reply = answer(json.loads(request.content))
        if reply is None:
            return httpx2.Response(400, json={"error": {"message": "no such field"}})
        message = {"role": "assistant", "content": reply.pop("content", "")}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        choice |= {name: reply.pop(name) for name in ("logprobs",) if name in reply}
        message |= {n: reply.pop(n) for n in ("reasoning_content",) if n in reply}
        return httpx2.Response(200, json={"choices": [choice], "usage": USAGE, **reply})

    return probed(handler)


def probed(handler: Callable[[httpx2.Request], httpx2.Response]) -> Capabilities:
    async def main() -> Capabilities:
        import openai

        http = httpx2.AsyncClient(transport=httpx2.MockTransport(handler))
        async with openai.AsyncOpenAI(
            base_url="https://llm.example/v1", api_key="x", max_retries=0, http_client=http
        ) as client:
            return await probe(client, "big")

    return asyncio.run(main())


def test_an_endpoint_that_streams_an_error_to_a_probe_is_told_in_one_line() -> None:
    body, kind = b'data: {"error": {"message": "no"}}\n\n', {"content-type": "text/event-stream"}
    with pytest.raises(BadReply, match="model big: the reply is not a chat completion"):
        probed(lambda _: httpx2.Response(200, content=body, headers=kind))


@pytest.mark.parametrize(("boundaries", "said"), [("timings", "close"), ("", "keep-alive")])
def test_connections_are_kept_but_to_llama_cpp(boundaries: Any, said: str) -> None:
    heads = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        heads.append(request.headers["connection"])
        return stream(chunk("x", "stop"), counts())

    generate(answer, able=Capabilities(usage=True, token_boundaries=boundaries))
    assert heads == [said]


def test_calls_one_after_another_share_a_connection() -> None:
    async def main(url: str) -> None:
        async with OpenAIChat(url, "fixed") as model:
            for _ in range(20):
                await model.generate(CALL)

    with serving() as endpoint:
        asyncio.run(main(endpoint.url))
        assert endpoint.tally()["calls"] == 20
        assert endpoint.tally()["connections"] < 5  # these questions have one each


def test_an_endpoint_that_ignores_every_field_promises_nothing() -> None:
    assert probing(lambda _: {"content": "the same"}) == Capabilities()


def test_a_strict_endpoint_with_hidden_reasoning_is_seen_as_such() -> None:
    known = {
        "model",
        "messages",
        "max_completion_tokens",
        "reasoning_effort",
        "seed",
        "temperature",
    }

    def answer(body: dict[str, Any]) -> dict[str, Any] | None:
        if not body.keys() <= known and body.get("temperature") != 1.0:
            return None
        return {
            "content": f"seed {body.get('seed')}",
            "reasoning_content": "hm",
            "system_fingerprint": "fp_1",
        }

    assert probing(answer) == Capabilities(
        seed=True,
        reasoning_effort=True,
        think_control="effort",
        sampling=False,
        cap_field="max_completion_tokens",
        system_fingerprint="fp_1",
    )


def test_an_endpoint_that_continues_by_flags_and_scores_prompts_is_seen_as_such() -> None:
    def answer(body: dict[str, Any]) -> dict[str, Any]:
        reply: dict[str, Any] = {"content": f"seed {body.get('seed')}"}
        if body.get("continue_final_message"):
            reply["content"] = "lie delta"
        if "prompt_logprobs" in body:
            reply["prompt_logprobs"] = [None, told("x", -1.0)]
        return reply | (logprobs(("x", None)) if body.get("logprobs") else {})

    assert probing(answer) == Capabilities(
        seed=True,
        logprobs=True,
        token_boundaries="logprobs",
        prompt_logprobs=True,
        prefix_continuation="flags",
        think_control="hard",
    )


def test_how_likely_the_first_token_was_is_asked_for_only_where_it_is_wanted_and_told() -> None:
    wanted = replace(CALL, tell_logprobs=True)
    asked = sent(Capabilities(logprobs=True), wanted)
    assert (asked["logprobs"], asked["top_logprobs"]) == (True, 10)
    for body in (sent(Capabilities(logprobs=True)), sent(Capabilities(), wanted)):
        assert not body.keys() & {"logprobs", "top_logprobs"}
    several = [{"token": t, "bytes": None, "logprob": p} for t, p in ((" Yes", -0.2), ("No", -9e9))]
    first = {"token": " Yes", "bytes": None, "logprob": -0.2, "top_logprobs": several}
    answer = stream(
        chunk(" Yes", choice={"logprobs": {"content": [first]}}, timings={"predicted_n": 1}),
        chunk(finish="stop"),
        counts(completion_tokens=2),
    )
    reply = generate(answer, wanted, Capabilities(logprobs=True, token_boundaries="timings"))
    assert reply.first_tokens == ((" Yes", -0.2), ("No", -1000.0))
    assert (reply.pieces, reply.logprobs) == ((" Yes", ""), (-0.2,))


def test_a_reply_that_tells_the_key_is_no_answer_and_the_page_does_not_see_it_whole():
    pieces: list[str] = []
    cut = stream(chunk("It is sk-very"), chunk("-secret, is it"), counts())
    with pytest.raises(BadReply, match="tells the key") as error:
        generate(cut, on_piece=pieces.append)
    assert KEY not in "".join(pieces) and KEY not in str(error.value)
    assert generate(stream(chunk("It is sk-very-"), chunk(" safe.", "stop"), counts())).text
