"""Jump to anywhere and the keys, by keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import quiet, visiting


@pytest.fixture
def page(blind: Browser) -> Iterator[Page]:
    with visiting(blind) as found:
        yield found.page


def jumping(page: Page) -> None:
    """Open the dialog by its keys, and wait until it takes what is typed."""
    quiet(page)
    page.keyboard.press("Control+k")
    expect(page.get_by_role("textbox", name="Jump to")).to_be_focused()


def test_a_person_jumps_to_a_page_and_to_a_sweep_and_reads_the_keys(page: Page, address: str):
    page.goto(address + "/?run=run-corag-2-32-q1")
    expect(page.locator(".bs-opener").first).to_be_visible()
    jumping(page)
    page.keyboard.type("trace comp")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/trace-compare"))
    expect(page.get_by_role("heading", name="Trace compare")).to_be_visible()
    jumping(page)
    page.keyboard.type("surface of long")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/quality-surface.*sweep=long"))
    expect(page.get_by_role("heading", name="Quality surface")).to_be_visible()
    quiet(page)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Ctrl + K")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
