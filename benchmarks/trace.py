"""A trace of ten thousand steps: from a click, or from its link, to its first steps on the screen, beside a short one.

The real server over invented runs and a real Chromium. In the open app the second of two long runs is chosen on Trace
compare, and taken out and chosen again; then both pages that show a trace are loaded from their links, each in a fresh
browser. Printed are the seconds until the steps are painted, for runs of 10,000 steps and for runs of a handful, and
what opening a step's text takes; what the handful takes is the page's own. The promise is 1 s from the click in the
open app, for runs that nobody had opened before.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests.chromium import launch  # noqa: E402
from tests.serving import LONG, serving  # noqa: E402

PROMISE_S = 1.0
PATIENCE_MS = 120_000
SETTLE_MS = 1_000
"""Between two clicks, so that nothing of the one before is still being drawn."""
PAIRS = {
    f"{LONG:,} steps": ("long", "long-corag", "long-iterative"),
    "a handful": ("grid", "run-corag-4-128-q1", "run-iterative-4-128-q1"),
}
FIRST = "chosen in the open app"
STEPS = ".bs-step, .bs-cell-step"
WATCH = """([steps, wanted]) => {
  window.began = window.painted = 0;
  const now = () => performance.now();
  document.addEventListener("click", () => { window.began = now(); }, { capture: true, once: true });
  const seen = new MutationObserver(() => {
    if (!window.began || window.painted || !document.querySelector(wanted)) return;
    seen.disconnect();
    requestAnimationFrame(() => setTimeout(() => { window.painted = now(); }));
  });
  seen.observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


def clicked(page: Page, wanted: str, click) -> float:  # type: ignore[no-untyped-def]  # noqa: ANN001
    """Seconds from a click to the first paint with what is wanted."""
    page.evaluate(WATCH, [STEPS, wanted])
    click()
    page.wait_for_function("() => window.painted")
    return float(page.evaluate("() => (window.painted - window.began) / 1000"))


def chosen(page: Page, address: str, names: tuple[str, str, str], times: int) -> list[float]:
    """The second run is put into the lanes of an open page, again and again."""
    sweep, first, second = names
    page.goto(f"{address}/trace-compare?compare_sweep={sweep}&lane={first}")
    lanes = page.get_by_role("combobox", name="Runs in lanes (2 to 6)")
    lanes.wait_for()
    page.get_by_role("combobox", name="Question").wait_for()
    taken = []
    option = page.get_by_role("option").filter(has_text="iterative · 4 queries · 128").first
    for _ in range(times):
        page.wait_for_timeout(SETTLE_MS)
        lanes.click()
        lanes.press_sequentially("iterative · 4 queries · 128")
        taken.append(clicked(page, STEPS, option.click))
        page.wait_for_timeout(SETTLE_MS)
        page.keyboard.press("Escape")
        page.get_by_label("Remove").last.click()
        page.locator(STEPS).first.wait_for(state="detached")
    return taken


def loaded(browser: Browser, link: str, times: int) -> list[float]:
    """From asking for the address to the first steps, each time in a fresh browser context."""
    taken = []
    for _ in range(times):
        context = browser.new_context()
        page = context.new_page()
        began = time.perf_counter()
        page.goto(link, wait_until="commit")
        page.locator(STEPS).first.wait_for(timeout=PATIENCE_MS)
        taken.append(time.perf_counter() - began)
        context.close()
    return taken


def opened(page: Page, address: str, names: tuple[str, str, str]) -> float:
    """Seconds from the click on a step's head to its text."""
    page.goto(f"{address}/trace-compare?lane={names[1]}&lane={names[2]}&compare_fold=false")
    head = page.locator("details > summary.bs-step-head").first
    head.wait_for()
    return clicked(page, "details[open] .bs-words, details[open] .bs-passages", head.click)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--check", action="store_true", help="fail where the promise does")
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args(arguments)
    middles: dict[str, list[float]] = {}
    with serving() as (address, _), sync_playwright() as playwright:
        browser = launch(playwright)
        print(f"load of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        for words, names in PAIRS.items():
            page = browser.new_page()
            page.set_default_timeout(PATIENCE_MS)
            lanes = f"{address}/trace-compare?lane={names[1]}&lane={names[2]}"
            first, *again = chosen(page, address, names, given.times)
            told = {
                FIRST: [first],
                "chosen again": again,
                "comparison loaded": loaded(browser, lanes, given.times),
                "live page loaded": loaded(browser, f"{address}/?run={names[1]}", given.times),
                "a step opened": [opened(page, address, names)],
            }
            page.close()
            for what, taken in told.items():
                middle = statistics.median(taken)
                middles.setdefault(what, []).append(middle)
                print(f"{words}, {what}: median {middle:.2f} s, worst {max(taken):.2f} s")
        browser.close()
    for what, (long, short) in middles.items():
        print(f"{what}: {long / short:.2f} times a handful")
    return int(given.check and middles[FIRST][0] > PROMISE_S)


if __name__ == "__main__":
    sys.exit(main())
