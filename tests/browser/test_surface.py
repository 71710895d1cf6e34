"""The surface in a real browser: camera, clicks, and a mark that is where the cell is."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import Visit, downloaded, placed, quiet, until, visiting

CAMERA = """() => {
  const { eye } = document.querySelector('.bs-plot')._fullLayout.scene._scene.getCamera();
  return [eye.x, eye.y, eye.z];
}"""
NUMBERS = """() => {
  const { ticks } = document.querySelector('.bs-plot')._fullLayout.scene._scene.axesOptions;
  return ticks[2].map((tick) => tick.text);
}"""
WHOLE_CAMERA = """() => {
  const { eye, center } = document.querySelector('.bs-plot')._fullLayout.scene._scene.getCamera();
  return [eye, center].flatMap(({ x, y, z }) => [x, y, z]);
}"""
PLACE = """() => {
  const dot = document.querySelector(".bs-dot[data-key^='corag']");
  const stage = document.querySelector('.bs-stage').getBoundingClientRect();
  return [stage.left + Number(dot.getAttribute('cx')), stage.top + Number(dot.getAttribute('cy'))];
}"""
LISTEN = """() => {
  const plot = document.querySelector('.bs-plot');
  window.hits = [];
  if (plot.heard) return;
  plot.heard = true;
  plot.on('plotly_hover', ({ points: [p] }) => window.hits.push([p.data.meta[0], p.x, p.y, p.z]));
}"""
LAST = "() => window.hits.at(-1) ?? null"


@pytest.fixture(scope="module")
def visit(browser: Browser, address: str) -> Iterator[Visit]:
    """One page for all tests here: software WebGL takes seconds to draw its first frame."""
    with visiting(browser) as found:
        found.page.goto(address + "/quality-surface?over=live+runs")
        found.page.wait_for_selector(".bs-dot", state="attached")
        yield found
        assert found.faults == []


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit.page


def turned(page: Page) -> list[float]:
    """Turn the scene, and wait for the page to have taken note; the camera after it."""
    dragged(page)
    at_rest(page)
    return page.evaluate(CAMERA)


def dragged(page: Page) -> list[float]:
    """Turn the scene by a drag that starts beside the surface; the camera after it."""
    plot = page.locator(".bs-plot")
    box = placed(plot)
    x, y = box["x"] + 40, box["y"] + box["height"] - 40
    before = page.evaluate(CAMERA)
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(1, 6):
        page.mouse.move(x + 8 * i, y + i)
        page.wait_for_timeout(30)
    page.mouse.up()
    until(page, CAMERA, lambda camera: camera != before)
    return page.evaluate(CAMERA)


def at_rest(page: Page) -> None:
    """Until the camera stands, and the page is drawn again with where it stands in its link."""

    def told(camera: list[float]) -> bool:
        link = parse_qs(urlsplit(page.url).query).get("camera", [""])[0].split(",")
        return link != [""] and [float(x) for x in link] == pytest.approx(camera, abs=0.006)

    until(page, WHOLE_CAMERA, told)
    quiet(page)


def at(page: Page, search_stop: int, think_stop: int) -> tuple[float, float]:
    """Put the dials on two stops as a drag would, and tell where corag's dot then is."""
    placed(page.locator(".bs-plot"))
    for axis, stop in (("search", search_stop), ("think", think_stop)):
        page.locator(f"input[data-axis={axis}]").evaluate(
            "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }", stop
        )
    seen: list[list[float]] = [[]]
    until(page, PLACE, lambda place: seen.append(place) or place == seen[-2])  # it stands still
    x, y = seen[-1]
    return x, y


def hovered(page: Page, search_stop: int, think_stop: int, where: tuple[float, float]) -> Any:
    """Put the pointer on corag's cell there, and wait until Plotly has found it; what it tells of it, and where."""
    x, y = at(page, search_stop, think_stop)
    page.evaluate(LISTEN)
    page.mouse.move(x + 25, y - 60)
    page.mouse.move(x, y, steps=3)
    here = pytest.approx(where, abs=1e-6)  # cells passed on the way may be told first
    until(page, LAST, lambda hit: hit is not None and hit[1:3] == here)
    return page.evaluate(LAST), x, y


def test_a_turn_is_as_wide_as_the_hand_moved_however_slowly_frames_are_drawn(page: Page):
    before = page.evaluate(CAMERA)
    after = turned(page)
    height = page.locator(".bs-plot").evaluate("(e) => e.clientHeight")
    turn = math.remainder(math.atan2(*after[1::-1]) - math.atan2(*before[1::-1]), math.tau)
    assert abs(turn) == pytest.approx(math.pi * 40 / height, abs=0.02)
    numbers = page.evaluate(NUMBERS)
    assert len(set(numbers)) == len(numbers) > 1


def test_the_camera_stays_where_it_was_put_when_the_data_change(page: Page):
    camera = turned(page)
    page.evaluate("() => { document.querySelector('.bs-plot').mine = true }")
    page.mouse.wheel(0, -2000)  # a list that is opened while the page still scrolls would close
    until(page, "() => document.querySelector('[data-testid=stMain]').scrollTop", lambda y: y == 0)
    page.get_by_role("combobox", name="Quality").click()
    page.get_by_role("option", name="token F1").click()
    title = "() => document.querySelector('.bs-plot').layout.scene.zaxis.title.text"
    until(page, title, lambda text: text == "token F1")
    assert page.evaluate(CAMERA) == pytest.approx(camera, abs=1e-3)
    assert page.evaluate("() => document.querySelector('.bs-plot').mine")


