"""A user's own agent: a command that is started anew for each run, or an address that is asked.

Neither is trusted: lines and their number are bounded, the whole run has a time limit, and a command's process group is
ended with its run. What a command writes to its standard error is kept only to say why it failed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2

from engine.errors import BadReply, Busy, EndpointError, Unreachable
from engine.models.agent_lines import Lines, given_line, task_line
from engine.run.ports import Talk, Task

MOST_LINE = 2**20
"""Bytes of one line."""
MOST_LINES = 5_000
CHUNK = 2**16
LEAVE_S = 1.0
"""How long a command may take to end once nothing more is wanted of it."""
T = TypeVar("T")


@dataclass(frozen=True)
class Clock:
    """The time limit of one run."""

    name: str
    limit_s: float
    began: float

    async def within(self, work: Awaitable[T]) -> T:
        left = self.began + self.limit_s - time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, left)):
                return await work
        except TimeoutError as fault:
            raise Busy(f"agent {self.name}: no end within {self.limit_s:g} s") from fault


@dataclass(frozen=True)
class CommandAgent:
    """A program: the task is its first line of input, its output the steps. `folder` is where it starts."""

    name: str
    command: Sequence[str]
    folder: Path | None = None
    timeout_s: float = 300.0

    async def begin(self, task: Task) -> Talk:
        """As Agent."""
        clock = Clock(self.name, self.timeout_s, time.monotonic())
        program = await self._start()
        assert program.stdin and program.stdout and program.stderr
        complaints = asyncio.create_task(_tail(program.stderr))
        lines = Lines()
        try:
            await _write(program.stdin, task_line(task), clock)
            since, heard = time.monotonic(), 0
            async for raw in split(_chunks(program.stdout), self.name, clock):
                said = lines.read(raw, time.monotonic() - since)
                if said is not None:
                    heard += 1
                    given = yield said
                    if given is not None:
                        await _write(program.stdin, given_line(given), clock)
                since = time.monotonic()
            code = await clock.within(program.wait())
            if code or not heard:
                said_last = (await complaints).strip().splitlines()[-1:] or [""]
                raise BadReply(f"agent {self.name} {_ending(code)}{_quoted(said_last[0])}")
        finally:
            await _end(program)
            complaints.cancel()

    async def _start(self) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        try:
            return await asyncio.create_subprocess_exec(
                *self.command,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                cwd=self.folder,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        except (OSError, ValueError) as fault:
            why = getattr(fault, "strerror", None) or str(fault)
            raise Unreachable(
                f"agent {self.name}: {self.command[0]!r} cannot be started: {why}; check `command`"
            ) from fault


@dataclass(frozen=True)
class AddressAgent:
    """An address: the task is posted to it, the lines of its answer are the steps. Nothing can be sent back."""

    name: str
    address: str
    key: str = ""
    timeout_s: float = 300.0

    async def begin(self, task: Task) -> Talk:
        """As Agent."""
        clock = Clock(self.name, self.timeout_s, time.monotonic())
        parts = urlsplit(self.address)
        here = parts.hostname in ("127.0.0.1", "localhost", "::1")
        headers = {"content-type": "application/json", "accept": "application/x-ndjson"}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        limits = httpx2.Timeout(self.timeout_s, connect=5.0)
        lines = Lines(own=True)
        try:
            async with httpx2.AsyncClient(timeout=limits, trust_env=not here) as client:
                request = client.build_request(
                    "POST", self.address, content=task_line(task), headers=headers
                )
                reply = await clock.within(client.send(request, stream=True))
                try:
                    self._check(reply.status_code)
                    since, heard = time.monotonic(), 0
                    async for raw in split(reply.aiter_bytes(CHUNK), self.name, clock):
                        said = lines.read(raw, time.monotonic() - since)
                        if said is not None:
                            heard += 1
                            yield said
                        since = time.monotonic()
                finally:
                    await reply.aclose()
                if not heard:
                    raise BadReply(f"agent {self.name} ended without a word")
        except httpx2.TimeoutException as fault:
            raise Busy(f"agent {self.name}: no end within {self.timeout_s:g} s") from fault
        except httpx2.ConnectError as fault:
            where = f"{parts.hostname}:{parts.port or parts.scheme}"
            raise Unreachable(
                f"agent {self.name}: nothing answers at {where}; is it running?"
            ) from fault
        except httpx2.HTTPError as fault:
            raise BadReply(
                f"agent {self.name}: its answer broke off ({type(fault).__name__})"
            ) from fault

    def _check(self, status: int) -> None:
        if status in (408, 429) or status >= 500:
            raise Busy(f"agent {self.name}: status {status}; try again later")
        if status != 200:
            raise EndpointError(f"agent {self.name}: status {status}; check `address` and its key")


async def split(chunks: AsyncIterator[bytes], name: str, clock: Clock) -> AsyncIterator[bytes]:
    """Lines of a stream, the last one perhaps without its end; BadReply beyond what any agent needs to say."""
    held, count = b"", 0
    chunk: bytes | None = b""
    while chunk is not None:
        *whole, held = (held + chunk).split(b"\n")
        for line in whole:
            count += 1
            if count > MOST_LINES:
                raise BadReply(f"agent {name} sent more than {MOST_LINES} lines without an end")
            yield line
        if len(held) > MOST_LINE:
            raise BadReply(f"agent {name} sent a line longer than {MOST_LINE // 2**20} MiB")
        chunk = await clock.within(_next(chunks))
    if held:
        yield held


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)


async def _chunks(pipe: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while chunk := await pipe.read(CHUNK):
        yield chunk


async def _tail(pipe: asyncio.StreamReader) -> str:
    """The end of what was complained about; reading on, so that the program is not held up."""
    kept = b""
    while chunk := await pipe.read(CHUNK):
        kept = (kept + chunk)[-4096:]
    return kept.decode("utf-8", "replace")


async def _write(pipe: asyncio.StreamWriter, line: bytes, clock: Clock) -> None:
    """An agent that no longer listens is let be: it may well finish."""
    with suppress(ConnectionError):
        pipe.write(line)
        await clock.within(pipe.drain())


async def _end(program: asyncio.subprocess.Process) -> None:
    """Let it end by itself, shortly; then end it and all that it started."""
    assert program.stdin is not None
    with suppress(OSError):
        program.stdin.close()
    try:
        await _ended(program)
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(program.pid, signal.SIGKILL)
        # asyncio waits for pipes that nobody reads any more, so they are closed by hand
        program._transport.close()  # type: ignore[attr-defined]
    await _ended(program)


async def _ended(program: asyncio.subprocess.Process) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(LEAVE_S):
            await program.wait()


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by signal {-code}"
    return f"ended with exit code {code}" if code else "ended without a word"


def _quoted(line: str) -> str:
    shown = "".join(c for c in line if c.isprintable())[:200].strip()
    return f": {shown}" if shown else ""
