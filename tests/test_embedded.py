"""The model on board, on real parts: one child for most of the file."""

import asyncio
import signal
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from budgetscape import embedded
from budgetscape.embedded import EmbeddedServers
from budgetscape.endpoints_file import ModelSpec
from budgetscape.on_board import pools
from budgetscape.pool import CAPABILITIES, EmbeddedChat, Pool
from budgetscape.weights import PRUNED, WHOLE
from engine.errors import EndpointError, UnknownName
from engine.models.capabilities import Capabilities
from engine.models.openai import OpenAIChat
from engine.run.memo import fit
from engine.run.ports import Call
from engine.run.requests import Reply
from engine.types import Message

CHECKOUT = Path(__file__).parents[1]
PROMPTS = ("Say hello to the 🦊 and ü.", "List three fruits.")


def test_the_fingerprint_changes_with_the_adapter_and_with_nothing_else(tmp_path: Path) -> None:
    one, other = tmp_path / "one.gguf", tmp_path / "other.gguf"
    one.write_bytes(b"a")
    other.write_bytes(b"b")
    prints = {embedded.fingerprint(path) for path in (None, one, other)}
    assert len(prints) == 3
    other.write_bytes(b"a")
    assert embedded.fingerprint(one) == embedded.fingerprint(other)


# ------------------------------------------------------------------------------------------- with a server


def gguf_adapter(path: Path, scale: float) -> Path:
    """A rank-1 adapter of the first output projection, written as a GGUF file (version 3)."""
    size, rows = 576, 576

    def text(value: str) -> bytes:
        return struct.pack("<Q", len(value)) + value.encode()

    pairs = b"".join(
        text(key) + struct.pack("<I", 8) + text(value)
        for key, value in (
            ("general.architecture", "llama"),
            ("general.type", "adapter"),
            ("adapter.type", "lora"),
        )
    )
    pairs += text("adapter.lora.alpha") + struct.pack("<If", 6, 1.0)
    a = struct.pack(f"<{size}f", *([scale] * size))
    b = struct.pack(f"<{rows}f", *[scale * (1 if i % 3 else -1) for i in range(rows)])
    names = ("blk.0.attn_output.weight.lora_a", "blk.0.attn_output.weight.lora_b")
    tensors = b"".join(
        text(name) + struct.pack("<IQQIQ", 2, *shape, 0, offset)
        for name, shape, offset in zip(names, ((size, 1), (1, rows)), (0, len(a)), strict=True)
    )
    head = b"GGUF" + struct.pack("<IQQ", 3, 2, 4) + pairs + tensors
    path.write_bytes(head + b"\0" * (-len(head) % 32) + a + b)
    return path


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    folder = tmp_path_factory.mktemp("adapters")
    adapters = {
        "strong": gguf_adapter(folder / "strong.gguf", 0.7),
        "nothing": gguf_adapter(folder / "nothing.gguf", 0.0),
    }
    shared = Pool(adapters, count=1)
    yield shared
    shared.close()


def ask(pool: Pool, *calls: Call, adapter: str | None = None) -> list[Reply]:
    """The replies to calls made one after another."""

    async def main() -> list[Reply]:
        async with pool.model(adapter) as model:
            return [await model.generate(call) for call in calls]

    return asyncio.run(main())


def call(text: str, cap: int = 12, temperature: float = 0.0, **fields: Any) -> Call:
    return Call((Message("user", text),), cap, temperature=temperature, seed=7, **fields)


def said(reply: Reply) -> tuple[object, ...]:
    return reply.text, reply.pieces, reply.finish, reply.tokens