def test_the_mark_is_where_plotly_itself_finds_the_cell_also_after_turning(page: Page):
    page.get_by_role("button", name="Corner").click()  # from where one turn hides none of the three
    at_rest(page)
    turned(page)
    for search, think, where in ((3, 2, (1.0, 1.0)), (2, 1, (2 / 3, 0.5)), (3, 1, (1.0, 0.5))):
        (name, *found), _, _ = hovered(page, search, think, where)
        stop = page.locator(".bs-readings tr", has_text=name).locator("strong").inner_text()
        assert found[2] == pytest.approx(float(stop), abs=0.006)


def test_a_click_on_the_surface_opens_the_cell_and_a_drag_that_starts_there_does_not(page: Page):
    _, x, y = hovered(page, 3, 1, (1.0, 0.5))
    page.mouse.down()
    page.mouse.move(x + 60, y + 10, steps=4)
    page.mouse.up()
    at_rest(page)
    expect(page.get_by_role("heading", name="corag")).to_have_count(0)
    _, x, y = hovered(page, 3, 1, (1.0, 0.5))
    page.mouse.click(x, y)
    expect(
        page.get_by_role("heading", name="corag · 4 queries · 32 thinking tokens")
    ).to_be_visible()
    expect(page).to_have_url(re.compile("cell=corag"))


def test_the_map_is_walked_by_keyboard_and_moves_the_dials(page: Page):
    grid = page.get_by_role("grid", name=re.compile("^corag"))
    grid.locator("button").first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(
        page.get_by_role("heading", name="corag · 2 queries · 32 thinking tokens")
    ).to_be_visible()
    dial = page.get_by_role("slider", name="Search budget")
    expect(dial).to_have_attribute("aria-valuetext", "2 queries")
    told = page.get_by_role("status").filter(has_text="measured at 2 queries, 32 thinking tokens")
    expect(told).to_contain_text(re.compile("corag: [0-9.]+"))


def saved(page: Page, button: Locator) -> tuple[str, bytes]:
    """What the browser makes a file of when a button is pressed: its name and content."""
    file = downloaded(page, button)
    return file.suggested_filename, Path(file.path()).read_bytes()


def test_the_picture_and_the_cells_are_saved_as_files_with_what_is_seen_in_them(page: Page):
    name, png = saved(page, page.get_by_role("button", name="Save PNG"))
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    assert name.endswith(".png") and picture.size == (2800, 1800)
    blue, ground = (0, 114, 178), picture.getpixel((5, 1795))
    found = {colour for _, colour in picture.getcolors(maxcolors=picture.width * picture.height)}
    assert blue in found and ground == (255, 255, 255) and len(found) > 500
    name, svg = saved(page, page.get_by_role("button", name="Save SVG"))
    root = ElementTree.fromstring(svg)
    texts = {node.text for node in root.iter() if node.text}
    assert name.endswith(".svg") and root.tag.endswith("svg") and "corag" in texts
    assert any(node.tag.endswith("image") for node in root.iter())  # the scene within
    page.get_by_role("tab", name="Table").click()
    name, cells = saved(page, page.get_by_role("tabpanel").get_by_role("button", name="CSV"))
    rows = list(csv.DictReader(io.StringIO(cells.decode())))
    assert name.endswith(".csv") and {row["strategy"] for row in rows} >= {"corag", "closed book"}
    shown = page.evaluate("() => document.querySelectorAll('.bs-cell:not(:disabled)').length")
    assert len(rows) == shown
    assert all(0 <= float(row["low"]) <= float(row["high"]) <= 1 for row in rows)


def test_a_finger_drags_a_dial_and_taps_a_cell_on_a_narrow_screen(blind: Browser, address: str):
    context = blind.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.goto(address + "/quality-surface")
    dial = page.get_by_role("slider", name="Search budget")
    box = placed(dial)
    finger, y = context.new_cdp_session(page), box["y"] + box["height"] / 2
    for kind, share in (("Start", 0.5), ("Move", 0.75), ("Move", 0.98), ("End", None)):
        points = [] if share is None else [{"x": box["x"] + share * box["width"], "y": y}]
        finger.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    expect(dial).to_have_attribute("aria-valuetext", "4 queries")
    expect(page).to_have_url(re.compile("at=4"))
    cell = page.get_by_role("button", name=re.compile("^2 queries, 32 thinking tokens")).first
    cell.tap()
    expect(page).to_have_url(re.compile("cell=2&cell=32"))
    expect(dial).to_have_attribute("aria-valuetext", "2 queries")
    context.close()


def test_without_webgl_the_map_takes_over_and_says_so(blind: Browser, address: str):
    with visiting(blind) as visit:
        page = visit.page
        page.goto(address + "/quality-surface")
        expect(page.get_by_role("status").filter(has_text="no WebGL")).to_be_visible()
        page.locator(".bs-cell:not(:disabled)").first.click()
        expect(page.get_by_role("heading", name="closed book · 0 queries")).to_be_visible()
