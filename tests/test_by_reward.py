"""The kept curves of training by reward, the picture of them, and the order in which they are made."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tools.by_reward import LINES, PICTURE, ROWS, figure, rows, smoothed
from training import run
from training.run import BASE, CONTROLS, REWARDED, TOLD

ROOT = Path(__file__).parents[1]
FOLLOWED = {f"{name}/last" for name in REWARDED}
"""A stage that starts where another one ended need not be measured twice there."""


@pytest.mark.parametrize("name", REWARDED)
def test_each_run_has_a_curve_of_all_its_steps_an_unseen_world_and_an_adapter_if_it_is_on_board(
    name,
):
    start, steps, options = REWARDED[name]
    curve, unseen = rows(name), rows(f"{name}-unseen")
    assert [row["step"] for row in curve] == list(range(1, steps + 1))
    assert unseen[-1]["step"] == steps and (unseen[0]["step"] == 0 or start in FOLLOWED)
    for row in (*curve, *unseen):
        assert row["recipe"] == options.split()[0] and row["masked"] == ("--no-mask" not in options)
        assert row["interval"][0] <= row["em"] <= row["interval"][1]
    assert (ROOT / TOLD.parent / f"{BASE}-{name}.gguf").exists() == (name not in CONTROLS)


def test_a_point_is_the_mean_of_a_full_stretch_of_steps():
    told = [{"step": n, "reward": r} for n, r in enumerate((1, 3, 5, None, 9), 1)]
    assert smoothed(told, "reward", 2) == [(1.5, 2), (3, 5)]
    assert smoothed([{"step": 1, "reward": None}], "reward", 1) == []


def test_the_second_stage_is_drawn_behind_the_first(tmp_path):
    for line in LINES:
        told = [
            {
                "step": n,
                "em": 0.5,
                "interval": [0.4, 0.7],
                "reward": n,
                "searches": 1,
                "well_formed": 1,
            }
            for n in range(1, 11)
        ]
        for name in (line.name, f"{line.name}-unseen"):
            (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in told))
    made = figure(tmp_path)
    assert len(made.data) == len(LINES) * len(ROWS)
    first, second = ([t for t in made.data if t.name == line.label] for line in LINES[2:4])
    assert first[0].x == (2.5, 6.5) and second[0].x == (12.5, 16.5) and second[0].y == (2.5, 6.5)
    assert second[-1].x[:2] == (10, 11) and second[-1].error_y.array[0] == pytest.approx(0.2)


def test_a_control_takes_as_many_steps_as_the_stages_that_it_is_compared_with():
    both = sum(REWARDED[name][1] for name in ("r1-searcher-first", "r1-searcher"))
    alone, first = REWARDED["r1-searcher-second-alone"], REWARDED["r1-searcher-first"]
    assert alone[1] == both and alone[0] == first[0]


def test_the_picture_is_of_these_runs():
    texts = {node.text for node in ElementTree.parse(PICTURE).iter() if node.text}
    assert {line.label for line in LINES} <= texts


def test_the_recipe_makes_each_start_before_what_starts_there_and_exports_all_but_controls(
    tmp_path, monkeypatch
):
    build, exported = tmp_path / "build", []

    def stage(module, *options):
        given = dict(zip(options, options[1:], strict=False))
        if module == "training.export":
            exported.append(options[1])
            return
        made = Path(options[0])
        made.parent.mkdir(parents=True, exist_ok=True)
        if module == "training.examples":
            made.write_text("")
            return
        start = given.get("--begin") or (options[1] if module == "training.reinforce" else None)
        assert start is None or Path(start).is_dir(), f"{made.name} starts from nothing: {start}"
        for folder in ("at-75", "last"):
            (made / folder).mkdir(parents=True)
        for name in ("curve", "unseen"):
            (made / f"{name}.jsonl").write_text(json.dumps({"step": int(given["--steps"])}) + "\n")

    monkeypatch.setattr(run, "BUILD", build)
    monkeypatch.setattr(run, "CURVES", tmp_path / "curves")
    monkeypatch.setattr(run, "stage", stage)
    run.by_reward(Namespace(minutes=1, workers=1, device="cpu"))
    assert exported == [f"{BASE}-{name}" for name in REWARDED if name not in CONTROLS]
