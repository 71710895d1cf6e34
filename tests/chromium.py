"""Where the browser of the tests is, and how it gets there: `python -m tests.chromium`.

Looked for in this order: BUDGETSCAPE_BROWSER, a Chromium or Chrome of the system, Playwright's own. To install,
Debian's package is tried when root, then Playwright's download.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
APPLICATIONS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
ARGUMENTS = (
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


def system_browser() -> str | None:
    """The path of a browser that is installed, whoever did it."""
    named = os.environ.get("BUDGETSCAPE_BROWSER")
    if named:
        return named
    on_path = (shutil.which(name) for name in NAMES)
    return next((p for p in (*on_path, *APPLICATIONS) if p and Path(p).exists()), None)


def playwright_browser() -> str | None:
    """The path of the browser that Playwright downloaded, if it did."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def launch(playwright: Any, **options: Any) -> Any:
    """A Chromium for tests, drawing 3D without a graphics card."""
    path = system_browser()
    return playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS), **options)


def install() -> bool:
    """Bring a browser here by the first way that works."""
    ways = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and os.geteuid() == 0:
        ways.insert(0, ["apt-get", "install", "-y", "--no-install-recommends", "chromium"])
        _said(["apt-get", "update"])
    return any(_said(way) for way in ways)


def _said(command: list[str]) -> bool:
    """Run a command, quiet unless it fails."""
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=quiet, text=True, capture_output=True)
    if done.returncode:
        print(
            f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-500:]}", file=sys.stderr
        )
    return done.returncode == 0


def main() -> None:
    """Install a browser where there is none; exit 1 when no way works."""
    if system_browser() or playwright_browser():
        return
    print("Installing a browser for the tests ...", flush=True)
    if not install():
        sys.exit("no browser: install Chromium or Chrome, or name one in BUDGETSCAPE_BROWSER")


if __name__ == "__main__":
    main()