@pytest.mark.embedded
@pytest.mark.parametrize(("temperature", "adapter"), [(0.0, None), (0.7, "strong")])
def test_a_reply_repeats_after_other_calls_and_among_eight(
    pool: Pool, temperature: float, adapter: str | None
) -> None:
    brief = Message("system", "Be brief.")
    calls = [Call((brief, Message("user", text)), 6, (), temperature) for text in PROMPTS]

    async def eight() -> list[Reply]:
        async with pool.model(adapter) as model:
            child = await model._client(0)  # past the pool, which would send one at a time
            return await asyncio.gather(*[child.generate(one) for one in calls * 4])

    alone = [said(reply) for reply in ask(pool, *calls, adapter=adapter)]
    reverse = [said(reply) for reply in ask(pool, *calls[::-1], adapter=adapter)]
    assert reverse[::-1] == alone
    assert [said(reply) for reply in asyncio.run(eight())] == alone * 4


@pytest.mark.embedded
@pytest.mark.parametrize(
    ("text", "temperature", "stop"),
    [
        ("Say hello to the 🦊 and ü.", 0.0, ()),
        ("Say only the word yes.", 0.0, ("Yes. Or",)),
        ("List three fruits.", 0.0, (" three fruits that", "never said")),
        ("List three fruits.", 0.7, ("\n", "a")),
    ],
)
def test_a_shorter_cap_gives_the_long_reply_cut_between_pieces(
    pool: Pool, text: str, temperature: float, stop: tuple[str, ...]
) -> None:
    (long,) = ask(pool, call(text, 12, temperature, stop=stop))
    assert len(long.pieces) == long.tokens
    caps = sorted({1, 4, long.tokens - 1, long.tokens} - {0})
    fresh = ask(pool, *[call(text, cap, temperature, stop=stop) for cap in caps])
    for cap, reply in zip(caps, fresh, strict=True):
        served = fit(long, cap)
        assert served is not None
        assert said(reply) == said(served), f"cap {cap}"


@pytest.mark.embedded
def test_the_end_mark_and_a_stop_string_count_as_tokens_without_text(pool: Pool) -> None:
    ended, stopped = ask(
        pool,
        call("Say only the word yes."),
        call("List three fruits.", stop=(" three fruits that",)),
    )
    assert (ended.text, ended.finish, ended.pieces) == ("Yes.", "stop", ("Yes", ".", ""))
    assert (stopped.text, stopped.finish, stopped.tokens) == ("Here are", "stop", 5)


@pytest.mark.embedded
def test_an_adapter_answers_only_where_it_is_named(pool: Pool) -> None:
    question = call("List three fruits.")
    (before,) = ask(pool, question)
    (strong,) = ask(pool, question, adapter="strong")
    (nothing,) = ask(pool, question, adapter="nothing")
    (after,) = ask(pool, question)
    assert strong.text != before.text
    assert said(nothing) == said(before) == said(after)


def test_an_adapter_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean 'corag'"):
        Pool({"corag": Path("corag.gguf")}).model("corga")


