"""The command line on real parts: a world, a Chroma index, the model on board, journals."""

import inspect
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from budgetscape.cli import main as command_line
from budgetscape.cli.ask import step_json
from budgetscape.wiring import Parts
from engine.types import Search

ROOT = Path(__file__).parents[1]
LITTLE = """
name = "little"
strategies = ["closed_book", "single_retrieval"]
models = ["smollm2-135m"]
index = "tiny"
questions = "tiny"
search = [0, 1]
think = [0, 8]
limit = 3
"""


@pytest.fixture
def cli(copy_of_tiny, tmp_path):
    """Run a command in a data folder that holds the tiny world; returns what it printed and its exit."""
    empty = tmp_path / "no-samples"
    empty.mkdir()
    env = {
        **os.environ,
        "BUDGETSCAPE_HOME": str(copy_of_tiny.root),
        "BUDGETSCAPE_SAMPLES": str(empty),
    }

    def run(*arguments, **changes):
        command = [sys.executable, "-m", "budgetscape.cli.main", *map(str, arguments)]
        return subprocess.run(
            command, cwd=ROOT, env=env | changes, capture_output=True, text=True, timeout=600
        )

    run.env = env
    run.home = copy_of_tiny
    return run


def objects(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def without_seconds(steps):
    return [{k: v for k, v in s.items() if k not in ("seconds", "id")} for s in steps]


@pytest.mark.embedded
def test_a_new_world_is_indexed_and_asked_and_a_repeat_is_the_same(cli, tmp_path):
    out = tmp_path / "world"
    assert (
        cli("world", "--seed", 5, "--passages", 60, "--questions", 20, "--out", out).returncode == 0
    )
    assert cli("index", out / "corpus.jsonl", "--name", "mine").returncode == 0
    assert (
        cli("questions", out / "questions.jsonl", "--name", "mine", "--corpus", "mine").returncode
        == 0
    )
    rows = [json.loads(x) for x in (out / "questions.jsonl").read_text().splitlines()]
    hop = next(r for r in rows if r["hops"] == 1 and r["operations"] == 0)
    ask = ("ask", hop["question"], "--index", "mine", "--strategy", "single_retrieval")
    ask += ("--search", 1, "--think", 8, "--seed", 3, "--json")
    first, second = objects(cli(*ask)), objects(cli(*ask))
    assert without_seconds(first) == without_seconds(second)
    shown = {p["id"] for s in first if s["kind"] == "reading" for p in s["passages"]}
    assert set(hop["supporting_ids"]) & shown
    run = first[-1]
    assert run["kind"] == "run"
    assert run["search"] == {"used": 1, "limit": 1}
    assert run["think"]["used"] <= 8
    t = run["tokens"]
    assert t["thinking"] + t["query"] + t["answer"] == t["completion"]
    assert sum(s.get("tokens", 0) for s in first[:-1]) == t["completion"]


@pytest.mark.embedded
def test_no_search_never_touches_the_index_and_no_thinking_still_searches(cli):
    closed = objects(
        cli("ask", "Who?", "--strategy", "corag", "--search", 0, "--think", 4, "--json")
    )
    assert not [s for s in closed if s["kind"] == "reading"]
    assert closed[-1]["search"]["used"] == 0
    quick = objects(
        cli("ask", "Who?", "--strategy", "iterative", "--search", 2, "--think", 0, "--json")
    )
    assert quick[-1]["search"]["used"] == 2
    assert quick[-1]["tokens"]["thinking"] == 0


@pytest.mark.embedded
def test_a_server_that_only_the_endpoints_file_names_serves_the_same_commands(cli):
    from budgetscape.embedded import EmbeddedServers

    with EmbeddedServers() as servers:
        child = servers.ensure(0)
        cli.home.endpoints.write_text(
            f'[models.other]\nbase_url = "{child.url}"\nmodel = "smollm2"\n'
            'api_key_env = "OTHER_KEY"\n[models.other.extra_body]\ncache_prompt = false\n'
        )
        mine = ("ask", "Who?", "--strategy", "closed_book", "--search", 0, "--think", 6, "--json")
        there = objects(cli(*mine, "--model", "other", OTHER_KEY=child.key))
    here = objects(cli(*mine, "--model", "smollm2-135m"))
    assert there[-1]["answer"] == here[-1]["answer"]
    assert there[-1]["model"] == "other"


@pytest.mark.embedded
def test_a_sweep_killed_half_way_goes_on_where_it_was(cli, tmp_path):
    plan = tmp_path / "little.toml"
    plan.write_text(LITTLE)
    command = [sys.executable, "-m", "budgetscape.cli.main", "sweep", str(plan)]
    child = subprocess.Popen(command, cwd=ROOT, env=cli.env, stdout=subprocess.PIPE, text=True)
    seen = 0
    for line in child.stdout:
        seen += line.startswith(("pilot", "sweep 1/"))
        if seen >= 2:
            break
    child.send_signal(signal.SIGKILL)
    child.communicate()
    again = cli("sweep", plan)
    assert again.returncode == 0, again.stderr
    recorded = int(again.stdout.split(": ")[1].split()[0])
    assert recorded >= 2
    cells = json.loads(cli("surface", "--sweep", "little", "--json").stdout)["cells"]
    assert {(c["strategy"], c["search"], c["think"]): c["n"] for c in cells} == {
        ("closed_book", 0, 0): 3,
        ("closed_book", 0, 8): 3,
        ("single_retrieval", 0, 0): 3,
        ("single_retrieval", 0, 8): 3,
        ("single_retrieval", 1, 0): 3,
        ("single_retrieval", 1, 8): 3,
    }
    third = cli("sweep", plan)
    assert "6 trajectories recorded, 0 to do" in third.stdout
    changed = tmp_path / "changed.toml"
    changed.write_text(LITTLE.replace("limit = 3", "limit = 4"))
    number = 1 + LITTLE.splitlines().index("limit = 3")
    refused = cli("sweep", changed)
    assert refused.returncode != 0
    assert f"(line {number}, limit: was 3, is 4)" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ask", "Who?", "--strategy", "corga"), "did you mean 'corag'"),
        (("ask", "Who?", "--search", "-1"), "search budget"),
        (("ask", "Who?", "--think", "99999999999"), "think budget"),
        (("ask", "   "), "empty"),
        (("ask", "Who?", "--index", "nowhere"), "nowhere"),
        (("ask", "Who?", "--model", "gpt-99"), "gpt-99"),
        (("ask", "Who?", "--knob", "top_k"), "NAME=VALUE"),
        (("ask", "Who?", "--knob", "top_k=0"), "top_k"),
        (("surface", "--sweep", "nothing-such"), "nothing-such"),
        (("world", "--passages", "3", "--out", "x"), "passages"),
        (("nonsense",), "nonsense"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(cli, arguments, said):
    done = cli(*arguments)
    assert done.returncode != 0
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_question_of_ten_megabytes_is_refused_before_anything_starts(capsys, monkeypatch):
    monkeypatch.setattr(Parts, "open", lambda *_, **__: pytest.fail("something was opened"))
    with pytest.raises(SystemExit) as end:
        command_line.main(["ask", "x" * 10_000_000])
    assert end.value.code != 0
    assert "10,000,000 characters" in capsys.readouterr().err


def test_an_endpoint_that_is_not_there_is_named(cli):
    cli.home.endpoints.write_text(
        '[models.gone]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n'
    )
    done = cli("ask", "Who?", "--model", "gone", "--strategy", "closed_book", "--search", 0)
    assert done.returncode != 0
    assert "127.0.0.1:9" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_help_lists_every_command_and_imports_what_none_of_them_needs():
    told = "from budgetscape.cli.main import main; import sys\ntry: main(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", told], cwd=ROOT, text=True, capture_output=True, check=True
    )
    *listed, modules = done.stdout.splitlines()
    assert not {"chromadb", "openai", "duckdb", "numpy", "budgetscape.wiring"} & {*modules.split()}
    for name in command_line.COMMANDS:
        command = command_line.cli.get_command(None, name)
        assert command_line._does(name) == inspect.cleandoc(command.help)
        assert any(line.startswith(f"  {name} ") for line in listed)


def test_a_step_as_json_has_its_kind_and_query():
    body = step_json(Search(path=(0,), query="who", tokens=3))
    assert (body["kind"], body["query"], body["tokens"]) == ("search", "who", 3)
