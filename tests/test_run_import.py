"""A log of somebody's own runs becomes a surface: every row is a run or has a reason, and all or nothing is kept."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import SimpleNamespace as Made

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from budgetscape import run_import
from budgetscape.cli.main import cli
from budgetscape.run_import import imported, look_at_runs, take_runs
from engine.errors import InputError
from store import trash
from store.bundles import LINES, export_sweep, import_bundle
from store.history import Slice, Store
from store.home import CHECKOUT, Home
from store.log_columns import Columns
from store.run_log import level
from store.scores import score_panels
from tests.files import as_csv

HEADER = [
    *(
        "User Query",
        "Pipeline",
        "LLM",
        "maxSearches",
        "Searches",
        "thinkingBudget",
        "Reasoning Tokens",
    ),
    *("Response", "Expected", "Correct", "Prompt Tokens", "Completion Tokens", "latency_ms"),
]


def row(n: int, search: int, think: int, right: str, **more: str) -> list[str]:
    """One run of an invented system."""
    used = {"Searches": str(min(search, 1)), "Reasoning Tokens": str(think // 2)}
    texts = [f"Where was ship {n} built?", "agent-a", "big", str(search), "", str(think), ""]
    whole = dict(
        zip(HEADER, [*texts, "Pirnby", "Pirnby|Pirn", right, "100", "300", "1200"], strict=True)
    )
    return list((whole | used | more).values())


def tell(*_: object) -> None:
    pass


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Ten questions at four cells, one of them twice, and three rows that are none."""
    rows = [
        row(n, s, t, "yes" if n < 3 + s + t // 64 else "no")
        for n in range(10)
        for s in (0, 2)
        for t in (0, 256)
    ]
    again = row(0, 2, 256, "no")
    broken = [
        row(1, 2, 256, "maybe"),
        row(1, 2, 256, "yes", **{"Reasoning Tokens": "many"}),
        ["a", "b"],
    ]
    return as_csv(tmp_path / "prod.csv", HEADER, *rows, again, *broken)


def cells(home: Home, name: str = "prod", metric: str = "em"):
    with Store.scratch(home) as store:
        return {(c.search, c.think): c for c in store.cells(Slice(sweeps=(name,)), metric)}


def test_a_log_with_other_names_is_a_surface_and_what_cannot_be_read_is_listed(
    home: Home, log: Path
):
    show = look_at_runs(log)
    assert (show.rows, show.runs, show.questions, show.search, show.think) == (
        44,
        41,
        10,
        (0, 2),
        (0, 256),
    )
    assert show.chosen.of["milliseconds"] == "latency_ms" and show.chosen.of["gold"] == "Expected"
    assert sorted(show.why) == sorted([
        "prod.csv, line 43: field 'Correct' must be a number, or true or false",
        "prod.csv, line 44: field 'Reasoning Tokens' must be a number, 0 or more",
        "prod.csv, line 45: has 2 cells where the header has 13; check its quotes",
    ])  # fmt: skip
    assert list(home.journals.glob("*")) == []
    count, unread = take_runs(home, "prod", log, None, tell)
    assert (count, unread.count) == (41, 3)
    found = cells(home)
    assert {at: (c.n, c.questions) for at, c in found.items()} == {
        (0, 0): (10, 10), (0, 256): (10, 10), (2, 0): (10, 10), (2, 256): (11, 10),
    }  # fmt: skip
    assert found[0, 0].mean == pytest.approx(0.3) and found[2, 256].mean == pytest.approx(9 / 11)
    assert {c.think_mode for c in found.values()} == {"advisory"}
    assert found[2, 256].search_used == 1 and found[2, 256].tokens == 400
    assert found[2, 256].seconds == pytest.approx(1.2) and found[2, 256].passages is None
    with Store.scratch(home) as store:
        head = store.runs(Slice(sweeps=("prod",)))[0]
        run = store.run(head.id)
        assert (run.trace.answer, run.scores.f1) == ("Pirnby", 1.0)
        trace = run.trace
        assert (
            trace.thinking_tokens + trace.query_tokens + trace.answer_tokens
            == trace.usage.completion_tokens
        )
        assert store.troubles() == []


def test_the_same_file_again_changes_nothing_and_a_taken_name_is_refused(home: Home, log: Path):
    take_runs(home, "prod", log, None, tell)
    before = sorted(home.journals.rglob("*.jsonl"))
    take_runs(home, "prod", log, None, tell)
    assert sorted(home.journals.rglob("*.jsonl")) == before
    other = log.with_name("other.csv")
    other.write_bytes(log.read_bytes() + b"\n")
    with pytest.raises(InputError, match="there is a sweep 'prod' already"):
        take_runs(home, "prod", other, None, tell)
    assert imported(home) == [run_import.Imported("prod", "em")]


def test_without_budgets_a_run_stands_at_what_it_used_under_a_name_that_says_so(
    home: Home, tmp_path: Path
):
    log = tmp_path / "use.jsonl"
    rows = [
        {"query": f"q {n}", "tool_calls": n, "reasoning_tokens": 100 * n, "rating": 1 + n % 5}
        for n in range(12)
    ]
    log.write_text(
        "\n".join(map(json.dumps, rows)) + "\n{broken\n" + '{"query": "q", "tool_calls": 1}\n'
    )
    show = look_at_runs(log)
    assert (show.chosen.metric, show.chosen.high) == ("judge", 5.0)
    assert show.unread == 2 and "use.jsonl, line 13: is not JSON" in show.why[0]
    assert "'reasoning_tokens' must be a whole number, and is not there" in show.why[1]
    assert any("difficulty too" in said for said in show.remarks)
    take_runs(home, "use", log, None, tell)
    found = cells(home, "use", "judge")
    assert {c.strategy for c in found.values()} == {"imported (by use)"}
    assert (11, 1100) not in found and found[16, 2048].mean == pytest.approx((1 + 11 % 5) / 5)
    assert imported(home) == [run_import.Imported("use", "judge")]
    with Store.scratch(home) as store:
        panel = score_panels(store, ["use"], "judge")[0]
        assert all(v != v for v in panel.spent["seconds"][panel.n > 0]), (
            "seconds that nobody told are unknown, not 0"
        )


def test_objects_inside_a_line_are_columns_by_their_path(tmp_path: Path):
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 8,
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    line = {"request": {"query": "q"}, "max_searches": 1, "usage": usage, "correct": True}
    (tmp_path / "log.jsonl").write_text(
        json.dumps(line) + "\n" + '{"a":' * 50 + "1" + "}" * 50 + "\n"
    )
    show = look_at_runs(tmp_path / "log.jsonl")
    assert show.chosen.of == {
        **{"question": "request.query", "search": "max_searches", "quality": "correct"},
        **{"think_used": "usage.completion_tokens_details.reasoning_tokens"},
        **{"input_tokens": "usage.prompt_tokens", "completion_tokens": "usage.completion_tokens"},
    }
    assert (show.problem, show.runs, show.unread, show.think) == ("", 1, 1, (16,))


@pytest.mark.parametrize(("used", "axis", "at"), [
    (0, "search", 0), (8, "search", 8), (9, "search", 16), (17, "search", 32),
    (0, "think", 0), (1, "think", 16), (16, "think", 16), (873, "think", 1024), (1024, "think", 1024),
])  # fmt: skip
def test_what_was_used_is_rounded_up_to_a_level(used, axis, at):
    assert level(used, axis) == at


BASE = {"question": "q", "search": "s", "think": "t", "quality": "y"}


@pytest.mark.parametrize(("columns", "why"), [
    (Columns({}), "no column tells the question"),
    (Columns({"question": "q"}), "no column tells the search budget, or what was used of it"),
    (Columns({"question": "q", "search": "s"}), "no column tells the reasoning budget"),
    (Columns({k: v for k, v in BASE.items() if k != "quality"}), "no column tells the quality"),
    (Columns({**BASE, "hops": "gone"}), "there is no column 'gone' for hops"),
    (Columns({**BASE, "os.system": "q"}), "is nothing that a run has"),
    (Columns(BASE, {"search": "-1"}), "must be a whole number"),
    (Columns(BASE, {"hops": "1"}), "only strategy, model, search, think can be one value"),
    (Columns(BASE, metric="taste"), "a quality is one of em"),
    (Columns(BASE, low=1, high=1), "must end above where it begins"),
])  # fmt: skip
def test_columns_that_give_no_runs_say_what_is_missing(home: Home, tmp_path: Path, columns, why):
    log = as_csv(tmp_path / "a.csv", ["q", "s", "t", "y"], ["x", "1", "2", "1"])
    assert why in look_at_runs(log, columns).problem
    with pytest.raises(InputError, match=why):
        take_runs(home, "a", log, columns, tell)
    assert list(home.journals.glob("*")) == []


@pytest.mark.parametrize(("field", "value", "why"), [
    ("s", "1.5", "must be a whole number"), ("s", "-1", "0 or more"), ("s", "1e400", "must be a number"),
    ("s", "", "must be a whole number, and is not there"), ("t", "99999999999", "must be a whole number"),
    ("y", "2", "must lie from 0 to 1"), ("y", "nan", "must be a number, or true"),
    ("y", "", "tells no quality"),
    ("q", "", "must tell the question"), ("q", "x" * 200_001, "longer than 200,000 characters"),
])  # fmt: skip
def test_a_value_that_a_column_cannot_hold_is_named_by_row_and_field(
    home: Home, tmp_path: Path, field, value, why
):
    good = {"q": "x", "s": "1", "t": "2", "y": "1"}
    log = as_csv(
        tmp_path / "a.csv", list(good), list(good.values()), list((good | {field: value}).values())
    )
    show = look_at_runs(log, Columns(BASE))
    assert (show.runs, show.unread) == (1, 1)
    assert show.why[0].startswith(f"a.csv, line 3: field '{field}'") and why in show.why[0]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_broken_log_of_any_kind_gets_one_line_that_names_where(tmp_path: Path, ending: str):
    log = tmp_path / f"a{ending}"

    def told(question: str = "x", cut: int | None = None) -> str:
        rows = [{"q": q, "s": "1", "t": "2", "y": "1"} for q in ("x", question)]
        if ending == ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), log)
        elif ending == ".jsonl":
            log.write_text("\n".join(map(json.dumps, rows)))
        else:
            between = {".csv": ",", ".tsv": "\t"}[ending]
            log.write_text(
                "\n".join(map(between.join, (rows[0].keys(), *(r.values() for r in rows))))
            )
        log.write_bytes(log.read_bytes()[:cut])
        try:
            return "".join(look_at_runs(log, Columns(BASE)).why)
        except InputError as error:
            return str(error)

    second = {".jsonl": "line 2", ".parquet": "row 2"}.get(ending, "line 3")
    assert told() == ""
    assert re.match(rf"a{ending}, {second}: .*(is over|longer than)", told("x" * 2_000_000))
    cut = "is not a whole Parquet file" if ending == ".parquet" else f", {second}: "
    assert told(cut=-4).startswith(f"a{ending}") and cut in told(cut=-4)
    assert told(cut=0) == f"a{ending}: is empty"


