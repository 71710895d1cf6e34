"""A bundle as one file: out and in again gives the same sweep; anything else in a ZIP is refused and leaves nothing."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from engine.errors import Damaged, InputError
from store import bundle_zip
from store.bundle_forms import JSONL
from store.bundle_zip import NAMES, export_zip, import_zip, zip_bytes
from store.history import Slice, Store
from store.home import Home
from tests.dashboard_fakes import all_runs, journalled


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    with Store.open(journalled(Home(tmp_path / "there"), all_runs()[:24])) as store:
        store.ingest()
        assert export_zip(store, "grid", tmp_path / "grid.zip") > 0
        assert len(zip_bytes(store, "grid")) > 1000
    return tmp_path / "grid.zip"


def cells(home: Home) -> list[object]:
    with Store.open(home) as store:
        store.ingest()
        return list(store.cells(Slice(sweeps=("grid",)), "em"))


def again(path: Path, entries: list[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in entries:
            made.writestr(name, content)
    return path


def test_a_sweep_goes_out_as_one_file_and_comes_in_the_same(
    packed: Path, home: Home, tmp_path: Path
):
    assert import_zip(home, packed) == import_zip(home, packed) == "grid"
    assert cells(home) == cells(Home(tmp_path / "there"))
    assert list(home.uploads.iterdir()) == []


def test_other_archives_are_refused_and_leave_nothing(
    packed: Path, home: Home, tmp_path: Path, monkeypatch
):
    with zipfile.ZipFile(packed) as held:
        whole = [(name, held.read(name)) for name in NAMES]
    changed = [(n, c.replace(b"grid", b"grip") if n == NAMES[0] else c) for n, c in whole]
    bad = [
        (again(tmp_path / "a.zip", [("x.txt", b"x")]), InputError, "is not the bundle of a sweep"),
        (again(tmp_path / "b.zip", [*whole, ("../../evil", b"x")]), InputError, "and nothing else"),
        (
            again(tmp_path / "c.zip", [*whole[:2], ("/etc/evil", b"x")]),
            InputError,
            "is not the bundle",
        ),
        (again(tmp_path / "d.zip", changed), (InputError, Damaged), "."),
    ]
    cut = tmp_path / "e.zip"
    cut.write_bytes(packed.read_bytes()[:-100])
    bad += [(cut, Damaged, "e.zip: is not a whole ZIP file")]
    before = sorted(p for p in home.root.rglob("*") if p.is_file())
    for path, kind, why in bad:
        with pytest.raises(kind, match=why) as raised:
            import_zip(home, path)
        assert "\n" not in str(raised.value)
    monkeypatch.setattr(bundle_zip, "MOST_BYTES", 1000)
    bomb = again(tmp_path / "f.zip", [(name, b"0" * 5_000_000) for name in NAMES])
    with pytest.raises(InputError, match="unpacks to over 1000 bytes"):
        import_zip(home, bomb)
    assert sorted(p for p in home.root.rglob("*") if p.is_file()) == before


def test_json_lines_travel_as_one_file_too(packed: Path, home: Home, tmp_path: Path):
    with Store.open(Home(tmp_path / "there")) as store:
        export_zip(store, "grid", tmp_path / "lines.zip", JSONL)
    assert import_zip(home, tmp_path / "lines.zip") == "grid"
    assert cells(home) == cells(Home(tmp_path / "there"))
