"""MODE=read: the messages that spend and write on a server for editors do nothing on one for viewers.

They are sent as a browser would send them, by hand, to both: what is refused is refused by the server, not by a button
that is not drawn.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from streamlit.util import calc_hash

from engine.snapshot import Snapshot
from store.home import Home
from store.snapshots import Snapshots
from tests.messages import Visitor, fetched, said, widget_ids
from tests.serving import serving
from tests.test_snapshots import VIEW, blocks

ROOT = Path(__file__).parents[1]
COUNTED = ("journals", "snapshots", "sweeps", "corpora", "questions", "bundles", "endpoints.toml")


def kept(home: Home) -> dict[str, str]:
    """Every file that counts, by the hash of its content."""
    found = [p for name in COUNTED for p in [home.root / name, *(home.root / name).rglob("*")]]
    hashes = {}
    for path in found:
        with suppress(
            FileNotFoundError, IsADirectoryError
        ):  # what is half written may be gone again
            name = str(path.relative_to(home.root))
            hashes[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return hashes


def changed(
    home: Home, before: dict[str, str], folder: str = "", patience_s: float = 180
) -> set[str]:
    """The files that are new, gone or other; waits for the first in that folder."""
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        now = kept(home)
        found = {name for name in now.keys() | before if now.get(name) != before.get(name)}
        if any(name.startswith(folder) for name in found):
            return found
        time.sleep(0.2)
    return set()


def filled(root: Path) -> Home:
    home = Home(root).ensure()
    Snapshots(home.snapshots).publish(Snapshot.of(VIEW, "For everybody", "", blocks()))
    return home


@pytest.fixture(scope="module")
def editing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Home]]:
    home = filled(tmp_path_factory.mktemp("editing"))
    with serving("kept", BUDGETSCAPE_HOME=str(home.root)) as (address, _):
        yield address, home


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Home]]:
    home = filled(tmp_path_factory.mktemp("reading"))
    with serving("kept", "read", BUDGETSCAPE_HOME=str(home.root)) as (address, _):
        yield address, home


def presses(visitor: Visitor, page: str, labels: Sequence[str]) -> list[str]:
    """Visit a page and press its buttons one after another; the ids of the buttons."""
    ids, found = widget_ids(visitor.visit(page)), []
    for label in labels:
        found.append(ids[label])
        ids |= widget_ids(visitor.visit(page, {found[-1]: True}))
    return found


@pytest.mark.parametrize(
    ("page", "labels", "folder"),
    [
        ("", ["Run"], "journals"),
        ("quality-surface", ["Publish"], "snapshots"),
        ("shared-view", ["Withdraw"], "snapshots"),
        ("sweep-runs", ["Quote", "Run a pilot"], "sweeps"),
    ],
)
def test_what_writes_for_an_editor_writes_nothing_for_a_viewer(
    editing, reading, page, labels, folder
):
    before = kept(editing[1])
    with Visitor(editing[0]) as visitor:
        ids = presses(visitor, page, labels)
        assert folder in {Path(name).parts[0] for name in changed(editing[1], before, folder)}
    before = kept(reading[1])
    for wanted in {page, ""}:
        with Visitor(reading[0]) as visitor:
            for name in ids:
                visitor.visit(wanted, {name: True})
            assert "Traceback" not in said(visitor.heard)
    assert changed(reading[1], before, patience_s=2) == set()


@pytest.mark.parametrize("page", ["live_query", "sweep_runs", "corpus_library", "your_system"])
def test_pages_that_spend_are_not_reached_by_any_hash(reading, page):
    from streamlit.proto.BackMsg_pb2 import BackMsg

    with Visitor(reading[0]) as visitor:
        for name in (str(ROOT / "pages" / f"{page}.py"), page, page.replace("_", "-")):
            message = BackMsg()
            message.rerun_script.page_script_hash = calc_hash(name)
            visitor.send_bytes(message.SerializeToString())
            visitor.listen()
        told = said(visitor.heard)
    for own in ("Spend all of", 'label: "Run"', "Quote", "Add a corpus", "Invent it", "Try it"):
        assert own not in told


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_is_taken_in_by_http(reading, method):
    assert fetched(reading[0], "/_stcore/upload_file/a/b", method, b"x")[0] == 405
    assert fetched(reading[0], "/_stcore/metrics")[0] == 404
    assert fetched(reading[0], "/healthz")[0] == 200
