"""A live run in a real browser: it streams, stops, survives a reload, and nothing it says is obeyed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visit, visiting
from tests.dashboard_fakes import NASTY


@pytest.fixture
def visit(blind: Browser) -> Iterator[Visit]:
    with visiting(blind) as found:
        yield found


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit.page


SLOWLY = "/?model=slow&strategy=closed+book"


def asked(page: Page, address: str, query: str = "") -> Page:
    page.goto(address + query)
    page.get_by_role("button", name="Run", exact=True).click()
    return page


def test_a_run_streams_its_steps_and_is_there_again_after_a_reload(
    page: Page, address: str, held: Path
):
    asked(page, address, SLOWLY)
    expect(page.locator(".bs-under-way")).to_contain_text("look for")
    held.unlink()
    expect(page.locator(".bs-summary")).to_be_visible()
    expect(page).to_have_url(re.compile(r"run=r[0-9a-f]{31}"))
    page.reload()
    expect(page.locator(".bs-summary")).to_be_visible()


def test_a_run_under_way_is_seen_below_the_surface_without_scrolling(
    browser: Browser, address: str, held: Path
):
    with visiting(browser) as visit:
        page = visit.page
        page.set_viewport_size({"width": 1440, "height": 900})
        asked(page, address, SLOWLY)
        expect(page.locator(".bs-trace .bs-step").first).to_be_in_viewport()
        expect(page.locator(".bs-stage")).to_be_in_viewport()
        held.unlink()
        expect(page.locator(".bs-summary")).to_be_visible()


def test_a_dial_let_go_decides_the_budget_of_the_run(page: Page, address: str):
    page.goto(address)
    dial = page.locator("input[data-axis=search]:visible")
    dial.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("output:visible").first).to_have_text("1 query")
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("1 of 1 queries")).to_be_visible()


def test_after_the_run_the_dials_replay_it_at_once_and_cells_move_the_dials(
    page: Page, address: str
):
    page.goto(address + "/?run=run-corag-2-32-q1")
    said = page.locator(".bs-replay-at")
    expect(said).to_have_text("This run: 2 queries, 32 thinking tokens.")
    page.locator("input[data-axis=search]:visible").focus()
    page.keyboard.press("Home")
    expect(said).to_contain_text("Replayed at 0 queries, 32 thinking tokens")
    expect(page.locator(".bs-trace .bs-search")).to_have_count(0)
    page.locator(".bs-stopped-here [data-cell='1:0']").click()
    expect(page.locator("output:visible")).to_have_text(["1 query", "0 thinking tokens"])
    expect(said).to_contain_text("Replayed at 1 query, 0 thinking tokens")
    page.locator("input[data-axis=search]:visible").focus()
    page.keyboard.press("End")
    expect(said).to_contain_text("beyond this run")


def test_stop_ends_the_run(page: Page, address: str, held: Path):
    asked(page, address, SLOWLY)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".bs-stopped")).to_contain_text("Stopped by you")
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(page.locator(".bs-summary")).to_have_count(0)


def test_what_models_and_passages_say_is_shown_as_text_and_nothing_is_fetched(
    visit: Visit, address: str
):
    page = visit.page
    page.goto(address + "/?run=run-corag-0-0-q1")
    expect(page.locator(".bs-answer-text")).to_have_text(NASTY)
    page.goto(address + "/?run=run-single_retrieval-1-0-q1")
    expect(page.locator(".bs-answer-text")).to_be_visible()
    page.locator(".bs-passages summary").first.click()
    expect(page.locator(".bs-passages details[open] p")).to_contain_text("is a town on the river")
    expect(page.locator(".bs-passages details[open] p mark").first).to_have_text("Varnholm")
    assert page.locator(".bs img, .bs a, .bs b").count() == 0
    assert page.title() == "Live query · Budgetscape"
    hosts = {urlparse(url).hostname for url in visit.asked if url.startswith("http")}
    assert hosts == {"127.0.0.1"}
    assert visit.faults == []


def test_a_narrow_page_does_not_scroll_sideways(page: Page, address: str):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(address + "/quality-surface")
    page.wait_for_selector(".bs-cell", state="attached")
    wide = page.evaluate(
        "() => [...document.querySelectorAll('[data-testid=stMain]')].some(e => e.scrollWidth > e.clientWidth + 1)"
    )
    assert not wide
