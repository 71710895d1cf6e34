"""Runs side by side in a real browser: opened, folded, reopened by the link and saved, however long they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visit, downloaded, visiting
from tests.serving import LONG

TWO = "/trace-compare?lane=run-corag-1-32-q1&lane=run-corag-2-32-q1"
LONG_TWO = "/trace-compare?lane=long-corag&lane=long-iterative"


@pytest.fixture
def visit(blind: Browser) -> Iterator[Visit]:
    with visiting(blind) as found:
        yield found


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit.page


def test_a_stranger_pins_two_runs_compares_them_and_the_link_reopens_what_was_open(
    visit: Visit, address: str
):
    page = visit.page
    page.goto(address + "/?run=run-corag-1-32-q1")
    page.get_by_text("Pin to compare").click()
    expect(page).to_have_url(re.compile("lane=run-corag-1-32-q1"))
    page.goto(page.url.replace("?run=run-corag-1-32-q1", "?run=run-corag-2-32-q1"))
    page.get_by_text("Pin to compare").click()
    page.get_by_role("link", name="Compare 2 pinned runs").click()
    expect(page.locator(".bs-card")).to_have_count(2)
    expect(page.locator(".bs-parting")).to_contain_text("do the same for the first")
    page.get_by_role("button", name=re.compile("steps alike in all lanes")).click()
    page.locator("[data-step='1:2'] > details > summary").click()
    expect(page.locator("[data-step='1:2'] .bs-passages")).to_be_visible()
    expect(page).to_have_url(re.compile("open="))
    page.goto(page.url)
    page.get_by_role("button", name=re.compile("steps alike in all lanes")).click()
    expect(page.locator("[data-step='1:2'] .bs-passages")).to_be_visible()
    assert visit.faults == []


def test_ten_thousand_steps_are_drawn_as_heads_and_a_body_comes_when_it_is_opened(
    visit: Visit, address: str
):
    page = visit.page
    page.goto(address + LONG_TWO)
    expect(page.locator(".bs-parting")).to_contain_text("first 99 steps")
    assert page.locator(".bs-rows").get_attribute("aria-rowcount") == str(LONG)
    assert page.locator(".bs-row").count() < LONG / 10
    step = page.locator("[data-step='0:99']")
    step.locator("summary").click()
    expect(step.locator(".bs-words")).to_contain_text("Thought 99 here")
    page.get_by_role("button", name="Show more steps").scroll_into_view_if_needed()
    expect(page.locator("[data-step='1:300']")).to_be_attached()
    page.get_by_role("button", name="99 steps alike in all lanes").click()
    expect(page.locator("[data-step='1:98']")).to_be_attached()
    assert page.locator(".bs-row").count() < LONG / 10
    assert visit.faults == []


def test_the_comparison_is_saved_as_a_file(page: Page, address: str, tmp_path: Path):
    page.goto(address + TWO)
    waiting = downloaded(page, page.get_by_role("button", name="JSON"))
    waiting.save_as(tmp_path / "comparison.json")
    body = json.loads((tmp_path / "comparison.json").read_text("utf-8"))
    assert [run["id"] for run in body["runs"]] == ["run-corag-1-32-q1", "run-corag-2-32-q1"]
    assert "lane=" in body["link"]
