"""The server: what every response carries, what it serves, and what it does not."""

from __future__ import annotations

import asyncio
import gc
import gzip
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.web.server.app_discovery import discover_asgi_app

import app
from pages.parts import resources
from pages.parts.assets import CLIENT_FILES, client_address, plotly_address, plotly_file
from tests.serving import serving


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, Path]]:
    with serving() as found:
        yield found


def get(address: str, path: str, **headers: str):
    request = urllib.request.Request(address + path, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_a_cold_deep_link_gets_the_frame_and_the_page(server):
    """The very first visit of a fresh server; it must stay the first test of this file."""
    request = urllib.request.Request(
        server[0] + "/_stcore/agent/interact",
        json.dumps({"page": "quality-surface"}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=180) as reply:
        told = json.load(reply)
    assert told["status"] == "ready"
    text = json.dumps(told)
    assert "Quality surface" in text and "Live query" in text and "Spacing of budgets" in text


def test_it_tells_its_address_in_one_line(server):
    address, log = server
    until = time.monotonic() + 60
    while "Budgetscape is at" not in log.read_text() and time.monotonic() < until:
        time.sleep(0.1)
    lines = [line for line in log.read_text().splitlines() if "http" in line]
    assert lines == [f"Budgetscape is at {address}"]


@pytest.mark.parametrize("path", ["/", "/quality-surface", "/healthz", "/nothing/here.js"])
def test_every_response_carries_the_security_headers(server, path):
    _, headers, _ = get(server[0], path)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in policy and "unsafe-eval" not in policy
    assert not re.search(r"https?://", policy)


def test_health_answers(server):
    status, _, body = get(server[0], "/healthz")
    assert status == 200 and json.loads(body) == {"ok": True}


def test_plotly_is_served_from_the_installed_package_compressed_and_kept_for_ever(server):
    status, headers, body = get(server[0], plotly_address(), **{"Accept-Encoding": "gzip"})
    assert status == 200 and headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == plotly_file().read_bytes()
    assert "immutable" in headers["Cache-Control"]


@pytest.mark.parametrize("name", CLIENT_FILES)
def test_browser_modules_are_served_as_scripts_and_their_sheet_as_such(server, name):
    status, headers, body = get(server[0], f"{client_address()}/{name}")
    sheet = name.endswith(".css")
    assert status == 200
    assert headers["Content-Type"].startswith("text/css" if sheet else "text/javascript")
    assert (b".bs " if sheet else b"export function") in body


@pytest.mark.parametrize("name", ["__init__.py", "one_file.css", "..%2F..%2Fapp.py", "none.js"])
def test_nothing_else_of_the_client_folder_is_served(server, name):
    status, _, body = get(server[0], f"{client_address()}/{name}")
    assert status in (400, 404) or b"import" not in body


def test_another_site_may_not_open_a_session(server):
    _, headers, _ = get(server[0], "/_stcore/health", Origin="http://evil.invalid")
    assert headers["Access-Control-Allow-Origin"] is None


def test_the_scripts_inside_the_frame_page_are_allowed_by_their_hash():
    assert app.inline_scripts("<script>\n</script><script src='x'></script>") == [
        "'sha256-AbpHGcgLb+kRsJGnwFEktk7uzpZOCcBY74+YBdrKVGs='"
    ]


def test_a_free_port_is_one_that_can_be_bound():
    assert 1024 < app.free_port() < 65536


def test_what_is_there_after_warming_up_is_not_looked_through_by_every_collection(monkeypatch):
    nothing = SimpleNamespace(warm_up=lambda: None)
    monkeypatch.setattr(resources, "held_application", lambda: nothing)
    try:
        app.warm_up()
        assert gc.get_freeze_count() > len(gc.get_objects())
    finally:
        gc.unfreeze()


@pytest.mark.parametrize("pieces", [1, 7, 400])
@pytest.mark.parametrize(
    ("name", "taken"), [("a.md", True), ("a\0.md", False), ("a\u202e.md", False)]
)
def test_an_upload_is_refused_by_its_name_in_however_many_pieces_it_comes(name, taken, pieces):
    body = (
        f'--b\r\nContent-Disposition: form-data; filename="{name}"\r\n\r\n\0text\r\n--b--'.encode()
    )
    size = max(1, len(body) // pieces)
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    coming = [
        {"type": "http.request", "body": part, "more_body": n < len(parts) - 1}
        for n, part in enumerate(parts)
    ]
    told, came = [], []

    async def receive():
        return coming.pop(0)

    async def send(message):
        told.append(message)

    async def behind(scope, receive, send):
        while True:
            message = await receive()
            came.append(message["body"])
            if not message["more_body"]:
                return

    scope = {"type": "http", "path": "/_stcore/upload_file/s/f", "method": "PUT", "headers": []}
    asyncio.run(app.Named(behind)(scope, receive, send))
    if taken:
        assert (b"".join(came), told) == (body, [])
    else:
        assert came == [] and told[0]["status"] == 400


def test_streamlit_run_finds_an_application_in_the_file_and_not_a_script():
    found = discover_asgi_app(Path(app.__file__))
    assert found.is_asgi_app and found.import_string == "app:app"
