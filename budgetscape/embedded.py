"""The model on board: SmolLM2-135M-Instruct behind llama.cpp's HTTP server, in child processes of this one.

Answers repeat exactly, and a short answer is a prefix of a long one, only with one slot and no prompt cache; so a
child does one call at a time and more cores are used by more children. A child reads its orders from stdin as one
JSON line and ends when stdin does: the system closes the pipe however the parent dies.
It does not know what a strategy or a budget is.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import selectors
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import IO, Any, Self

from budgetscape import weights
from budgetscape.weights import WHOLE, Base
from engine.errors import EndpointError
from engine.identity import content_hash

START_TIMEOUT_S = 180.0
SETTINGS = {
    "context": 2048,
    "slots": 1,
    "threads": 1,
    "prompt_cache": False,
    "context_shift": False,
}


def fingerprint(adapter: Path | None = None, base: Base = WHOLE) -> str:
    """A hash of what decides the embedded answers: weights, adapter bytes, server version, settings."""
    tuned = hashlib.sha256(adapter.read_bytes()).hexdigest() if adapter else None
    return content_hash(
        [weights.weights(base=base).hash, tuned, metadata.version("xllamacpp"), SETTINGS]
    )


# ------------------------------------------------------------------------------------------------- the child


def serve(orders: Mapping[str, Any]) -> str:
    """Start the server inside this process and return its base address."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = orders["model"]
    params.n_ctx, params.n_parallel, params.port = orders["context"], 1, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.n_threads_http = 16
    params.cache_prompt = params.cache_idle_slots = params.ctx_shift = False
    params.cache_ram_mib = 0
    params.ui = params.endpoint_slots = params.fit_params = params.warmup = False
    params.reasoning_format = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE
    params.verbosity = 1
    params.api_keys = [orders["key"]]
    params.lora_adapters = [_adapter(xllamacpp, path) for path in orders["adapters"]]
    params.lora_init_without_apply = True
    _keep.append(xllamacpp.Server(params))
    return str(_keep[0].listening_address)


_keep: list[Any] = []
"""The server of this process: it stops when it is collected."""


def _adapter(xllamacpp: Any, path: str) -> Any:
    info = xllamacpp.CommonAdapterLoraInfo()
    info.path, info.scale = path, 0.0
    return info


def _end_with_parent(stdin: IO[bytes], parent: int) -> None:
    """End this process at the end of stdin, or (should a fork of the parent hold the pipe) when orphaned."""
    with selectors.DefaultSelector() as selector:
        selector.register(stdin, selectors.EVENT_READ)
        while os.getppid() == parent:
            if selector.select(timeout=1.0) and not os.read(stdin.fileno(), 4096):
                break
    os._exit(0)


def main() -> None:
    """The child: orders from stdin, address to stdout, then serve until stdin ends."""
    stdin = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    orders = json.loads(stdin.readline())
    watch = threading.Thread(target=_end_with_parent, args=(stdin, orders["parent"]))
    watch.start()
    try:
        print(serve(orders), flush=True)
    except Exception as fault:
        print(f"{fault or type(fault).__name__}", file=sys.stderr, flush=True)
        os._exit(1)
    watch.join()


# ------------------------------------------------------------------------------------------------ the parent


@dataclass(frozen=True, slots=True)
class Child:
    """One running server."""

    process: subprocess.Popen[bytes]
    stderr: IO[bytes]
    key: str
    url: str = ""
    """Ends in `/v1`; empty until it is healthy."""

    def stop(self) -> None:
        """End the child now; harmless when it has ended."""
        if self.process.stdin:
            with suppress(BrokenPipeError):
                self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.stderr.close()

    def last_words(self) -> str:
        """The last line that the child wrote to stderr, for an error message."""
        self.stderr.seek(0)
        lines = self.stderr.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip()[:300] if lines else "it said nothing"


