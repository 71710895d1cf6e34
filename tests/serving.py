"""The real server over the invented application, as a child process: python tests/serving.py PORT [WORDS]

empty: nothing was measured. kept: the data folder is the one that BUDGETSCAPE_HOME names. read: everybody is a viewer.
real: nothing is invented, the server opens what BUDGETSCAPE_HOME names. share: likewise, published views only, and it
tells every file that it touches.
"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PATIENCE_S = 180
TOUCHING = ("open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove", "os.chmod")
LONG = 10_000
"""Steps of the runs of the sweep `long`."""


def serve(port: str, words: list[str]) -> None:
    sys.path.insert(0, str(ROOT))
    if "share" in words:
        sys.addaudithook(_tell_opened)
    import app

    mode = next((word for word in ("read", "share") if word in words), "")
    started = ["--port", port, *(["--mode", mode] if mode else [])]
    if mode == "share" or "real" in words:
        app.main(started)
        return
    from pages.parts import resources
    from tests.dashboard_fakes import FakeApp, all_runs, hostile_runs, journalled, long_runs

    with tempfile.TemporaryDirectory() as folder:
        kept = os.environ["BUDGETSCAPE_HOME"] if "kept" in words else folder
        fake = FakeApp(Path(kept), [] if "empty" in words else all_runs(), tick_s=0.01)
        if "empty" not in words:
            journalled(fake.home, long_runs(LONG), "long")
            journalled(fake.home, hostile_runs(), "hostile")
            fake.store.ingest()
        resources._opened.append(fake)  # type: ignore[arg-type]
        run = app.app.run
        agent = {"server.enableAgentApi": True, "server.agentWaitTimeout": PATIENCE_S}
        app.app.run = lambda config: run(config={**config, **agent})
        app.main(started)


def _tell_opened(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook: what is opened, listed, created, moved or removed, a line each."""
    if event in TOUCHING and arguments and isinstance(arguments[0], str | bytes | Path):
        print("touched", os.fsdecode(arguments[0]), file=sys.stderr, flush=True)


@contextmanager
def serving(*arguments: str, port: int = 0, **env: str) -> Iterator[tuple[str, Path]]:
    """The address of a fresh server that answers, and the file that holds what it printed."""
    port = port or free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, str(Path(__file__)), str(port), *arguments]
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        told = {**os.environ, **env}
        with subprocess.Popen(command, stdout=log, stderr=log, env=told) as server:
            try:
                answering(f"{address}/healthz", server)
                yield address, Path(log.name)
            finally:
                server.terminate()
                server.wait(120)


def free_port() -> int:
    """A port that is free, and will be when a child comes to it: below those that the system gives to connections."""
    while True:
        port = random.SystemRandom().randint(20_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def answering(address: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until a child answers there."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=10):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not come up")


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
