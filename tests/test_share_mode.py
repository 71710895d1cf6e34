"""MODE=share: whatever is sent, nothing but published views is read, and nothing at all is written or spent."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from streamlit.proto.BackMsg_pb2 import (
    DataframeChunkRequestPayload,
    DeferredFileRequestPayload,
    DismissSkillsNudgeRequestPayload,
    InstallSkillsRequestPayload,
)
from websockets.exceptions import ConnectionClosed

from engine.snapshot import Snapshot
from store.snapshots import Snapshots
from tests.messages import Visitor, fetched, said
from tests.serving import serving
from tests.test_snapshots import VIEW, blocks

SECRET = "sk-never-to-be-seen"
PAGES = (
    *("", "shared-view", "live-query", "live_query", "quality-surface", "trace-compare", "summary"),
    *("budget-allocation", "sweep-runs", "published-results", "corpus-library", "../app.py"),
)


class Shared:
    """A data folder full of secrets with one published view and a withdrawn one, served."""

    def __init__(self, address: str, log: Path, root: Path, name: str, gone: str) -> None:
        self.address, self.log, self.root, self.name, self.gone = address, log, root, name, gone

    def files(self) -> dict[str, tuple[int, int]]:
        return {
            str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(self.root.rglob("*"))
        }

    def touched(self) -> set[str]:
        """Everything under the data folder that the server opened, listed or changed."""
        lines = self.log.read_text(errors="replace").splitlines()
        paths = {line.removeprefix("touched ") for line in lines if line.startswith("touched ")}
        return {os.path.relpath(p, self.root) for p in paths if p.startswith(str(self.root))}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    root = tmp_path_factory.mktemp("data") / "home"
    shelf = Snapshots(root / "snapshots")
    name = shelf.publish(Snapshot.of(VIEW, "For everybody", "", blocks()))
    gone = shelf.publish(Snapshot.of(VIEW, SECRET, "", blocks()))
    shelf.withdraw(gone)
    for path in (
        "endpoints.toml",
        "budgetscape.duckdb",
        "journals/a.jsonl",
        "snapshots/notes.json",
    ):
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(f"key = '{SECRET}'")
    with serving("share", BUDGETSCAPE_HOME=str(root), OPENAI_API_KEY=SECRET) as (address, log):
        yield Shared(address, log, root, name, gone)


@pytest.fixture(scope="module")
def before(shared: Shared) -> dict[str, tuple[int, int]]:
    return shared.files()


@pytest.fixture(autouse=True)
def _nothing_changed(shared: Shared, before: dict[str, tuple[int, int]]) -> Iterator[None]:
    """After every test: no file is new, gone or changed, and only the published view was ever opened."""
    yield
    assert shared.files() == before
    assert shared.touched() <= {
        f"snapshots/{shared.name}.json",
        f"snapshots/{shared.gone}.json",
        ".",
    }


def test_a_published_view_is_shown_and_can_be_saved(shared):
    with Visitor(shared.address) as visitor:
        told = said(visitor.visit("shared-view", id=shared.name))
        assert "For everybody" in told and "/shared.js" in told and "Withdraw" not in told
        saves = [m.delta.new_element.download_button for m in visitor.heard if m.HasField("delta")]
        (file_id,) = {save.deferred_file_id for save in saves if save.deferred_file_id}
        asked = DeferredFileRequestPayload(file_id=file_id)
        url = visitor.ask(deferred_file=asked).deferred_file.url
    status, body = fetched(shared.address, url)
    assert status == 200 and b"For everybody" in body and SECRET.encode() not in body


@pytest.mark.parametrize("page", PAGES)
def test_no_other_page_is_there(shared, page):
    with Visitor(shared.address) as visitor:
        told = said(visitor.visit(page, run="r1", lane=["a", "b"], sweep="x"))
    assert "Open the link you were sent" in told
    assert "smollm" not in told and SECRET not in told and "Traceback" not in told


@pytest.mark.parametrize("page", ["live_query", "sweep_runs", "quality_surface", "trace_compare"])
def test_a_page_is_not_reached_by_its_hash_either(shared, page):
    from streamlit.util import calc_hash

    script = Path(__file__).parents[1] / "pages" / f"{page}.py"
    with Visitor(shared.address) as visitor:
        for name in (str(script), script.name, page, page.replace("_", "-")):
            from streamlit.proto.BackMsg_pb2 import BackMsg

            message = BackMsg()
            message.rerun_script.page_script_hash = calc_hash(name)
            visitor.send_bytes(message.SerializeToString())
            visitor.listen()
        assert "Open the link you were sent" in said(visitor.heard)
        assert "Sweep" not in said(visitor.heard)


@pytest.mark.parametrize(
    "wanted",
    [
        *("../endpoints.toml", "../endpoints", "notes", "..%2fendpoints.toml", "/etc/passwd", "~"),
        *("s" * 32, "\x00", "*", "s*", "../snapshots/notes", "$HOME", "'; DROP TABLE runs; --"),
    ],
)
def test_only_an_id_names_a_file(shared, wanted):
    with Visitor(shared.address) as visitor:
        told = said(visitor.visit("shared-view", id=wanted))
    assert "shared view" in told.replace("\\", "") and SECRET not in told and "root:" not in told


def test_a_withdrawn_view_is_not_shown(shared):
    with Visitor(shared.address) as visitor:
        told = said(visitor.visit("shared-view", id=shared.gone))
    assert "withdrawn" in told and SECRET not in told


@pytest.mark.parametrize(
    "path",
    [
        *("/endpoints.toml", "/snapshots/", "/media/..%2fendpoints.toml", "/.budgetscape/x"),
        *("/app/static/../endpoints.toml", "/component/x/..%2f..%2fendpoints.toml"),
        *("/_stcore/bidi-components/budgetscape_shared/..%2f..%2fendpoints.toml",),
        *("//endpoints.toml", "/assets/client/x/..%2f..%2f..%2fendpoints.toml", "/%00"),
        *("/_stcore/metrics", "/_stcore/script-health-check", "/.streamlit/config.toml"),
    ],
)
def test_no_path_leads_to_a_file_of_the_data_folder(shared, path):
    for wanted in (
        path,
        path.replace("endpoints.toml", quote(str(shared.root)) + "/endpoints.toml"),
    ):
        status, body = fetched(shared.address, wanted)
        assert SECRET.encode() not in body and status in (200, 400, 404), (wanted, status)
        assert status != 200 or b"<!doctype html>" in body.lower() or len(body) < 100


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/_stcore/upload_file/a/b", "/_stcore/agent/interact", "/"])
def test_nothing_is_taken_in_by_http(shared, method, path):
    status, body = fetched(shared.address, path, method, b"x" * 1000)
    assert status == 405 and json.loads(body) == {"error": "this server is read-only"}


def test_messages_of_other_kinds_do_nothing(shared):
    operations = {
        "install_skills": InstallSkillsRequestPayload(),
        "dismiss_skills_nudge": DismissSkillsNudgeRequestPayload(),
        "deferred_file": DeferredFileRequestPayload(file_id="../endpoints.toml"),
        "dataframe_chunk": DataframeChunkRequestPayload(source_id="x", limit=9),
    }
    with Visitor(shared.address) as visitor:
        visitor.visit()
        for name, payload in operations.items():
            answer = visitor.ask(**{name: payload})
            assert answer.error_msg and "session ID" not in answer.error_msg, answer
        for name in ("clear_cache", "set_run_on_save", "load_git_info", "debug_shutdown_runtime"):
            visitor.send(**{name: True})
        assert SECRET not in said(visitor.visit("shared-view"))


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300), st.dictionaries(st.text(max_size=20), st.text(max_size=60)))
def test_any_bytes_and_any_link_are_a_page_or_a_closed_line(shared, data, query):
    with Visitor(shared.address) as visitor:
        told = said(visitor.visit("shared-view", **{k: v for k, v in query.items() if k != "page"}))
        assert "Traceback" not in told and SECRET not in told
        visitor.send_bytes(data)
        try:
            visitor.visit()
        except ConnectionClosed:
            pass
    with Visitor(shared.address) as visitor:
        assert "For everybody" in said(visitor.visit("shared-view", id=shared.name))
