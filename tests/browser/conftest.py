"""One real server and one real Chromium for all browser tests; the application behind them is invented."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    Download,
    FloatRect,
    Locator,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from tests.serving import serving
from tests.sweep_fakes import HOLD

CHROMIUM = os.environ.get("BUDGETSCAPE_CHROMIUM") or shutil.which("chromium")
PATIENCE_MS = 180_000
"""Software rendering on a busy machine is slow; nothing here waits longer than it must."""
expect.set_options(timeout=PATIENCE_MS)
FLAGS = [
    "--no-sandbox",
    "--enable-unsafe-swiftshader",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data folder of the server."""
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="session")
def address(folder: Path) -> Iterator[str]:
    with serving("kept", BUDGETSCAPE_HOME=str(folder)) as (where, _):
        yield where


@pytest.fixture
def held(address: str, folder: Path) -> Iterator[Path]:
    """The slow model, and every sweep, stop in the middle of what they say until this file is removed."""
    file = folder / HOLD
    file.touch()
    yield file
    file.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def play() -> Iterator[Playwright]:
    """One a module: while it is open its event loop runs in this thread, and other tests want their own."""
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def browser(play: Playwright) -> Iterator[Browser]:
    """With WebGL drawn by the processor: slow, so pages are shared where they can be."""
    found = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield found
    found.close()


@pytest.fixture(scope="module")
def blind(play: Playwright) -> Iterator[Browser]:
    """Without WebGL."""
    flags = [*FLAGS, "--disable-3d-apis", "--disable-gpu"]
    found = play.chromium.launch(executable_path=CHROMIUM, args=flags)
    yield found
    found.close()


@dataclass
class Visit:
    """A page, and everything it asked for and stumbled over."""

    page: Page
    asked: list[str]
    faults: list[str]


STILL_MS, LOOKS = 100, 5


def quiet(page: Page) -> None:
    """Until nothing of the page is drawn again by the server, and nothing that was just done makes it begin."""
    app, still = page.get_by_test_id("stApp"), 0
    for _ in range(PATIENCE_MS // STILL_MS):
        still = still + 1 if app.get_attribute("data-test-script-state") == "notRunning" else 0
        if still == LOOKS:
            return
        page.wait_for_timeout(STILL_MS)
    raise AssertionError("the page was drawn again and again")


def placed(locator: Locator) -> FloatRect:
    """Where a part stands, in pixels, brought into view: once it stands still, for parts above it are drawn later."""
    page, still, before = locator.page, 0, None
    if page.get_by_test_id("stApp").count():  # a saved file has no server that draws it again
        quiet(page)
    for _ in range(PATIENCE_MS // STILL_MS):
        locator.evaluate("(e) => e.scrollIntoView({ block: 'center', behavior: 'instant' })")
        box = locator.bounding_box()
        still = still + 1 if box and box == before else 0
        if box and still == LOOKS:
            return box
        before = box
        page.wait_for_timeout(STILL_MS)
    raise AssertionError("the part moved again and again")


def downloaded(page: Page, button: Locator) -> Download:
    """What the browser makes a file of when a button is pressed."""
    quiet(page)
    with page.expect_download(timeout=PATIENCE_MS) as file:
        button.click()
    return file.value


def until(page: Page, script: str, wanted: Callable[[Any], bool]) -> None:
    """Wait for a value; Playwright's own way needs eval, which the content policy forbids."""
    for _ in range(PATIENCE_MS // 100):
        if wanted(page.evaluate(script)):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{script} never came to be as wanted")


@contextmanager
def visiting(browser: Browser) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1000, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    visit = Visit(page, [], [])
    page.on("request", lambda request: visit.asked.append(request.url))
    page.on("pageerror", lambda error: visit.faults.append(str(error)))
    yield visit
    context.close()
