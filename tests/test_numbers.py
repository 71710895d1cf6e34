"""`fit`, `allocate` and `verdict`: for people, for programs, and whether or not an app is open."""

import json

import pytest
from click.testing import CliRunner

from budgetscape.cli.main import cli
from engine.figures.summary import from_json
from engine.sweeps.plan import read_plan
from engine.types import EFFORTS, Budget
from store.history import Slice, Store
from store.scores import score_panels, score_rows
from store.summary import METRICS
from tests.store_fakes import CELLS, trajectory, write

COMMANDS = ("fit", "allocate", "verdict")


@pytest.fixture
def ask(home, tmp_path, monkeypatch):
    """Run a command in a home with one sweep of two strategies; returns its exit code and what it said."""
    monkeypatch.setenv("BUDGETSCAPE_SAMPLES", str(tmp_path / "no-samples"))
    some = [trajectory(n, strategy=s) for n in range(24) for s in ("corag", "iterative")]
    write(home, some, plan={"name": "grid"})

    def run(*words):
        got = CliRunner().invoke(cli, list(words), catch_exceptions=True)
        if got.exception is not None and not isinstance(got.exception, SystemExit):
            return 1, str(got.exception)
        return got.exit_code, got.output

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_answers_people_and_programs(ask, command):
    code, said = ask(command, "--sweep", "grid", "--by", "hops")
    assert code == 0 and "corag" in said and "Traceback" not in said
    code, said = ask(command, "--sweep", "grid", "--by", "hops", "--json")
    body = json.loads(said)
    assert code == 0 and body["sweep"] == "grid" and body["metric"] == "em"


def test_rows_of_the_store_hold_what_the_surface_holds(ask, home):
    with Store.scratch(home) as store:
        rows = score_rows(store, Slice(sweeps=("grid",)))
        cells = store.cells(Slice(sweeps=("grid",)))
        surfaces = score_panels(store, ["grid"])
    assert len(rows) == 24 * 2 * len(CELLS) and len(surfaces) == 2
    for cell in cells:
        p = next(p for p in surfaces if p.group.strategy == cell.strategy)
        at = p.search.index(cell.search), p.think.index(cell.think)
        assert p.quality()[at] == pytest.approx(cell.mean)
        assert p.mean("tokens")[at] == pytest.approx(cell.tokens)
        assert p.mean("cost")[at] == pytest.approx(cell.cost)


def test_every_metric_of_the_store_can_be_weighed(ask, home):
    with Store.scratch(home) as store:
        for metric in METRICS:
            cells = store.cells(metric=metric)
            assert bool(score_rows(store, Slice(sweeps=("grid",)), metric)) == bool(cells)


def test_effort_levels_are_weighed_at_the_tokens_that_they_used(home):
    low, high = (Budget(2, EFFORTS.index(e) + 1, think_mode="effort") for e in ("low", "high"))
    write(home, [trajectory(n, cells=[low, high, Budget(2, 32)]) for n in range(3)])
    with Store.scratch(home) as store:
        surfaces = {p.group.think_mode: p for p in score_panels(store, ["grid"])}
        wanted = sorted(c.think for c in store.cells() if c.think_mode == "effort")
    assert list(surfaces["effort"].think) == wanted and surfaces["cap"].think == (32,)


def test_costs_are_the_unit_where_all_are_known_and_tokens_may_be_asked_for(ask):
    assert json.loads(ask("allocate", "--sweep", "grid", "--json")[1])["unit"] == "cost"
    said = ask("allocate", "--sweep", "grid", "--json", "--unit", "tokens", "--spend", "105")[1]
    body = json.loads(said)
    assert body["unit"] == "tokens" and body["surfaces"][0]["iso_cost"]["spend"] == 105


def test_strategies_can_be_chosen(ask):
    body = json.loads(ask("fit", "--sweep", "grid", "--strategy", "corag", "--json")[1])
    assert [s["surface"]["strategy"] for s in body["surfaces"]] == ["corag"]


def test_what_cannot_be_told_names_the_cells_and_writes_a_plan(ask, tmp_path):
    file = tmp_path / "more.toml"
    words = ("--strategy", "corag", "--plan", str(file), "--questions", "sample")
    code, said = ask("verdict", "--sweep", "grid", *words)
    assert code == 0 and "Cannot tell" in said and "run these cells" in said
    plan = read_plan(file.read_text())
    assert plan.strategies == ("corag",) and plan.questions == "sample" and len(plan.search) >= 7


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("--sweep", "gird"), "did you mean 'grid'"),
        (("--sweep", "grid", "--metric", "me"), "metric 'me' is not known"),
        (("--sweep", "grid", "--by", "colour"), "stratum 'colour' is not known"),
        (("--sweep", "grid", "--strategy", "nobody"), "no run with a score"),
    ],
)
def test_a_wrong_name_is_one_line(ask, command, words, hint):
    code, said = ask(command, *words)
    assert code == 1 and hint in said and "\n" not in said


def test_they_work_while_an_app_owns_the_store(ask, home):
    alone = [ask(command, "--sweep", "grid", "--json") for command in COMMANDS]
    with Store.open(home):
        assert [ask(command, "--sweep", "grid", "--json") for command in COMMANDS] == alone


def test_sweeps_at_several_values_of_a_knob_are_read_together(ask, home):
    for samples in (2, 4):
        some = [trajectory(n, f"n{samples}", knobs={"samples": samples}) for n in range(24)]
        write(home, some, f"n{samples}", plan={"name": f"n{samples}"})
    body = json.loads(ask("fit", "--sweep", "n2", "--with", "n4", "--json")[1])
    (process,) = [p for p in body["iterated"]["processes"] if p["name"] == "samples"]
    assert body["with"] == ["n4"] and process["levels"] == [2, 4]
    assert ask("fit", "--sweep", "n2", "--with", "n5")[0] == 1


def test_every_search_is_told_when_asked_for(ask):
    words = ("fit", "--sweep", "grid", "--strategy", "corag", "--searches")
    (surface,) = json.loads(ask(*words, "--json")[1])["searches"]
    assert surface["at"] == 2 and [s["at"] for s in surface["think"]] == [0, 32]
    assert surface["place"][1]["shares"]["validating"]["value"] == 1
    assert "every search, at search 2" in ask(*words)[1]


def test_a_summary_is_a_document_or_json(ask):
    code, said = ask("summary", "--sweep", "grid")
    assert (
        code == 0
        and said.startswith("# How much should toy search")
        and "## Recommendation" in said
    )
    info = from_json(ask("summary", "--sweep", "grid", "--json")[1])
    assert info.sweep == "grid" and info.card.sentence in said.replace("\\", "")
    assert "did you mean 'grid'" in ask("summary", "--sweep", "gird")[1]