def test_what_cannot_be_read_at_all_leaves_nothing(home: Home, tmp_path: Path, monkeypatch):
    names = ["q", "s", "t", "y"]
    for path, why in {
        as_csv(
            tmp_path / "none.csv", names, ["x", "a", "2", "1"]
        ): "no row can be read as a run; the first: none.csv",
        as_csv(tmp_path / "head.csv", names): "holds no row under a header",
        tmp_path / "x.pkl": "a log of runs is a CSV",
        tmp_path / "latin.csv": "is not UTF-8",
    }.items():
        if path.suffix == ".pkl":
            path.write_bytes(b"\x80\x04.")
        if path.stem == "latin":
            path.write_bytes(b"q,s,t,y\n\xe9,1,2,1\n")
        with pytest.raises(InputError, match=why):
            take_runs(home, "a", path, Columns(BASE), tell)
    monkeypatch.setattr(run_import, "MOST_ROWS", 2)
    with pytest.raises(InputError, match="over 2 rows"):
        take_runs(
            home,
            "a",
            as_csv(tmp_path / "long.csv", names, *[["x", "1", "2", "1"]] * 3),
            Columns(BASE),
            tell,
        )
    assert list(home.journals.glob("*")) == []


def test_an_import_travels_as_a_bundle_and_is_taken_out_and_brought_back(
    home: Home, tmp_path: Path
):
    table = {
        "question": ["a", "b"],
        "search_budget": [1, 2],
        "think_budget": [0, 0],
        "score": [0.5, None],
    }
    table |= {"answer": ["x", "y"], "gold": ["x", "z"]}
    log = tmp_path / "runs.parquet"
    pq.write_table(pa.table(table), log)
    take_runs(home, "runs", log, None, tell)
    before = cells(home, "runs")
    assert {at: c.mean for at, c in before.items()} == {(1, 0): 1.0, (2, 0): 0.0}
    assert cells(home, "runs", "judge")[1, 0].mean == 0.5
    with Store.scratch(home) as store:
        export_sweep(store, "runs", tmp_path / "bundle")
    there = Home(tmp_path / "there").ensure()
    import_bundle(there, tmp_path / "bundle")
    assert cells(there, "runs") == before
    with Store.scratch(there) as store:
        export_sweep(store, "runs", tmp_path / "again")
    assert (tmp_path / "again" / LINES).read_bytes() == (tmp_path / "bundle" / LINES).read_bytes()
    with Store.open(home) as store:
        store.ingest()
        gone = trash.delete_import(home, "runs")
        store.ingest()
        assert store.sweeps() == [] and imported(home) == []
        trash.restore(home, gone.id)
        store.ingest()
        assert store.cells(Slice(sweeps=("runs",))) == list(before.values())
    with pytest.raises(InputError):
        trash.delete_import(home, "../runs")


