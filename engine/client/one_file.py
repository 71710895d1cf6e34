"""A snapshot as one file that needs no network: the same browser files as the app's, plotly.js, and what was published.

Its content policy lets run what stands in it, by hash, and lets nothing be fetched or sent anywhere. Whatever
questions, passages, titles and answers say is data: it stands in a block that no browser runs, and is drawn as text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from engine.figures.blocks import drawn
from engine.snapshot import Snapshot

HERE = Path(__file__).parent
ENTRY = "shared.js"
_IMPORT = re.compile(r'^import \{ ([^}]+) \} from "\./([a-z_]+\.js)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function (\w+))", re.MULTILINE)
_START = (
    f'modules["{ENTRY}"].mount(document.querySelector("main"), '
    'JSON.parse(document.getElementById("snapshot").textContent));'
)
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="Budgetscape">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p class="bs-notes">{notes}</p>
<noscript><p>Open this file in a browser that runs scripts: it draws a surface that can be turned, and asks no network
for anything.</p></noscript>
</main>
<script type="application/json" id="snapshot">{data}</script>
<script>{plotly}</script>
<script>{script}</script>
</body>
</html>
"""


def one_file(snapshot: Snapshot, snapshot_id: str, plotly: str) -> bytes:
    """The whole file. `plotly` is the text of plotly.js; raises ValueError when it cannot stand inside a page."""
    script = bundle()
    for text in (plotly, script):
        _check(text)
    told = {
        "id": snapshot_id,
        "title": snapshot.title,
        "notes": snapshot.notes,
        "published": snapshot.published.isoformat(),
        "blocks": [drawn(block) for block in snapshot.blocks],
        "plotly": "",
    }
    page = _PAGE.format(
        policy=policy(plotly, script),
        title=html.escape(snapshot.title),
        notes=html.escape(snapshot.notes),
        style=_read("client.css") + _read("one_file.css"),
        data=_data(told),
        plotly=plotly,
        script=script,
    )
    return page.encode("utf-8", "replace")


def policy(*scripts: str) -> str:
    """Runs these scripts and nothing else; asks nobody. Styles cannot: what they name may not be fetched either."""
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def bundle() -> str:
    """The browser modules as one script: each in a function of its own, those it imports before it."""
    parts = [_wrapped(name) for name in dict.fromkeys(_needed(ENTRY))]
    return '"use strict";\n(() => {\nconst modules = {};\n' + "".join(parts) + _START + "\n})();\n"


def _needed(name: str) -> Iterator[str]:
    for _, other in _IMPORT.findall(_read(name)):
        yield from _needed(other)
    yield name


def _wrapped(name: str) -> str:
    """A module's own text, its imports as constants and what it exports as its value."""
    text = _read(name)
    exported = ", ".join(_EXPORT.findall(text))
    inner = _EXPORT.sub("", _IMPORT.sub(_constant, text))
    if re.search(r"^(import|export)\b", inner, re.MULTILINE):
        raise ValueError(f"{name} imports or exports in a way that the one file does not know")
    return f'modules["{name}"] = (() => {{\n{inner}\nreturn {{ {exported} }};\n}})();\n'


def _constant(found: re.Match[str]) -> str:
    names = found[1].replace(" as ", ": ")
    return f'const {{ {names} }} = modules["{found[2]}"];'


def _data(told: object) -> str:
    """JSON that ends no script: '</script>' -> '\\\\u003c/script>'"""
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\r", "\\r").replace("\0", "\\u0000")


def _check(text: str) -> None:
    if re.search(r"</script|<!--|\r|\0", text, re.IGNORECASE):
        raise ValueError("this script would not stand in a page as it is")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
