"""From starting the dashboard to seeing it: a first start in an empty data folder, then a second one.

Each time the server is started as `make app` does, and a real Chromium opens its page. Printed are the seconds until
the server tells its address, until the first words are painted, and until the dials can be used. The promise is 5 s
from start to first paint for a second start.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests.chromium import launch  # noqa: E402

PROMISE_S = 5.0


class Start(NamedTuple):
    """Seconds since the command was given."""

    address: float
    painted: float
    usable: float


def start(browser: Browser, home: str) -> Start:
    """Start the server, open the page, end the server."""
    env = {**os.environ, "BUDGETSCAPE_HOME": home}
    began = time.perf_counter()
    command = [sys.executable, "app.py"]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            line = next(x for x in server.stdout if "http://" in x)
            told = time.perf_counter() - began
            page = browser.new_page()
            page.goto(line.split()[-1])
            page.get_by_text("Live query").first.wait_for(timeout=60_000)
            painted = time.perf_counter() - began
            page.get_by_role("slider").first.wait_for(timeout=120_000)
            usable = time.perf_counter() - began
            page.close()
        finally:
            server.terminate()
            server.wait(30)
    return Start(told, painted, usable)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="fail where the promise does")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = launch(playwright)
        first, second = start(browser, home), start(browser, home)
        browser.close()
    for word, s in (("first", first), ("second", second)):
        print(
            f"{word} start: address {s.address:.1f} s, painted {s.painted:.1f} s, usable {s.usable:.1f} s"
        )
    print(f"ratio second / first, to painted: {second.painted / first.painted:.2f}")
    return int(given.check and second.painted > PROMISE_S)


if __name__ == "__main__":
    sys.exit(main())
