"""The saved file: its policy lets run exactly what stands in it, its data is what was published, and it is small."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from engine.client import one_file as made
from engine.client.one_file import bundle, one_file
from engine.figures.blocks import Surface, Words, drawn
from engine.figures.held import Holding
from engine.snapshot import Snapshot
from engine.types import Budget, Thought
from pages.parts.assets import plotly_file
from pages.parts.sharing import file_name
from tests.dashboard_fakes import NASTY, question, run
from tests.test_snapshots import VIEW, blocks

PAYLOADS = [
    NASTY,
    "</script><script>document.title='owned'</script>",
    "<!--<script>",
    "]]>",
    "\u2028\u2029\x00\r\n",
    "{policy}{0}%s${alert(1)}{{7*7}}",
    "javascript:alert(1)",
    "\ud800",
]


@pytest.fixture(scope="module")
def plotly() -> str:
    return plotly_file().read_text(encoding="utf-8")


def saved(title: str, text: str, plotly: str = "var Plotly;") -> str:
    held = (*blocks(), Words(text))
    return one_file(Snapshot.of(VIEW, title, text, held), "s1", plotly).decode()


def scripts(page: str) -> list[str]:
    return re.findall(r"<script>(.*?)</script>", page, re.DOTALL)


def test_the_policy_lets_run_the_scripts_of_the_file_and_nothing_else(plotly):
    page = saved("A", "b", plotly)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts(page)]
    assert allowed == [base64.b64encode(digest).decode() for digest in digests]
    assert len(allowed) == 2 and policy.startswith("default-src 'none'; script-src 'sha256-")
    assert not re.search(r"http|\*|unsafe-eval|blob:|'self'|connect-src", policy)
    assert page.index("Content-Security-Policy") < page.index("<title") < page.index("<style")
    rest = page.replace(plotly, "")
    assert not re.search(r"""(src|href|action|url\()\s*=?\s*["']?(https?:|//)""", rest)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_whatever_is_said_stays_text_and_is_there_to_be_read(payload):
    page = saved("T " + payload, "N " + payload)
    assert len(scripts(page)) == 2 and page.count("<script") == 3
    assert "<img" not in page and page.count("<title>") == page.count("</main>") == 1
    data = page.partition('id="snapshot">')[2].partition("</script>")[0]
    told = json.loads(data)
    wanted = payload.replace("\ud800", "?")
    assert told["blocks"][-1]["text"] == "N " + wanted
    assert told["blocks"][0]["text"] == NASTY and "<" not in data


def test_a_file_holds_the_blocks_as_the_app_draws_them():
    page = saved("A", "b")
    told = json.loads(page.partition('id="snapshot">')[2].partition("</script>")[0])
    wanted = [drawn(block) for block in (*blocks(), Words("b"))]
    assert told["blocks"] == json.loads(json.dumps(wanted))


def test_the_bundle_is_the_browser_files_without_their_imports():
    script = bundle()
    assert not re.search(r"^\s*(import|export)\b", script, re.MULTILINE)
    order = re.findall(r'modules\["(\w+\.js)"\] = \(', script)
    assert order[0] == "group.js" and order[-1] == "shared.js" and len(set(order)) == len(order)
    assert {"surface.js", "dials.js", "map.js", "lanes.js", "trace.js"} < set(order)


def test_a_module_that_exports_otherwise_is_not_bundled_in_silence(monkeypatch):
    monkeypatch.setattr(made, "_read", lambda name: "export const x = 1;\n")
    with pytest.raises(ValueError, match="imports or exports"):
        made._wrapped("odd.js")
    with pytest.raises(ValueError, match="would not stand"):
        saved("A", "b", "'</script>'")


def test_the_fullest_view_is_small_enough_to_mail(plotly):
    """Runs until there is no more room, beside all that a surface shows."""
    holding, n = Holding(), 0
    one = run("corag", Budget(2, 32), question(1))
    while True:
        n += 1
        said = tuple(Thought(path=(i,), text=f"{n}.{i} " + "a thought " * 40) for i in range(60))
        trace = replace(one.trace, steps=said)
        asked = replace(one.question, text=f"Question {n}?")
        if not holding.take([(replace(one, trace=trace, question=asked), ("corag", "m"), 2, 32)]):
            break
    held = tuple(
        replace(b, runs=holding.held("some")) if isinstance(b, Surface) else b for b in blocks()
    )
    size = len(one_file(Snapshot.of(VIEW, "A", "", held), "s1", plotly))
    assert n > 50 and 7_000_000 < size < 8_000_000


def test_the_file_looks_as_the_app_does():
    config = tomllib.loads(Path(".streamlit/config.toml").read_text())["theme"]
    css = made._read("one_file.css").lower()
    light, dark = css.split("prefers-color-scheme: dark")
    for theme, half in ((config["light"], light), (config["dark"], dark)):
        for name in ("text", "background", "secondaryBackground", "border", "primary"):
            kebab = re.sub(r"([A-Z])", r"-\1", name).lower()
            assert f"--st-{kebab}-color: {theme[name + 'Color'].lower()}" in half


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Surface of mine", "Surface-of-mine.html"),
        ("../../etc/passwd\x00", "etc-passwd.html"),
        ("\u202e日本", "shared-view.html"),
        ("=cmd|' /C calc'!A0", "cmd-C-calc-A0.html"),
        ("x" * 300, "x" * 60 + ".html"),
    ],
)
def test_its_name_is_one_that_every_system_keeps(title, name):
    assert file_name(title) == name
