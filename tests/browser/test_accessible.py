"""Every page, in light and dark, wide and narrow: axe finds nothing serious in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Visit, quiet, until, visiting

HOME = "live_query"
PAGES = sorted(path.stem for path in (Path(__file__).parents[2] / "pages").glob("[a-z]*.py"))
ADDRESSES = ["/" if name == HOME else "/" + name.replace("_", "-") for name in PAGES]
DEEPER = (
    "/quality-surface?cell=corag&cell=smollm2&cell=2&cell=32",
    "/trace-compare?lane=run-corag-2-32-q1&lane=run-iterative-2-32-q1",
)
"""What a page looks like when something is open in it."""
SERIOUS = ("serious", "critical")
SCHEME = "() => getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme"
WIDE = "() => document.documentElement.scrollWidth"
RESTING = """() => document.getAnimations().every((one) =>
  one.playState !== 'running' || one.effect?.getComputedTiming().iterations === Infinity)"""
"""Whether nothing fades or slides into its place any more."""
LOOKS = [(scheme, width) for scheme in ("light", "dark") for width in (1440, 390)]


@pytest.fixture(scope="module")
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    with visiting(browser) as found:
        yield found


def settled(page: Page) -> None:
    """The script has run and what it draws is there."""
    expect(page.get_by_test_id("stMain").get_by_role("heading", level=1)).to_be_visible()
    quiet(page)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0)
    expect(page.get_by_test_id("stSpinner")).to_have_count(0)
    page.wait_for_timeout(700)


def findings(page: Page) -> list[str]:
    """What axe holds to be serious, each with the first place where it is so."""
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{rule['id']} at {rule['nodes'][0]['target']}: {rule['nodes'][0]['failureSummary']}"
        for rule in found
        if rule["impact"] in SERIOUS
    ]


@pytest.mark.parametrize("place", [*ADDRESSES, *DEEPER])
def test_a_page_has_no_serious_fault_in_any_look(visit: Visit, address: str, place: str):
    page = visit.page
    page.goto(address + place)
    settled(page)
    if place == "/":
        page.get_by_text("Knobs, seed and doses").click()
    found = {}
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(500)
        until(page, SCHEME, lambda shown, wanted=scheme: shown == wanted)
        until(page, RESTING, bool)
        until(page, WIDE, lambda wide, most=width: wide <= most)  # it does not scroll sideways
        found |= {f"{scheme}, {width} px: {what}": True for what in findings(page)}
    assert not found, "\n".join(found)


def test_a_fault_would_be_found(visit: Visit, address: str):
    page = visit.page
    page.goto(address + "/sweep-runs")
    settled(page)
    page.evaluate(
        "() => { const e = document.createElement('img'); e.src = ''; document.body.append(e) }"
    )
    assert any(what.startswith("image-alt") for what in findings(page))