def test_the_command_takes_columns_by_name_and_lists_what_is_left_out(home: Home, tmp_path: Path):
    log = as_csv(tmp_path / "a.csv", ["what", "n", "ok"], ["x", "1", "1"], ["y", "2", "?"])
    words = [
        "runs",
        str(log),
        "--column",
        "question=what",
        "--column",
        "search=n",
        "--column",
        "quality=ok",
    ]
    words += ["--all", "think=0", "--all", "strategy=mine"]
    said = CliRunner().invoke(cli, [*words, "--check"], catch_exceptions=False).output
    assert "2 rows: 1 runs of 1 questions, search 1, think 0, quality em" in said
    assert "a.csv, line 3: field 'ok'" in said
    done = CliRunner().invoke(cli, [*words, "--name", "mine", "--json"], catch_exceptions=False)
    assert json.loads(done.output.splitlines()[-1])["runs"] == 1
    assert {c.strategy for c in cells(home, "mine").values()} == {"mine"}


def test_a_sample_of_inspect_ai_is_a_row_whose_columns_are_guessed(tmp_path: Path):
    """The script runs in inspect-ai's environment; here what it reads has the shape that inspect-ai 0.3.285 gives."""
    spec = importlib.util.spec_from_file_location(
        "inspect_runs", CHECKOUT / "docs" / "inspect_runs.py"
    )
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    used = Made(reasoning_tokens=5, input_tokens=85, output_tokens=16)
    calls = [Made(function="web_search"), Made(function="bash"), Made(function="web_search")]
    messages = [Made(role="user", text="Where?"), Made(role="assistant", tool_calls=calls)]
    sample = Made(
        **{"id": 7, "input": messages[:1], "target": ["Rome", "Roma"], "messages": messages},
        **{
            "model_usage": {"m": used},
            "output": Made(completion="Rome"),
            "scores": {"match": Made(value="C")},
        },
        **{"working_time": 0.0, "total_time": 2.5},
    )
    about = Made(
        task="ships", solver=None, model="m", model_generate_config=Made(reasoning_tokens=None)
    )
    row = script.row(Made(eval=about), sample, lambda value: float(value == "C"), {"web_search"})
    assert row == {
        **{"question_id": "7", "question": "Where?", "answer": "Rome", "gold": ["Rome", "Roma"]},
        **{
            "strategy": "ships",
            "model": "m",
            "searches": 2,
            "reasoning_tokens": 5,
            "input_tokens": 85,
        },
        **{"completion_tokens": 16, "seconds": 2.5, "accuracy": 1.0},
    }
    (tmp_path / "runs.jsonl").write_text(json.dumps(row) + "\n")
    show = look_at_runs(tmp_path / "runs.jsonl")
    assert (show.problem, show.runs, show.search, show.think, show.chosen.metric) == (
        "",
        1,
        (2,),
        (16,),
        "em",
    )
