"""`surface` and `store`: what a person or a program reads of the history, whether or not an app is open."""

import json

import pytest
from click.testing import CliRunner

from budgetscape.cli.main import cli
from store.history import Store
from store.home import Home
from store.journal import journal_files
from tests.store_fakes import CELLS, trajectory, write


@pytest.fixture
def ask(home, tmp_path, monkeypatch):
    """Run a command in a home with one sweep; returns its exit code and what it said."""
    monkeypatch.setenv("BUDGETSCAPE_SAMPLES", str(tmp_path / "no-samples"))
    write(home, [trajectory(n) for n in range(12)], plan={"name": "grid"})

    def run(*words):
        got = CliRunner().invoke(cli, list(words), catch_exceptions=True)
        if got.exception is not None and not isinstance(got.exception, SystemExit):
            return 1, str(got.exception)
        return got.exit_code, got.output

    return run


def test_a_surface_names_every_cell_for_programs_and_for_people(ask):
    code, said = ask("surface", "--sweep", "grid", "--by", "hops,operations", "--json")
    rows = json.loads(said)["cells"]
    assert code == 0 and len(rows) == 6 * len(CELLS)
    wanted = "strategy model index search think n questions mean low high cut_off search_used think_used cost"
    assert {*wanted.split(), "hops", "operations"} <= set(rows[0])
    assert all(r["low"] <= r["mean"] <= r["high"] and r["n"] == 2 for r in rows)
    code, said = ask("surface", "--sweep", "grid")
    assert code == 0 and len(said.splitlines()) == len(CELLS)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("surface", "--sweep", "gird"), "did you mean 'grid'"),
        (("surface", "--sweep", "grid", "--metric", "me"), "metric 'me' is not known"),
        (("surface", "--sweep", "grid", "--by", "colour"), "stratum 'colour' is not known"),
        (("store", "export", "nothing", "out"), "no runs to export"),
    ],
)
def test_a_wrong_name_is_one_line(ask, words, hint):
    code, said = ask(*words)
    assert code == 1 and hint in said and "\n" not in said


def test_reading_commands_work_while_another_owns_the_store(ask, home, tmp_path):
    alone = ask("surface", "--sweep", "grid", "--json")
    with Store.open(home):
        assert ask("surface", "--sweep", "grid", "--json") == alone
        assert ask("store", "check")[0] == 0
        assert ask("store", "export", "grid", str(tmp_path / "out"))[0] == 0
        code, said = ask("store", "ingest")
        assert code == 1 and "held by process" in said
    assert ask("store", "ingest")[0] == 0


def test_a_sweep_travels_by_export_and_import(ask, tmp_path, monkeypatch):
    alone = ask("surface", "--sweep", "grid", "--json")
    assert ask("store", "export", "grid", str(tmp_path / "out")) == (
        0,
        f"12 trajectories written to {tmp_path / 'out'}\n",
    )
    monkeypatch.setenv("BUDGETSCAPE_HOME", str(tmp_path / "elsewhere"))
    code, said = ask("store", "import", str(tmp_path / "out"))
    assert code == 0 and "surface --sweep grid" in said
    assert ask("surface", "--sweep", "grid", "--json") == alone


def test_check_is_content_with_a_sound_store_and_an_unfinished_end(ask, home):
    with journal_files(home)[0].open("ab") as file:
        file.write(b'{"v":1,"kind":"traj')
    code, said = ask("store", "check")
    assert code == 0 and "unfinished end" in said and said.endswith("all is well\n")


def damage(home: Home) -> None:
    (path,) = journal_files(home)
    path.write_bytes(path.read_bytes().replace(b"number 3 ", b"number 4 "))


HARM = {
    "damage in grid/": damage,
    "came again with other content": lambda home: write(home, [trajectory(1, text="no")]),
    "says to be other/": lambda home: write(home, [trajectory(50, "other")]),
}


@pytest.mark.parametrize("what", HARM)
def test_check_finds_what_is_wrong_and_fails(ask, home, what):
    HARM[what](home)
    code, said = ask("store", "check")
    assert code == 1 and what in said
