"""The real app, a real index and an agent of one's own: files become a corpus, and the corpus a first surface."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

from store.corpora import corpus_names, load_corpus
from store.home import Home
from tests.browser.conftest import quiet, visiting
from tests.files import as_csv
from tests.serving import answering, free_port

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(1200)
SLOW_MS = 180_000
"""A child process that embeds, on a busy machine."""
NOTE = "Dun Velm is a town. The masons of Dun Velm keep the Old Belt in the Long Hall.\n\n" * 8
NAMES = (
    "<img src=x onerror=document.title='owned'>",
    "<script>document.title='owned'<\u2215script>",
    "javascript:document.title='owned'",
    "../../../endpoints",
    "..\\..\\boot",
    "![i](http://example.invalid/a.png)",
    '=cmd|" \u2215C calc"!A0',
    "CON",
    "n" * 240,
    "\U00020000" * 90,
)
REFUSED = ("a\x00b", "\u202egnp.exe")
"""Names of files as somebody may send them; those refused are not what they look like."""
AGENT = """
[agents.mine]
command = ["{python}", "{root}/docs/external_agent.py"]
version = "1"
"""


@pytest.fixture(scope="module")
def home(tiny_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    root = tmp_path_factory.mktemp("real") / "home"
    shutil.copytree(tiny_home.root, root)
    (root / "endpoints.toml").write_text(AGENT.format(python=sys.executable, root=ROOT))
    return Home(root)


@pytest.fixture(scope="module")
def real(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app as people start it, in a data folder of its own."""
    port = free_port()
    env = {
        **os.environ,
        "BUDGETSCAPE_HOME": str(home.root),
        "BUDGETSCAPE_SAMPLES": str(tmp_path_factory.mktemp("no-samples")),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, str(ROOT / "app.py"), "--port", str(port)]
    log = tmp_path_factory.mktemp("log") / "app.log"
    with (
        log.open("wb") as out,
        subprocess.Popen(command, env=env, stdout=out, stderr=out, cwd=ROOT) as app,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            answering(f"{address}/healthz", app)
            yield address
        finally:
            app.terminate()
            app.wait(120)


def test_files_become_a_corpus_that_is_deleted_and_brought_back(
    blind: Browser, real: str, home: Home, tmp_path: Path
):
    notes = named(".md", f"# The <b>masons</b>\n\n{NOTE}NAME")
    table = as_csv(
        tmp_path / "rows.csv", ["id", "text"], ["r1", "A row <script>alert(1)</script>."]
    )
    before = written(home)
    broken = tmp_path / "broken.csv"
    broken.write_bytes(b"id,text\na,x\nb,\xe9")
    with visiting(blind) as visit:
        page = visit.page
        page.goto(f"{real}/corpus-library")
        files = page.locator("input[type=file]")
        files.set_input_files(broken)
        expect(page.get_by_text("broken.csv, line 3: is not UTF-8 at byte 3")).to_be_visible()
        expect(page.get_by_role("button", name="Build", exact=True)).to_be_hidden()
        page.get_by_role("button", name=re.compile("Remove|Delete broken")).first.click()
        expect(page.get_by_text("is not UTF-8")).to_be_hidden()
        chips = page.get_by_test_id("stFileChip")
        expect(chips).to_have_count(0)
        files.set_input_files(table)
        expect(chips).to_have_count(1)
        expect(page.get_by_text("Embedding takes about")).to_be_visible()
        quiet(page)  # what is dropped while the page still draws the first file can be lost
        files.set_input_files(notes)
        expect(chips).to_have_count(len(notes) + 1)
        expect(page.get_by_text("Embedding takes about")).to_be_visible()
        page.get_by_label("Name of the corpus").fill("notes")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Build", exact=True).click()
        done = page.get_by_text(re.compile("Corpus notes is ready after .* recall@3 1.000"))
        expect(done).to_be_visible(timeout=SLOW_MS)
        ids = load_corpus(home, "notes").ids()
        assert "r1" in ids and len([one for one in ids if "n" * 76 in one]) == 1
        assert not any(mark in one for one in ids for mark in "<>:/\\=|![]'\u202e")
        row = page.locator(".st-key-corpus-notes")
        row.get_by_role("button", name="Delete the corpus").click()
        expect(page.get_by_text("Deleted corpus notes.")).to_be_visible()
        expect(row).to_be_hidden()
        assert corpus_names(home) == ["tiny"]
        page.get_by_role("button", name="Undo").click()
        expect(row).to_be_visible()
        assert corpus_names(home) == ["notes", "tiny"]
        _refuse_others(page)
        _import_a_log(page)
        assert visit.faults == [] and page.title() == "Quality surface · Budgetscape"
        assert written(home) == before, "nothing is written beside the data folder"
        assert all(url.startswith((real, "ws", "data:", "blob:")) for url in visit.asked)


def named(ending: str, text: str, names: tuple[str, ...] = (*NAMES, *REFUSED)) -> list[FilePayload]:
    """A file of each hostile name."""
    return [
        {
            "name": name + ending,
            "mimeType": "text/plain",
            "buffer": text.replace("NAME", name).encode(),
        }
        for name in names
    ]


def written(home: Home) -> set[str]:
    """The files around the data folder."""
    root = home.root.parent
    return {str(p) for p in root.rglob("*") if p.is_file() and not p.is_relative_to(home.root)}


def _refuse_others(page: Page) -> None:
    """Questions and bundles that are none, whose names say more than their content."""
    page.get_by_role("tab", name="Questions").click()
    page.locator("section:visible input[type=file]").last.set_input_files(named(".jsonl", "x"))
    told = "_img src_x onerror_document.title__owned__"
    expect(page.get_by_text(f"{told}.jsonl, line 1: is not JSON")).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("tab", name="Bundles").click()
    page.locator("section:visible input[type=file]").last.set_input_files(named(".zip", "x"))
    page.get_by_role("button", name="Take it in").click()
    expect(page.get_by_text(f"{told}.zip: is not a whole ZIP")).to_be_visible(timeout=SLOW_MS)


def _import_a_log(page: Page) -> None:
    """Choose a file, map its columns, import: and it is a surface."""
    rows = [f"Question {n}?,{n % 2},{n % 3 * 64},yes" for n in range(12)]
    log = named(".csv", "\n".join(["Asked,maxSearches,thinkingBudget,Correct", *rows]), NAMES[:1])
    page.get_by_role("tab", name="Runs").click()
    page.locator("input[type=file]:visible, section:visible input[type=file]").last.set_input_files(
        log
    )
    expect(page.get_by_text("no column tells the question")).to_be_visible(timeout=SLOW_MS)
    quiet(page)  # a list that is opened while the page is still drawn might close
    page.get_by_role("combobox", name="Question", exact=True).click()
    page.get_by_role("option", name="Asked").click()
    page.get_by_label("Name of the sweep").fill("production")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("sweep production: 12 runs taken in")).to_be_visible(timeout=SLOW_MS)
    page.get_by_role("link", name="See it").click()
    expect(page.get_by_label("Sweep", exact=True)).to_have_value("production", timeout=SLOW_MS)


