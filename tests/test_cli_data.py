"""`budgetscape strategies` lists every system with what it can reach and how far its knobs go."""

import json

from click.testing import CliRunner

from budgetscape.cli.main import cli
from engine.strategies import STRATEGIES, knobs_of


def listed(*arguments):
    done = CliRunner().invoke(cli, ["strategies", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_every_strategy_is_listed_with_source_reach_and_knobs():
    rows = {r["name"]: r for r in json.loads(listed("--json"))["strategies"]}
    assert list(rows) == list(STRATEGIES)
    for name, row in rows.items():
        assert row["source"] == STRATEGIES[name].SOURCE
        assert row["reachable"]["search"] == [0, knobs_of(name).most_searches]
        assert {k: about["default"] for k, about in row["knobs"].items()} == knobs_of(
            name
        ).model_dump()


def test_knobs_tell_their_ranges_or_their_choices():
    rows = {r["name"]: r["knobs"] for r in json.loads(listed("--json"))["strategies"]}
    width = rows["fan_out"]["width"]
    assert (width["type"], width["least"], width["most"]) == ("integer", 1, 64)
    assert rows["corag_search"]["by"]["choices"] == ["best_of_n", "tree_search"]
    sampled = rows["self_consistency"]["strategy"]["choices"]
    assert sampled == [n for n in STRATEGIES if n != "self_consistency"]
    for name, knobs in rows.items():
        for knob, about in knobs.items():
            assert about["description"], f"{name} {knob}"
            numeric = about["type"] in ("integer", "number")
            assert not numeric or {"least", "most"} <= set(about), f"{name} {knob}"


def test_people_read_the_same_on_lines():
    text = listed()
    assert "fan_out            searches: 0-4" in text
    assert "    width = 4 (1-64)  most queries of the round" in text
    assert "by = best_of_n (best_of_n | tree_search)" in text
