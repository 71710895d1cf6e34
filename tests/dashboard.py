"""The dashboard as `make app` starts it, with model, index and samples, in a data folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextmanager
def dashboard(home: str, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of a server that is up; it ends with the block."""
    known = {**os.environ, "BUDGETSCAPE_HOME": home, **(env or {})}
    command = [sys.executable, "app.py"]
    with subprocess.Popen(
        command, cwd=ROOT, env=known, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            yield next(line for line in server.stdout if "http://" in line).split()[-1]
        finally:
            server.terminate()
            server.wait(120)
