"""What is shared, in a real browser: a stranger opens it, saves it, and uses the file with the network off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE_MS, Visit, downloaded, until, visiting
from tests.browser.test_surface import CAMERA, dragged, turned
from tests.dashboard_fakes import NASTY, PAYLOADS

NOTES = f"Look at this:\n{NASTY} </script><script>document.title='owned'</script>"
POLICY_FAULTS = """() => {
  window.refused = [];
  document.addEventListener('securitypolicyviolation', (e) => window.refused.push(e.blockedURI));
}"""


@pytest.fixture(scope="module")
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    with visiting(browser) as found:
        yield found
        assert found.faults == []


@pytest.fixture(scope="module")
def link(visit: Visit, address: str) -> str:
    """The link of a published surface, with hostile words wherever a person or a model may say some."""
    page = visit.page
    page.goto(address + "/quality-surface?strategies=corag&strategies=iterative")
    page.wait_for_selector(".bs-dot", state="attached", timeout=PATIENCE_MS)
    return published(page, f"The grid {NASTY}", NOTES)


def published(page: Page, title: str, notes: str) -> str:
    page.get_by_role("button", name="Share").click()
    page.get_by_label("Title").fill(title)
    page.get_by_label("Notes").fill(notes)
    page.get_by_role("button", name="Publish").click()
    code = page.locator("code").filter(has_text="shared-view?id=")
    expect(code).to_be_visible()
    return code.inner_text().strip()


@pytest.fixture(scope="module")
def file(browser: Browser, link: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The view as a stranger in a clean browser saves it."""
    path = tmp_path_factory.mktemp("saved") / "view.html"
    with visiting(browser) as found:
        found.page.goto(link)
        expect(found.page.get_by_text("Choose a cell on the surface or the map")).to_be_visible()
        assert NASTY in found.page.locator(".bs-notes").inner_text()
        download = downloaded(found.page, found.page.get_by_role("button", name="Save as one file"))
        assert re.fullmatch(r"The-grid-[A-Za-z0-9-]+\.html", download.suggested_filename)
        download.save_as(path)
        assert found.faults == [] and found.page.title() == "Shared view · Budgetscape"
        here = link.partition("/shared-view")[0]
        assert all(url.startswith((here, "blob:", "data:")) for url in found.asked), found.asked
    return path


@pytest.fixture(scope="module")
def offline(browser: Browser, file: Path) -> Iterator[Visit]:
    """The saved file, opened with the network off."""
    with visiting(browser) as found:
        found.page.context.set_offline(True)
        found.page.add_init_script(f"({POLICY_FAULTS})()")
        found.page.goto(file.as_uri())
        found.page.wait_for_selector(".bs-dot", state="attached", timeout=PATIENCE_MS)
        yield found
        assert found.faults == [] and found.asked == [file.as_uri()]
        assert found.page.evaluate("window.refused") == []


def test_the_camera_is_in_the_link_and_the_link_brings_it_back(browser: Browser, address: str):
    with visiting(browser) as found:
        page = found.page
        page.goto(address + "/quality-surface")
        page.wait_for_selector(".bs-dot", state="attached", timeout=PATIENCE_MS)
        turned(page)
        told, was = page.url, page.evaluate(CAMERA)
        page.goto("about:blank")
        page.goto(told)
        page.wait_for_selector(".bs-dot", state="attached", timeout=PATIENCE_MS)
        assert page.evaluate(CAMERA) == pytest.approx(was, abs=0.01)


def test_the_saved_file_turns_and_its_dials_drag_with_the_network_off(offline: Visit):
    page = offline.page
    before = page.evaluate(CAMERA)
    assert dragged(page) != before
    dial = page.locator("input[data-axis=search]")
    dial.focus()
    page.keyboard.press("Home")
    expect(page.locator(".bs-readings caption")).to_contain_text("0 queries")
    was = page.locator(".bs-dot[data-key^='corag']").get_attribute("cx")
    page.keyboard.press("End")
    expect(page.locator(".bs-readings caption")).to_contain_text("4 queries")
    until(
        page,
        "document.querySelector(\".bs-dot[data-key^='corag']\").getAttribute('cx')",
        lambda now: now != was,
    )


def test_traces_open_in_the_saved_file_and_nothing_in_it_is_obeyed(offline: Visit):
    page = offline.page
    grid = page.get_by_role("grid", name="corag")
    grid.get_by_role("button", name=re.compile("^0 queries, 0 thinking")).click()
    expect(
        page.get_by_role("heading", name="corag · 0 queries · 0 thinking tokens")
    ).to_be_visible()
    wrong = page.locator(".bs-questions button").filter(has_text="<img src=x").first
    wrong.click()
    expect(page.locator(".bs-run .bs-answer-text")).to_have_text(NASTY)
    expect(page.locator(".bs-run .bs-step").first).to_contain_text("I need the author first.")
    assert NASTY in page.locator("h1").inner_text()
    assert page.locator(".bs-notes").inner_text() == NOTES
    assert page.locator("main img, main a, main iframe, main strong:has-text('bold')").count() == 0
    assert page.title().startswith("The grid <img")
    page.get_by_text("All cells").click()
    expect(page.get_by_role("region", name="All cells").get_by_role("row")).to_have_count(25)


