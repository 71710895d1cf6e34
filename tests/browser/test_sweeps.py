"""A sweep started in a real browser goes on without it, and its link finds it again."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.conftest import visiting


def test_a_sweep_is_quoted_started_left_and_found_again_by_its_link(
    blind: Browser, address: str, held: Path
):
    held.unlink()
    with visiting(blind) as first:
        page = first.page
        page.goto(address + "/sweep-runs")
        page.get_by_label("Name", exact=True).fill("from-a-browser")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Quote").click()
        expect(page.get_by_text("Some of it was never measured")).to_be_visible()
        page.get_by_role("button", name="Run a pilot").click()
        expect(page).to_have_url(re.compile("sweep=from-a-browser"))
        expect(page.get_by_role("heading", name="from-a-browser is quoted")).to_be_visible()
        held.touch()
        page.get_by_role("button", name="Start").click()
        expect(
            page.get_by_role("heading", name=re.compile("is (starting|running)"))
        ).to_be_visible()
        link = page.url
    with visiting(blind) as later:
        page = later.page
        page.goto(link)
        expect(
            page.get_by_role("heading", name=re.compile("is (starting|running)"))
        ).to_be_visible()
        held.unlink()
        expect(page.get_by_role("heading", name="from-a-browser is done")).to_be_visible()
        expect(page.get_by_text(re.compile(r"^(\d+) of \1 runs$"))).to_be_visible()
        assert later.faults == []