@pytest.mark.embedded
def test_children_of_two_bases_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four calls to each of two bases on two cores: two at work, never three."""
    specs = {
        name: ModelSpec(name, "", name, base=base) for name, base in (("a", WHOLE), ("b", PRUNED))
    }
    both = pools(specs, 2)
    working, most = 0, 0

    class Client:
        async def generate(self, asked: Call, on_piece: Any = None) -> Reply:
            nonlocal working, most
            working += 1
            most = max(most, working)
            await asyncio.sleep(0.01)
            working -= 1
            return Reply(asked.prompt[0].content)

    async def client(_self: EmbeddedChat, _number: int) -> Client:
        return Client()

    monkeypatch.setattr(EmbeddedChat, "_client", client)

    async def all_of_them() -> list[Reply]:
        chats = [both[base].model() for base in (WHOLE, PRUNED)]
        return await asyncio.gather(
            *(chat.generate(call(str(n))) for n in range(4) for chat in chats)
        )

    for _ in range(2):  # each in an event loop of its own
        replies = asyncio.run(all_of_them())
        assert [reply.text for reply in replies] == [str(n) for n in range(4) for _ in range(2)]
    assert most == 2 and {pool.count for pool in both.values()} == {2}


def test_the_capability_table_is_what_a_probe_finds(pool: Pool) -> None:
    async def probe() -> Capabilities:
        async with pool.model() as model:
            child = await model._client(0)
            return await child.probe()

    assert replace(asyncio.run(probe()), system_fingerprint="") == CAPABILITIES


@pytest.mark.embedded
def test_a_last_turn_of_the_assistant_is_continued(pool: Pool) -> None:
    echo = Message("user", "Repeat exactly: alpha bravo charlie delta echo")
    (reply,) = ask(pool, Call((echo, Message("assistant", "alpha bravo char")), 4))
    assert reply.text.startswith("lie")


@pytest.mark.embedded
def test_tags_and_white_space_of_a_reply_stay_text(pool: Pool) -> None:
    wanted = "<think> a </think> b <search>q</search>  "

    async def forced() -> Reply:
        child = pool.servers.ensure(0)
        body = {"grammar": f'root ::= "{wanted}"'}
        async with OpenAIChat(child.url, "x", api_key=child.key, extra_body=body) as model:
            return await model.generate(call("Hi", 60))

    assert asyncio.run(forced()).text == wanted


@pytest.mark.embedded
def test_stopping_a_call_frees_its_child_at_once(pool: Pool) -> None:
    """The next answer comes long before the rest of the story could have been told, at the speed it was told so far."""
    cap, heard = 1500, 30

    async def main() -> tuple[float, float]:
        async with pool.model() as model:
            told: list[str] = []
            enough = asyncio.Event()

            def on_piece(piece: str) -> None:
                told.append(piece)
                if len(told) == heard:
                    enough.set()

            story = call("Tell a very long story of a river.", cap, 0.7)
            asked = time.monotonic()
            long = asyncio.create_task(model.generate(story, on_piece))
            await enough.wait()
            rest = (time.monotonic() - asked) / heard * (cap - heard)
            long.cancel()
            with pytest.raises(asyncio.CancelledError):
                await long
            began = time.monotonic()
            await model.generate(call("Hi", 1))
            return time.monotonic() - began, rest

    waited, rest = asyncio.run(main())
    assert waited < rest / 2


@pytest.mark.embedded
def test_a_prompt_that_is_too_long_is_refused_in_one_line(pool: Pool) -> None:
    with pytest.raises(EndpointError, match="context size") as caught:
        ask(pool, call("word " * 4000))
    assert "\n" not in str(caught.value)


@pytest.mark.embedded
def test_the_server_wants_its_key_which_no_command_line_shows(pool: Pool) -> None:
    ask(pool, call("Hi", 1))
    child = pool.servers.ensure(0)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(child.url + "/models", timeout=60)
    caught.value.close()
    assert caught.value.code == 401
    assert child.key.encode() not in Path(f"/proc/{child.process.pid}/cmdline").read_bytes()


@pytest.mark.embedded
def test_a_child_that_was_killed_is_replaced_by_the_next_call(pool: Pool) -> None:
    ask(pool, call("Hi", 1))
    killed = pool.servers.ensure(0).process
    killed.kill()
    assert ask(pool, call("Say only the word yes."))[0].text == "Yes."
    assert killed.wait() == -signal.SIGKILL


@pytest.mark.embedded
def test_a_start_that_fails_says_why_in_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"not an adapter")
    with pytest.raises(EndpointError, match="did not start: .+") as caught:
        EmbeddedServers([broken]).start()
    assert "\n" not in str(caught.value)


PARENT = """
import sys, time
from budgetscape.embedded import EmbeddedServers
servers = EmbeddedServers()
servers.start(2)
print(*[servers.ensure(number).process.pid for number in range(2)], flush=True)
time.sleep(60)
"""


@pytest.mark.embedded
def test_the_children_end_when_their_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, cwd=CHECKOUT, text=True
    )
    with parent:
        assert parent.stdout
        children = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(children) == 2
        parent.kill()
    deadline = time.monotonic() + 60
    while any(map(runs, children)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(runs, children))


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
