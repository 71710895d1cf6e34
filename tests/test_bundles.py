"""A bundle brings a sweep from one home to another, whole or not at all."""

import json
import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import Damaged, InputError
from engine.identity import canonical_json
from engine.sweeps.record import to_body
from store import bundles
from store.bundle_forms import FORMS, JSONL, PARQUET, SCHEMA
from store.bundles import HEADS, LINES, MANIFEST, export_sweep, import_bundle, install_bundles
from store.history import Slice, Store
from store.home import Home
from store.journal import journal_files, line_bytes
from tests.store_fakes import CELLS, trajectory, write

PLAN = {"name": "grid", "seeds": [0]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A home with the sweep `grid`, eight trajectories, and its bundle; only read."""
    place = tmp_path_factory.mktemp("made")
    write(Home(place / "home"), [trajectory(n) for n in range(8)], plan=PLAN)
    with Store.scratch(Home(place / "home")) as store:
        assert export_sweep(store, "grid", place / "bundle") == 8
    return place


@pytest.fixture
def home(made, tmp_path):
    shutil.copytree(made / "home", tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture
def bundle(made, tmp_path):
    shutil.copytree(made / "bundle", tmp_path / "bundle")
    return tmp_path / "bundle"


@pytest.fixture
def jsonl(made, tmp_path):
    with Store.scratch(Home(made / "home")) as store:
        export_sweep(store, "grid", tmp_path / "jsonl", JSONL)
    return tmp_path / "jsonl"


@pytest.fixture
def elsewhere(tmp_path):
    return Home(tmp_path / "elsewhere").ensure()


def cells(home):
    with Store.scratch(home) as store:
        return store.cells()


def sealed(folder, lines):
    """Put other lines into a bundle and make its manifest true again."""
    pq.write_table(pa.table(list(map(list, zip(*lines, strict=True))), SCHEMA), folder / LINES)
    vouched(folder, LINES)


def vouched(folder, name):
    """Make the manifest true again of a file that was changed."""
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][name] = bundles._hash(folder / name)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def as_line(made, **changes):
    return ("trajectory", made.id, canonical_json({**to_body(made), **changes}))


def test_a_sweep_arrives_with_its_cells_plan_and_steps(home, bundle, elsewhere):
    assert import_bundle(elsewhere, bundle) == "grid"
    assert cells(elsewhere) == cells(home)
    with Store.scratch(elsewhere) as store:
        assert store.run(trajectory(3).runs[2].id) == trajectory(3).runs[2]
        assert json.loads(store.frame("SELECT plan FROM sweeps").plan[0]) == PLAN


def test_importing_twice_or_where_it_came_from_changes_nothing(home, bundle, elsewhere):
    before = cells(home)
    for place in (elsewhere, elsewhere, home):
        import_bundle(place, bundle)
    assert len(journal_files(elsewhere)) == 1
    assert cells(home) == before
    with Store.scratch(home) as store:
        assert store.troubles() == []


@pytest.mark.parametrize("form", FORMS)
def test_exported_imported_and_exported_again_it_is_the_same_bytes(home, elsewhere, tmp_path, form):
    out, again = tmp_path / "out", tmp_path / "again"
    with Store.scratch(home) as store:
        export_sweep(store, "grid", out, FORMS[form])
    import_bundle(elsewhere, out)
    with Store.scratch(elsewhere) as store:
        export_sweep(store, "grid", again, FORMS[form])
    files = sorted(path.name for path in out.iterdir())
    assert files == sorted([MANIFEST, FORMS[form].lines, FORMS[form].heads])
    for name in set(files) - {MANIFEST}:
        assert (again / name).read_bytes() == (out / name).read_bytes()
    first, second = (json.loads((path / MANIFEST).read_text()) for path in (out, again))
    assert first.pop("created") and second.pop("created")
    assert first == second and (first["trajectories"], first["runs"]) == (8, 8 * len(CELLS))


def test_both_forms_hold_the_same_and_lines_can_be_read_by_any_tool(home, jsonl, bundle, tmp_path):
    """What is a JSON bundle here and a Parquet bundle there is the same sweep."""
    with (jsonl / JSONL.lines).open() as file:
        rows = [json.loads(line) for line in file]
    assert [r["kind"] for r in rows] == ["sweep", *["trajectory"] * 8]
    lines = list(JSONL.read_lines(jsonl / JSONL.lines))
    assert lines == list(PARQUET.read_lines(bundle / LINES))
    heads = [json.loads(line) for line in (jsonl / JSONL.heads).read_text().splitlines()]
    assert heads[0]["em"] in (0.0, 1.0) and len(heads) == 8 * len(CELLS)
    there = [Home(tmp_path / name).ensure() for name in ("a", "b")]
    for one, folder in zip(there, (jsonl, bundle), strict=True):
        import_bundle(one, folder)
    assert cells(there[0]) == cells(there[1]) == cells(home)


def test_run_heads_can_be_read_with_any_parquet_reader(bundle):
    table = pq.read_table(bundle / HEADS)
    assert table.num_rows == 8 * len(CELLS)
    assert {"question", "search", "think", "answer", "em", "cut_off"} <= set(table.column_names)


def test_there_is_nothing_to_export_of_an_unknown_sweep(home, tmp_path):
    with Store.scratch(home) as store, pytest.raises(InputError, match="no runs"):
        export_sweep(store, "nothing", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


HARM = {
    "a changed byte": lambda b: flip(b / LINES),
    "a missing file": lambda b: (b / HEADS).unlink(),
    "no manifest": lambda b: (b / MANIFEST).unlink(),
    "a manifest of something else": lambda b: (b / MANIFEST).write_text("[]"),
    "a manifest without bottom": lambda b: (b / MANIFEST).write_text("[" * 90_000),
    "a manifest that is a heap": lambda b: (b / MANIFEST).write_text(" " * 2_000_000),
    "a newer format": lambda b: edit(b, version=99),
    "no version": lambda b: edit(b, version=0),
    "a version beyond all numbers": lambda b: edit(b, version=float("inf")),
    "files without hashes": lambda b: edit(b, files=[LINES, HEADS]),
    "a hash of another type": lambda b: edit(b, files={LINES: 1, HEADS: None}),
    "a file beside": lambda b: edit(b, files={LINES: "0", HEADS: "0", "x": "0"}),
    "a name of another type": lambda b: edit(b, sweep=["grid"]),
    "truncated, and vouched for": lambda b: (cut(b / LINES), vouched(b, LINES)),
    "no Parquet, and vouched for": lambda b: ((b / LINES).write_bytes(b"PAR1"), vouched(b, LINES)),
    "other columns": lambda b: (
        pq.write_table(pa.table({"kind": [1], "id": [2]}), b / LINES),
        vouched(b, LINES),
    ),
    "a folder for a file": lambda b: ((b / LINES).unlink(), (b / LINES).mkdir()),
    "a path for a name": lambda b: edit(b, sweep="../../up"),
    "another file": lambda b: edit(b, files={"../x": "0"}),
    "a link": lambda b: ((b / LINES).rename(b / "real"), os.symlink(b / "real", b / LINES)),
    "another sweep's runs": lambda b: sealed(b, [as_line(trajectory(0, "other"))]),
    "another id": lambda b: sealed(b, [("trajectory", "t1", as_line(trajectory(0))[2])]),
    "a body of another shape": lambda b: sealed(b, [as_line(trajectory(0), runs=[{}])]),
    "a body that is no JSON": lambda b: sealed(b, [("trajectory", "t1", "__import__('os')")]),
    "an empty body": lambda b: sealed(b, [("trajectory", "t1", None)]),
    "an unknown kind": lambda b: sealed(b, [("pickle", "t1", "{}")]),
    "another sweep's plan": lambda b: sealed(b, [("sweep", "other", '{"hash":"h","plan":{}}')]),
}


def cut(path):
    path.write_bytes(path.read_bytes()[:-200])


def edit(folder, **changes):
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(manifest | changes))


@pytest.mark.parametrize("what", HARM)
def test_a_bundle_that_is_not_what_it_says_is_refused_whole(bundle, elsewhere, what):
    HARM[what](bundle)
    with pytest.raises((Damaged, InputError)) as caught:
        import_bundle(elsewhere, bundle)
    assert "\n" not in str(caught.value)
    assert journal_files(elsewhere) == []
    assert [p for p in elsewhere.root.rglob("*") if p.is_file()] == []


def spoiled(folder, change):
    """Change the lines of a bundle of JSON lines, and vouch for them."""
    path = folder / JSONL.lines
    path.write_bytes(change(path.read_bytes()))
    vouched(folder, JSONL.lines)


JSONL_HARM = {
    "ends within a line": lambda b: b[:-30],
    "a body changed below its hash": lambda b: b.replace(b"Pirnby", b"Pirnba", 1),
    "a line of a newer version": lambda b: b.replace(b'{"v":1', b'{"v":2', 1),
    "no JSON": lambda b: b + b"__import__('os').system('true')\n",
    "without bottom": lambda b: b + b"[" * 100_000 + b"\n",
    "no UTF-8": lambda b: b + b"\xff\xfe\n",
    "another kind": lambda b: b + line_bytes("pickle", "t1", {}),
    "another sweep's plan": lambda b: b + line_bytes("sweep", "../up", {"hash": "h", "plan": {}}),
    "a path for an id": lambda b: b + line_bytes("trajectory", "../../x", {"id": "../../x"}),
}


@pytest.mark.parametrize("what", JSONL_HARM)
def test_json_lines_that_are_none_of_ours_are_refused_whole(jsonl, elsewhere, what):
    spoiled(jsonl, JSONL_HARM[what])
    with pytest.raises(Damaged) as caught:
        import_bundle(elsewhere, jsonl)
    assert "\n" not in str(caught.value)
    assert [p for p in elsewhere.root.rglob("*") if p.is_file()] == []


def test_a_bundle_that_unpacks_to_too_much_is_refused(bundle, elsewhere, monkeypatch):
    """The same body again and again packs to almost nothing."""
    sealed(bundle, [as_line(trajectory(0))] * 200)
    monkeypatch.setattr(bundles, "MOST_BYTES", 200_000)
    with pytest.raises(Damaged, match="unpacks to more"):
        import_bundle(elsewhere, bundle)
    assert journal_files(elsewhere) == []


def test_a_sweep_of_that_name_with_another_plan_is_not_mixed_in(bundle, elsewhere):
    write(elsewhere, [trajectory(9)], plan={"name": "grid", "seeds": [5]})
    with pytest.raises(InputError, match="another plan"):
        import_bundle(elsewhere, bundle)
    with Store.scratch(elsewhere) as store:
        assert store.sweeps()[0].trajectories == 1


def test_shipped_bundles_are_taken_in_once_and_replaced_by_newer_ones(bundle, home, tmp_path):
    shipped, mine = tmp_path / "sweeps", Home(tmp_path / "mine").ensure()
    (shipped / "other").mkdir(parents=True)
    bundle.rename(shipped / "grid")
    with Store.open(mine) as store:
        assert install_bundles(mine, shipped) == ["grid"]
        store.ingest()
        first = store.version()
        install_bundles(mine, shipped)
        store.ingest()
        assert store.version() == first
        write(home, [trajectory(20)])
        with Store.scratch(home) as made:
            export_sweep(made, "grid", shipped / "grid")
        install_bundles(mine, shipped)
        store.ingest()
        assert store.sweeps()[0].trajectories == 9
        assert store.runs(Slice(hops=(2,)))
    assert len(journal_files(mine)) == 1
