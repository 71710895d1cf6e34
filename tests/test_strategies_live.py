"""Every strategy runs live from the command line: on the model on board and on a server of the endpoints file."""

import json

import pytest

from budgetscape.cli import main as command_line
from engine.strategies import PLAYED, knobs_of

SMALL = {
    "corag_search": ["chains=2", "length=1"],
    "deep_research": ["rounds=1", "width=1", "plan_cap=8"],
    "self_consistency": ["samples=2", "strategy=closed_book"],
}
"""Knobs that keep a run short."""


@pytest.fixture(scope="module")
def second(pool):
    """Another llama.cpp child on a port of its own: its address and key."""
    child = pool.servers.ensure(0)
    return child.url, child.key


@pytest.fixture
def home_of_both(copy_of_tiny, second, tmp_path, monkeypatch):
    url, key = second
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("BUDGETSCAPE_SAMPLES", str(tmp_path / "none"))
    monkeypatch.setenv("SECOND_KEY", key)
    (copy_of_tiny.root / "endpoints.toml").write_text(
        f'[models.second]\nbase_url = "{url}"\nmodel = "smollm2-135m"\napi_key_env = "SECOND_KEY"\n'
        "max_concurrency = 1\nextra_body = { cache_prompt = false }\n"
    )
    return copy_of_tiny


@pytest.mark.embedded
@pytest.mark.parametrize("model", ["smollm2-135m", "second"])
@pytest.mark.parametrize("name", PLAYED)
def test_it_answers_from_the_command_line(name, model, home_of_both, capsys):
    small = SMALL.get(name, [])
    knobs = knobs_of(name, dict(_pair(k) for k in small))
    search = min(1, knobs.most_searches)
    command_line.main(
        [
            *("ask", "In which town was the guild founded?", "--json", "--strategy", name),
            *("--search", str(search), "--think", "24", "--model", model, "--index", "tiny"),
            *(part for knob in small for part in ("--knob", knob)),
        ]
    )
    *steps, run = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (run["kind"], run["strategy"], run["model"]) == ("run", name, model)
    assert run["think"]["used"] == run["tokens"]["thinking"] <= 24
    assert run["search"]["used"] == len(
        [s for s in steps if s["kind"] == "search" and not s["refused"]]
    )
    tokens = run["tokens"]
    assert tokens["completion"] == tokens["thinking"] + tokens["query"] + tokens["answer"] > 0
    parsed = [s["well_formed"] for s in steps if s["well_formed"] is not None]
    assert run["turns"] == len(parsed)
    assert run["well_formed"] == (sum(parsed) / len(parsed) if parsed else None)
    assert all(p["id"].startswith("p") or p["title"] for s in steps for p in s.get("passages", []))
    assert {s["resumed"] for s in steps} <= {"", "continued"}


def _pair(knob):
    name, _, value = knob.partition("=")
    return name, int(value) if value.isdigit() else value
