"""The real server over the invented application, as a child process: python tests/serving.py PORT [empty]"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATIENCE_S = 90
LONG = 10_000
"""Steps of the runs of the sweep `long`."""


def serve(port: str, empty: bool) -> None:
    sys.path.insert(0, str(ROOT))
    import app
    from pages.parts import resources
    from tests.dashboard_fakes import FakeApp, all_runs, journalled, long_runs

    with tempfile.TemporaryDirectory() as folder:
        fake = FakeApp(Path(folder), [] if empty else all_runs(), tick_s=0.01)
        if not empty:
            journalled(fake.home, long_runs(LONG), "long")
            fake.store.ingest()
        resources._opened.append(fake)  # type: ignore[arg-type]
        run = app.app.run
        app.app.run = lambda config: run(config={**config, "server.enableAgentApi": True})
        app.main(["--port", port])


@contextmanager
def serving(*arguments: str) -> Iterator[tuple[str, Path]]:
    """The address of a fresh server that answers, and the file that holds what it printed."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, str(Path(__file__)), str(port), *arguments]
    with tempfile.NamedTemporaryFile(suffix=".log") as log:
        with subprocess.Popen(command, stdout=log, stderr=log) as server:
            try:
                _wait(address, server)
                yield address, Path(log.name)
            finally:
                server.terminate()
                server.wait(30)


def _wait(address: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not come up")


if __name__ == "__main__":
    serve(sys.argv[1], "empty" in sys.argv)
