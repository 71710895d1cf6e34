"""The whole app with its real index and the model on board, in a real browser, as people meet it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import downloaded, placed, quiet, visiting
from tests.browser.test_share import published
from tests.browser.test_surface import dragged
from tests.dashboard import dashboard

pytestmark = [pytest.mark.browser, pytest.mark.embedded, pytest.mark.timeout(1800)]

LONG_MS = 240_000
"""For a run of the model on board on a busy machine."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with dashboard(str(tmp_path_factory.mktemp("home"))) as found:
        yield found


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        yield opened(context.new_page(), address)


def opened(page: Page, address: str) -> Page:
    page.set_default_timeout(LONG_MS)
    expect.set_options(timeout=LONG_MS)
    page.goto(address)
    expect(page.get_by_role("slider")).to_have_count(2)
    return page


def dial(page: Page, axis: str, stop: int) -> None:
    """Put a dial on its n-th stop by the keyboard."""
    slider = page.locator(f".bs-dial-{axis}:not([hidden]) input")
    slider.press("Home")
    for _ in range(stop):
        slider.press("ArrowRight")


def run(page: Page, search: int, think: int) -> None:
    dial(page, "search", search)
    dial(page, "think", think)
    page.get_by_role("button", name="Run", exact=True).click()


def own_question(page: Page, text: str) -> None:
    page.get_by_role("radio", name="Your own").click()
    page.get_by_label("Your question").fill(text)


def test_a_stranger_asks_drags_pins_compares_and_drills(page, address):
    run(page, 1, 2)
    pin = page.get_by_text("Pin to compare")
    expect(pin).to_be_visible()
    expect(page.get_by_text("beside the run")).to_be_visible()
    expect(page.get_by_role("button", name="Take no more answers")).to_have_count(0)
    quiet(page)
    sent: list[str] = []
    page.on("websocket", lambda socket: sent.append("a new connection"))
    dial(page, "think", 1)
    expect(page.locator(".bs-replay-at")).to_contain_text("Replayed at 1 query, 8 thinking tokens")
    dial(page, "think", 0)
    expect(page.locator(".bs-replay-at")).to_contain_text("0 thinking tokens")
    assert not sent
    pin.click()
    expect(page.get_by_role("link", name="Compare 1 pinned run")).to_be_visible()
    run(page, 0, 0)
    expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    expect(page.locator(".bs-replay-at")).to_contain_text("This run: 0 queries, 0 thinking tokens")
    quiet(page)
    page.get_by_text("Pin to compare").click()
    page.get_by_role("link", name="Compare 2 pinned runs").click()
    expect(page.locator(".bs-parting")).to_contain_text("At step 1")
    expect(page.locator(".bs-card")).to_have_count(2)
    expect(page).to_have_url(re.compile("lane=.*lane="))
    page.get_by_role("link", name="Quality surface").click()
    cell = page.locator(".bs-map .bs-cell:not([disabled])").last
    cell.click()
    expect(page.get_by_text("Select a question in the table")).to_be_visible()
    quiet(page)
    rows = placed(page.get_by_test_id("stDataFrame").last)
    page.mouse.click(rows["x"] + 14, rows["y"] + 54)  # the first row's mark
    expect(page.locator(".bs-trace .bs-step").first).to_be_visible()


def test_what_a_stranger_compares_and_publishes_opens_for_another_one_with_the_network_off(
    page, browser, address, tmp_path
):
    page.goto(f"{address}/summary")
    examples = page.get_by_role("link", name="Compare the two traces")
    expect(examples).to_have_count(3)
    seen = set()
    for link in examples.evaluate_all("links => links.map((one) => one.href)"):
        page.goto(link)
        expect(page.locator(".bs-lanes .bs-cell-step").first).to_be_visible()
        expect(page.locator(".bs-card")).to_have_count(2)
        seen.add(page.locator(".bs-parting").inner_text())
    assert len(seen) == 3
    quiet(page)
    compared = published(page, "Two of our runs", "")
    page.get_by_role("link", name="Quality surface").click()
    expect(page.locator(".bs-dot").first).to_be_attached()
    link, file = published(page, "Our surface", "Look at the corner."), tmp_path / "view.html"
    page.close()  # drawing by the processor is slow enough without it
    with visiting(browser) as other:
        other.page.goto(compared)
        other.page.locator(".bs-lanes .bs-cell-step details").first.click()
        expect(other.page.locator(".bs-lanes details[open]").first).to_be_visible()
        other.page.goto(link)
        download = downloaded(other.page, other.page.get_by_role("button", name="Save as one file"))
        download.save_as(file)
        assert other.faults == [] and file.stat().st_size < 8_000_000
        assert all(url.startswith((address, "blob:", "data:")) for url in other.asked)
    with visiting(browser) as offline:
        offline.page.context.set_offline(True)
        offline.page.goto(file.as_uri())
        expect(offline.page.locator(".bs-dot").first).to_be_attached()
        dragged(offline.page)
        dial = offline.page.locator("input[data-axis=search]")
        dial.press("End")
        expect(offline.page.locator(".bs-readings caption")).to_contain_text("8 queries")
        offline.page.locator(".bs-map .bs-cell:not(:disabled)").last.click()
        offline.page.locator(".bs-questions button").first.click()
        expect(offline.page.locator(".bs-run .bs-step").first).to_be_visible()
        assert offline.faults == [] and offline.asked == [file.as_uri()]


def test_a_run_goes_on_through_a_reload_and_stop_ends_it(page):
    own_question(page, "Where does the Guild of the Marble Bottle meet?")
    page.get_by_text("Knobs, seed and doses").click()
    page.get_by_role("button", name="the queries").click()  # all of them: longer than any reload
    page.get_by_role("button", name="the thinking").click()
    dial(page, "search", 6)
    dial(page, "think", 6)
    quiet(page)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.locator(".bs-under-way")).to_be_visible()
    expect(page).to_have_url(re.compile("run=live-"))
    page.reload()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.get_by_text("Where does the Guild of the Marble Bottle meet?")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    stopped = page.get_by_text("Stopped by you").first  # with what it had, or with an answer begun
    expect(stopped).to_be_visible()
    expect(page.locator(".bs-under-way")).to_have_count(0)


def test_two_browsers_never_see_each_others_question_or_pins(browser, address, page):
    with browser.new_context(viewport={"width": 1440, "height": 900}) as context:
        other = opened(context.new_page(), address)
        asked = {page: "Who keeps the northern lamp?", other: "Which river freezes first?"}
        for who, text in asked.items():
            own_question(who, text)
            run(who, 0, 1)
        for who in asked:
            expect(who.get_by_text("Pin to compare")).to_be_visible()
            quiet(who)
        page.get_by_text("Pin to compare").click()
        expect(page.get_by_role("link", name="Compare 1 pinned run")).to_be_visible()
        other.reload()
        expect(other.get_by_text("Pin to compare")).to_be_visible()
        quiet(other)
        for who, mine, theirs in ((page, *asked.values()), (other, *reversed(asked.values()))):
            shown = who.content()
            assert mine in shown and theirs not in shown
        assert "pinned run" not in other.content()
        other.keyboard.press("Control+k")
        expect(other.get_by_role("option", name="Live query")).to_be_visible()
        assert theirs not in other.content() and "pinned run" not in other.content()
