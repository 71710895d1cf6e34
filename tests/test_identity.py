"""Ids: the same content has the same id in every process; other content has another."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.identity import canonical_json, content_hash, plain, run_id, trajectory_id
from engine.strategies import STRATEGIES, blocks, corag, iterative, prompt_hash
from engine.types import Budget, Stopped

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
PARTS = {
    "question": ["q", "text"],
    "index_recipe": "i",
    "strategy": "corag",
    "knobs": {"length": 3},
    "prompt_hash": "p",
    "fingerprint": "f",
    "decoding": {"temperature": 0.0},
    "seed": 1,
    "scope": "sweep",
}


@given(values)
def test_canonical_json_can_be_read_back(value):
    assert json.loads(canonical_json(value)) == value


@settings(max_examples=30)
@given(st.dictionaries(st.text(), values, max_size=5))
def test_the_order_of_keys_does_not_matter(value):
    turned = dict(reversed(list(value.items())))
    assert content_hash(turned) == content_hash(value)


def test_tuples_and_lists_are_the_same_and_sets_have_an_order():
    assert canonical_json({"b": 1, "a": (2,)}) == '{"a":[2],"b":1}'
    assert plain({"c", "a", "b"}) == ["a", "b", "c"]


def test_a_step_says_its_kind_and_a_budget_has_none():
    assert plain(Stopped(path=(1,)))["kind"] == "stopped"
    assert "kind" not in plain(Budget(1, 2))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_what_json_cannot_say_is_refused(value):
    with pytest.raises(ValueError):
        canonical_json(value)


def test_lone_surrogates_can_be_hashed():
    assert content_hash("\ud800") != content_hash("\ud801")


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_a_trajectory_changes_its_id(part):
    first = trajectory_id(**PARTS)
    assert first == trajectory_id(**PARTS)
    assert trajectory_id(**{**PARTS, part: "other"}) != first


def test_cells_of_a_trajectory_have_ids_of_their_own():
    cells = [Budget(s, t) for s in range(4) for t in range(4)]
    assert len({run_id("t", b) for b in cells}) == 16
    assert run_id("u", cells[0]) != run_id("t", cells[0])


def test_prompt_hashes_are_the_same_in_another_process():
    script = "from engine.strategies import *; print([prompt_hash(n) for n in sorted(STRATEGIES)])"
    said = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "77", "PYTHONPATH": "."},
    ).stdout
    hashes = [prompt_hash(n) for n in sorted(STRATEGIES)]
    assert said.strip() == str(hashes)
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize(
    ("module", "text", "changed"),
    [
        (corag, "SUB_QUERY", ["corag", "corag_search", "self_consistency"]),
        (corag, "SUB_ANSWER", ["corag", "corag_search", "self_consistency"]),
        (iterative, "SENTENCE", ["iterative"]),
        (iterative, "DRAFT", ["iterative"]),
        (blocks, "ANSWER", sorted(STRATEGIES)),
        (blocks, "THINK", sorted(STRATEGIES)),
    ],
)
def test_a_changed_prompt_changes_the_hash_of_those_who_say_it(monkeypatch, module, text, changed):
    before = {n: prompt_hash(n) for n in STRATEGIES}
    monkeypatch.setattr(module, text, "Other words.")
    after = {n: prompt_hash.__wrapped__(n) for n in STRATEGIES}
    assert sorted(n for n in STRATEGIES if before[n] != after[n]) == changed


def test_a_changed_layout_changes_the_hash(monkeypatch):
    before = prompt_hash("closed_book")
    monkeypatch.setattr(blocks, "question_line", lambda question: f"Q: {question}")
    assert prompt_hash.__wrapped__("closed_book") != before