def _spawn(adapters: Sequence[Path], base: Base) -> Child:
    key = secrets.token_urlsafe(24)
    orders = {
        "model": str(weights.ready(base=base)),
        "adapters": [str(path) for path in adapters],
        "context": SETTINGS["context"],
        "key": key,
        "parent": os.getpid(),
    }
    stderr = tempfile.TemporaryFile()
    process = subprocess.Popen(
        [sys.executable, "-m", "budgetscape.embedded"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        cwd=Path(__file__).resolve().parent.parent,
        start_new_session=True,  # Ctrl-C is for the parent, which closes its children
    )
    child = Child(process, stderr, key)
    assert process.stdin
    with suppress(BrokenPipeError):  # it has ended already: waiting for it reports why
        process.stdin.write(json.dumps(orders).encode() + b"\n")
        process.stdin.flush()
    return child


def _first_line(process: subprocess.Popen[bytes], deadline: float) -> str:
    """What the child prints first, empty when it ends or the deadline passes before that."""
    assert process.stdout
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            return ""
    return process.stdout.readline().decode().strip()


def _ask(child: Child, address: str, path: str) -> Any:
    """GET a JSON document from the child, past any proxy of the environment."""
    request = urllib.request.Request(
        address + path, headers={"Authorization": f"Bearer {child.key}"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as reply:
        return json.load(reply)


def _start(adapters: Sequence[Path], base: Base) -> Child:
    """A healthy child that holds exactly these adapters, in this order."""
    child = _spawn(adapters, base)
    try:
        return replace(child, url=_healthy_address(child, adapters))
    except BaseException:
        child.stop()
        raise


def _healthy_address(child: Child, adapters: Sequence[Path]) -> str:
    address = _first_line(child.process, time.monotonic() + START_TIMEOUT_S)
    if not address:
        raise EndpointError(f"the model on board did not start: {child.last_words()}")
    try:
        healthy = _ask(child, address, "/health").get("status") == "ok"
        loaded = [Path(item["path"]) for item in _ask(child, address, "/lora-adapters")]
    except (OSError, ValueError) as fault:
        raise EndpointError(f"the model on board does not answer: {fault}") from fault
    if not healthy or loaded != list(adapters):
        raise EndpointError(f"the model on board loaded {len(loaded)} of {len(adapters)} adapters")
    return f"{address}/v1"


class EmbeddedServers:
    """Children of this process, by number, that serve a base with these adapters.

    Safe to use from several threads; close it, or use it as a context manager.
    """

    def __init__(self, adapters: Sequence[Path] = (), base: Base = WHOLE) -> None:
        self.adapters, self.base = tuple(adapters), base
        self._children: dict[int, Child] = {}
        self._starting: defaultdict[int, threading.Lock] = defaultdict(threading.Lock)
        """One a number, held while that child starts, so that two calls do not start it twice."""

    def start(self, count: int = 1) -> list[str]:
        """Start children 0 to `count` - 1 at once; their base addresses, healthy.

        EndpointError with the last line of a child's stderr when it does not start; then all are closed.
        """
        try:
            with ThreadPoolExecutor(count) as threads:
                return [child.url for child in threads.map(self.ensure, range(count))]
        except EndpointError:
            self.close()
            raise

    def ensure(self, number: int) -> Child:
        """The child of this number: running, else started, also when it has died. EndpointError as `start`."""
        with self._starting[number]:
            child = self.get(number)
            if child is None:
                self._stop(number)
                child = self._children[number] = _start(self.adapters, self.base)
            return child

    def get(self, number: int) -> Child | None:
        """The child of this number while it runs."""
        child = self._children.get(number)
        return child if child is not None and child.process.poll() is None else None

    def alive(self, number: int) -> bool:
        return self.get(number) is not None

    def close(self) -> None:
        """End all children."""
        for number in list(self._children):
            self._stop(number)

    def _stop(self, number: int) -> None:
        if child := self._children.pop(number, None):
            child.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


if __name__ == "__main__":
    main()
