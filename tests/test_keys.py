"""A key that was given to the app is found nowhere afterwards: on disk, in logs, messages, pages, links and files."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from streamlit.proto.BackMsg_pb2 import DeferredFileRequestPayload

from store.history import Store
from store.home import Home
from tests.chat_server import ChatServer
from tests.messages import Visitor, fetched, link_of, said, widget_ids
from tests.serving import serving

KEY = "sk-Zx81-never-to-be-found-77Qw"
TRACES = (KEY, base64.b64encode(KEY.encode()).decode(), KEY.encode().hex(), KEY[3:-3], KEY[::-1])
ENDPOINTS = """
[models.mine]
base_url = "{good}"
model = "m"
api_key_env = "MY_KEY"
[models.telling]
base_url = "{telling}/401/v1"
model = "m"
api_key_env = "MY_KEY"
[models.wordy]
base_url = "{telling}/400/v1"
model = "m"
api_key_env = "MY_KEY"
[models.midway]
base_url = "{telling}/200/v1"
model = "m"
api_key_env = "MY_KEY"
"""
PLAN = """
name = "small"
strategies = ["closed_book"]
models = ["mine"]
questions = "tiny"
search = [0]
think = [0, 8]
seeds = [0]
limit = 1
"""


ONE_BY_ONE = """
import json, sys
from budgetscape.cli.main import main
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit:
        pass
    for stream in (sys.stdout, sys.stderr):
        print(end="\\f", file=stream, flush=True)