def test_ones_own_agent_is_tried_quoted_swept_and_seen(blind: Browser, real: str):
    with visiting(blind) as visit:
        page = visit.page
        page.goto(f"{real}/your-system?corpus=tiny&set=tiny")
        who = page.get_by_role("combobox", name="Agent or model")
        expect(who).to_have_value("mine (your agent)")
        page.get_by_role("button", name="Try it").click()
        expect(page.get_by_text("external · mine")).to_be_visible()
        expect(page.get_by_text(re.compile("Answer")).first).to_be_visible(timeout=SLOW_MS)
        expect(page).to_have_url(re.compile("run="))
        page.get_by_role("button", name="Quote").click()
        expect(page.get_by_text("Some of it was never measured")).to_be_visible()
        page.get_by_role("button", name="Run a pilot").click()
        expect(page.get_by_role("heading", name="first-mine is quoted")).to_be_visible(
            timeout=SLOW_MS
        )
        page.get_by_role("button", name="Start").click()
        expect(page.get_by_role("heading", name="first-mine is done")).to_be_visible(
            timeout=SLOW_MS
        )
        expect(page.get_by_text("36 of 36 runs")).to_be_visible()
        page.get_by_role("link", name="See its surface").click()
        expect(page.get_by_label("Sweep", exact=True)).to_have_value("first-mine")
        expect(page.get_by_text("external").first).to_be_visible()
        assert visit.faults == []