def harmless(page: Page, texts: str) -> None:
    """All payloads are there to be read, and not one is more than text."""
    page.evaluate("() => document.querySelectorAll('.bs details').forEach((d) => (d.open = true))")
    told = page.locator(texts).evaluate_all("found => found.map((one) => one.textContent).join()")
    assert [p for p in PAYLOADS if p not in told.replace("\ufffd", "\x00")] == []
    inside = ":is(img, svg[onload], iframe, script, form, [onerror], [href^='javascript']"
    assert page.locator(f".bs {inside}, [src*='example.invalid'])").count() == 0
    assert page.title() != "owned"
    bidi = page.locator(".bs span").evaluate_all(
        "s => s.map((e) => getComputedStyle(e).unicodeBidi)"
    )
    assert set(bidi) == {"isolate"}, "no text turns the direction of what stands beside it"


def test_payloads_in_every_text_are_text_in_the_app_and_in_the_saved_file(
    blind: Browser, address: str, tmp_path: Path
):
    path, cell = tmp_path / "view.html", "&cell=".join(("corag", "smollm2", "4", "128"))
    with visiting(blind) as found:
        page = found.page
        lanes = "lane=hostile-corag&lane=hostile-iterative&compare_fold=false"
        page.goto(f"{address}/trace-compare?{lanes}")
        page.locator(".bs-reading details summary").first.click()
        expect(page.locator(".bs-passages li").first).to_be_attached()
        harmless(page, ".bs-lanes")
        page.goto(f"{address}/quality-surface?sweep=hostile&cell={cell}&run=hostile-corag")
        expect(page.locator(".bs-trace .bs-step").first).to_be_visible()
        harmless(page, ".bs-trace, .bs-summary")
        expect(page.get_by_role("button", name="CSV")).not_to_have_count(0)
        page.get_by_test_id("stDataFrame").last.hover()
        expect(page.get_by_test_id("stElementToolbarButton").first).to_be_attached()
        expect(page.get_by_role("button", name="Download as CSV")).to_have_count(0)
        page.goto(published(page, " ".join(PAYLOADS)[:190], " ".join(PAYLOADS)))
        expect(page.locator(".bs-run .bs-step").first).to_be_visible()
        harmless(page, ".bs-shared")
        download = downloaded(page, page.get_by_role("button", name="Save as one file"))
        download.save_as(path)
        assert all(url.startswith((address, "blob:", "data:")) for url in found.asked)
        assert found.faults == []
    with visiting(blind) as saved:
        saved.page.goto(path.as_uri())  # with a network: it is not asked
        expect(saved.page.locator(".bs-run .bs-step").first).to_be_visible()
        harmless(saved.page, ".bs-shared")
        assert saved.faults == [] and saved.asked == [path.as_uri()]


def test_without_webgl_the_file_offers_the_map(blind: Browser, file: Path):
    with visiting(blind) as found:
        found.page.context.set_offline(True)
        found.page.goto(file.as_uri())
        expect(found.page.get_by_role("status").filter(has_text="no WebGL")).to_be_visible()
        found.page.locator(".bs-cell:not(:disabled)").first.click()
        found.page.locator(".bs-questions button").first.click()
        expect(found.page.locator(".bs-run .bs-step").first).to_be_visible()
        assert found.faults == []


def test_lanes_are_published_and_their_steps_open(browser: Browser, address: str):
    with visiting(browser) as found:
        page = found.page
        page.goto(address + "/trace-compare?lane=run-corag-2-32-q1&lane=run-corag-4-128-q1")
        expect(page.locator(".bs-lanes")).to_be_visible()
        link = published(page, "Two runs", "")
        page.goto(link)
        expect(page.get_by_role("heading", name="Two runs")).to_be_visible()
        page.locator(".bs-fold button").first.click()
        page.locator(".bs-cell-step details").first.click()
        expect(page.locator(".bs-passages li").first).to_be_visible()
        assert found.faults == []


def test_embedded_there_is_the_view_and_no_frame(blind: Browser, link: str):
    with visiting(blind) as found:
        found.page.goto(link + "&embed=true")
        expect(found.page.locator(".bs-shared h1")).to_be_visible()
        expect(found.page.locator(".bs-opener")).to_have_count(0)
        expect(found.page.get_by_role("link", name="Quality surface")).to_have_count(0)


def test_the_link_in_share_is_the_one_in_the_address_bar_whatever_was_chosen_last(
    blind: Browser, address: str
):
    with visiting(blind) as found:
        page = found.page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.goto(address + "/quality-surface?strategies=corag&embed_options=light_theme")
        page.get_by_role("tab", name="Table").click()
        expect(page).to_have_url(re.compile("below=Table"))
        page.get_by_role("button", name="Share").click()
        code = page.locator(".bs-address code")
        expect(code).to_contain_text("quality-surface?strategies=corag&below=Table")
        dial = page.get_by_role("slider", name="Search budget")
        dial.evaluate("(e) => { e.focus({ preventScroll: true }) }")
        dial.press("End")
        expect(page).to_have_url(re.compile("at="))
        said = parse_qs(urlsplit(page.url).query)
        expect(code).to_contain_text("at=")
        page.get_by_role("button", name="Copy link").click()
        expect(page.get_by_text("Copied")).to_be_visible()
        copied = page.evaluate("() => navigator.clipboard.readText()")
        assert copied == code.inner_text()
        assert parse_qs(urlsplit(copied).query) == {
            k: said[k] for k in ("strategies", "at", "below")
        }
        assert found.faults == []