"""
"""Commands as a shell would give them, without starting Python for each; what each told ends with a form feed."""


class Telling(BaseHTTPRequestHandler):
    """Refuses everybody with the status in its path, and repeats the key in the words of its refusal."""

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        brought = self.headers.get("authorization", "")
        said = f"Incorrect API key provided: {brought.removeprefix('Bearer ')}. You sent {brought}"
        status, told = int(self.path.split("/")[1]), json.dumps({"error": {"message": said}})
        streamed = status == 200
        self.send_response(status, said)
        self.send_header("content-type", "text/event-stream" if streamed else "application/json")
        self.send_header("x-echo", brought)
        self.end_headers()
        self.wfile.write((f"data: {told}\n\n" if streamed else told).encode())

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def good() -> Iterator[ChatServer]:
    with ChatServer(lambda body: "So be it.") as server:
        yield server


@pytest.fixture(scope="module")
def telling() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Telling)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def found_in(what: str, content: bytes | str) -> list[str]:
    text = content if isinstance(content, str) else content.decode("latin-1")
    return [f"{what}: {trace}" for trace in TRACES if trace in text]


def exported(home: Home, folder: Path) -> dict[str, bytes | str]:
    """What of the files is packed, unpacked: a bundle as text, every table of the database, every file but they."""
    with zipfile.ZipFile(folder / "small.zip") as bundle:
        bundle.extractall(folder / "bundle")
    packed = [*(folder / "bundle").glob("*.parquet"), *home.root.rglob("*.parquet")]
    found: dict[str, bytes | str] = {p.name: str(pq.read_table(p).to_pylist()) for p in packed}
    found["the bundle's manifest"] = (folder / "bundle" / "manifest.json").read_bytes()
    with duckdb.connect(home.database, read_only=True) as tables:
        for (name,) in tables.sql("SELECT table_name FROM duckdb_tables()").fetchall():
            found[f"table {name}"] = str(tables.table(name).fetchall())
    return found


def until(wanted, patience_s: float = 180) -> None:
    end = time.monotonic() + patience_s
    while not wanted() and time.monotonic() < end:
        time.sleep(0.2)
    assert wanted()


def test_a_key_is_sent_to_its_endpoint_and_found_nowhere_else(
    copy_of_tiny: Home, good: ChatServer, telling: str, tmp_path
):
    home = copy_of_tiny
    home.endpoints.write_text(ENDPOINTS.format(good=good.url, telling=telling))
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "samples").mkdir()
    env = {
        "BUDGETSCAPE_HOME": str(home.root),
        "BUDGETSCAPE_SAMPLES": str(tmp_path / "samples"),
        "BUDGETSCAPE_MODEL": "mine",
        "MY_KEY": KEY,
    }
    places: dict[str, bytes | str] = {}
    asked = ["ask", "Where?", "--strategy", "closed_book", "--search", "0", "--model"]
    commands = (
        ["sweep", str(tmp_path / "plan.toml")],
        *([*asked, name] for name in ("telling", "wordy", "midway")),
        ["models"],
        ["summary", "--sweep", "small"],
        ["store", "export", "small", str(tmp_path / "small.zip")],
    )
    done = subprocess.run(
        [sys.executable, "-c", ONE_BY_ONE, json.dumps(commands)],
        env={**os.environ, **env},
        capture_output=True,
    )
    parts = zip(done.stdout.split(b"\f"), done.stderr.split(b"\f"), strict=True)
    places |= {f"the command {n}": out + err for n, (out, err) in enumerate(parts)}
    assert f"the command {len(commands)}" in places, "what was told after the last"
    with serving("real", **env) as (address, log):
        with Visitor(address) as visitor:
            ids = widget_ids(visitor.visit("", model="mine", strategy="closed book"))
            before = len(good.keys)
            visitor.visit("", {ids["Run"]: True}, model="mine", strategy="closed book")
            until(lambda: any(home.journals.glob("live*")))
            assert len(good.keys) > before
            ids = widget_ids(visitor.visit("quality-surface", sweep="small"))
            visitor.visit("quality-surface", {ids["Publish"]: True}, sweep="small")
            (name,) = (p.stem for p in home.snapshots.iterdir())
            visitor.visit("shared-view", id=name)
            saves = [
                m.delta.new_element.download_button for m in visitor.heard if m.HasField("delta")
            ]
            asked = DeferredFileRequestPayload(
                file_id=next(s.deferred_file_id for s in reversed(saves) if s.deferred_file_id)
            )
            url = visitor.ask(deferred_file=asked).deferred_file.url
            places["the saved file"] = fetched(address, url)[1]
            with closing(Store.scratch(home, ("small",))) as store:
                runs = [head.id for head in store.runs() if head.model == "mine"]
            for label in ("Markdown", "JSON"):
                before = len(visitor.heard)
                visitor.visit("trace-compare", lane=runs)
                (save,) = (
                    b
                    for m in visitor.heard[before:]
                    if m.HasField("delta")
                    and (b := m.delta.new_element.download_button).label == label
                )
                asked = DeferredFileRequestPayload(file_id=save.deferred_file_id)
                url = visitor.ask(deferred_file=asked).deferred_file.url
                places[f"the comparison as {label}"] = fetched(address, url)[1]
            for page in ("trace-compare", "sweep-runs", "corpus-library"):
                visitor.visit(page)
            places["what pages were told"] = said(visitor.heard)
        with Visitor(address) as visitor:
            chosen = {"model": "telling", "strategy": "closed book"}
            ids = widget_ids(visitor.visit("", **chosen))
            visitor.visit("", {ids["Run"]: True}, **chosen)
            link = link_of(visitor.heard)
            until(lambda: "refused the key" in said(visitor.visit("", **link)))
            places["what a page was told of a refusal"] = said(visitor.heard)
        for path in ("/", "/healthz", "/_stcore/host-config", "/_stcore/metrics"):
            places[path] = fetched(address, path)[1]
        places["the log"] = log.read_bytes()
    places |= exported(home, tmp_path)
    for path in sorted(home.root.rglob("*")):
        if path.is_file():
            places[f"{path.name}, its name"] = str(path)
            places[str(path.relative_to(home.root))] = path.read_bytes()
    assert set(good.keys) == {f"Bearer {KEY}"}, "the endpoints were given the key"
    assert b"published" in places[f"snapshots/{name}.json"] and len(places["the saved file"]) > 4e6
    assert any("journals/" in place for place in places)
    assert b"So be it." in places["the comparison as JSON"]
    assert any("So be it." in str(places[place]) for place in places if "table" in place)
    assert "So be it." in str(places["lines.parquet"]) and b"***" in places["the command 2"]
    assert b"refused the key" in places["the command 1"], (
        "its endpoint repeats the key in what it says"
    )
    assert [line for place, content in places.items() for line in found_in(place, content)] == []
