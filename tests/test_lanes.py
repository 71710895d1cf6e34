"""Lanes say in words and numbers what the comparison found, as text; long traces are sent as heads."""

from __future__ import annotations

import json
import sys
from dataclasses import replace

import pytest

from engine.analysis.traces import compared
from engine.figures import lanes_words as words
from engine.figures.lanes import lanes_info
from engine.figures.lanes_export import as_json, as_markdown
from engine.figures.lanes_strip import MOST_SEGMENTS
from engine.figures.lanes_wire import asked_rows, chosen, first_rows, wire
from engine.types import Answer, Scores, Search, Stopped, Thought
from tests.dashboard_fakes import NASTY
from tests.test_traces import run


def with_steps(*steps, **trace):
    one = run([])
    return replace(one, trace=replace(one.trace, steps=steps, **trace))


def said(*lanes):
    return words.parting(compared([with_steps(*steps) for steps in lanes]))


PLAN = Thought(path=(0,), text="First the author.")


def test_where_runs_part_is_said_in_words():
    search = Search(path=(1,), query="author of Tarn")
    refused = Search(path=(1,), query="author of Tarn", refused=True)
    answer = Answer(path=(1,), text="Varnholm")
    assert said((PLAN, search), (PLAN, refused), (PLAN, answer)) == (
        "A, B and C do the same for the first step. At step 2, A searches for “author of Tarn”; "
        "B is refused a search, the search budget being spent; C answers “Varnholm”."
    )
    assert said((PLAN,), (PLAN,)) == "A and B do the same, step by step."
    assert said((PLAN, answer), (PLAN, answer), (PLAN,)).endswith(
        "At step 2, A and B answer “Varnholm”; C has ended."
    )


def test_long_texts_are_quoted_from_where_they_part():
    start = "the same words again and again " * 20
    told = said(
        (Thought(path=(0,), text=start + "left"),), (Thought(path=(0,), text=start + "right"),)
    )
    assert "left”" in told and "right”" in told and len(told) < 250


def test_a_thought_cut_by_the_budget_is_told_apart_from_one_that_goes_on():
    told = said((PLAN,), (replace(PLAN, text="First", cut=True),))
    assert told == (
        "At step 1, A thinks “First the author.”; B thinks “First”, cut by the reasoning budget."
    )


def test_a_run_under_way_has_not_come_that_far_and_has_no_end():
    told = compared([with_steps(PLAN, Stopped(path=(9,))), with_steps(PLAN)])
    info = lanes_info(told, {}, running=[1])
    assert "B has not come that far yet" in info.parting
    assert info.lanes[1].limit == "Still running."
    silent = replace(told.runs[1], trace=replace(told.runs[1].trace, answer=""))
    info = lanes_info(replace(told, runs=(told.runs[0], silent)), {}, running=[1])
    assert info.lanes[1].answer == "No answer yet"


def test_first_gold_and_what_was_bought_are_said():
    a, b = run([["x"]], f1=0.0), run([["x"], ["g1", "g2"]], f1=0.5)
    told = compared([a, b])
    info = lanes_info(told, {})
    assert info.lanes[0].gold == "None of 2 supporting passages was seen."
    assert info.lanes[1].gold == (
        "First gold at step 5 (search 2, rank 1); all 2 by step 5 (search 2)."
    )
    assert info.gains == (
        "From A to B: 1 more query, no more thinking tokens, 0 s longer bought 2 passages more, "
        "F1 +0.50 (+0.50 F1 a query).",
    )
    assert info.looks == (("1 new", "1 new"), ("", "2 new, 2 gold"))
    assert info.overlap[0][1][:2] == ("33%", "1 of 3")


def test_a_unit_has_a_price_only_where_it_alone_was_raised():
    both = compared([run([], f1=0.0), run([["x"]], think=10, f1=1.0)]).gains[0]
    thought = compared([run([], f1=0.0), run([], think=50, f1=0.5)]).gains[0]
    assert words.per_unit(both) == ""
    assert words.per_unit(thought) == "+1.00 F1 per 100 thinking tokens"


def test_equal_steps_fold_and_the_parting_row_is_the_first_below():
    info = lanes_info(compared([run([["x"]]), run([["x"], ["y"]])]), {})
    assert info.folds[0] == (0, 3) and info.parting_row == 3
    assert [row[1] for row in info.rows[:3]] == [True] * 3


def long_run(steps: int, words_each: int = 40):
    text = "word " * words_each
    made = [
        Thought(path=(n,), tokens=3, seconds=0.1, text=f"{n} {text}")
        if n % 2
        else Search(path=(n,), tokens=2, seconds=0.1, query=f"query {n}")
        for n in range(steps)
    ]
    return with_steps(*made)


def drawn(axis: str, steps: int):
    """Two long runs side by side, what of them is sent, and how many calls of functions that took."""
    runs, calls = [long_run(steps), long_run(steps * 9 // 10)], 0

    def called(*_: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(called)
    try:
        info = lanes_info(compared(runs, axis), {}, opened=[(1, 7), (1, 99_999)])
        sent = json.dumps(wire(info, first_rows(info, folded=True)))
    finally:
        sys.setprofile(None)
    return info, sent, calls


@pytest.mark.parametrize("axis", ["step", "seconds"])
def test_ten_thousand_steps_are_heads_and_take_ten_times_the_work_of_a_thousand(axis):
    _, _, few = drawn(axis, 1_000)
    info, sent, many = drawn(axis, 10_000)
    assert many < 11 * few
    assert not info.whole and set(info.bodies) == {"1:7"}
    assert len(sent) < 200_000
    assert max(map(len, info.strip.bars)) <= 2 * MOST_SEGMENTS


def test_rows_are_sent_as_they_are_asked_for_with_the_heads_of_their_steps():
    same, rest = [["x"]] * 300, [["y"], ["z"]]
    info = lanes_info(compared([run([*same, rest[0]]), run([*same, *rest])]), {})
    first, end = info.folds[0]
    assert (
        first_rows(info, folded=True)[0] == end - first and first_rows(info, folded=False)[0] == 0
    )
    sent = wire(info, asked_rows([300, 10**9]))
    assert set(sent["rows"]) == set(range(300, min(900, len(info.rows)))) and sent["count"] == len(
        info.rows
    )
    for lane, heads in enumerate(sent["heads"]):
        assert {row[2][lane] for row in sent["rows"].values()} - {None} == set(heads)
        assert all(head == info.heads[lane][step] for step, head in heads.items())


@pytest.mark.parametrize(
    "sent", [None, [1], [1, 2, 3], [-1, 5], ["0", 5], [0, 1.5], [True, 4], [5, 5]]
)
def test_what_names_no_rows_asks_for_none(sent):
    assert not asked_rows(sent)


def test_short_traces_come_with_their_bodies():
    info = lanes_info(compared([run([["x"]]), run([["g1"]])]), {})
    assert info.whole and set(info.bodies) == {"0:2", "1:2"}
    assert info.bodies["1:2"]["passages"][0]["gold"]


@pytest.mark.parametrize("sent", ["1:2:3", "-1:2", "a:b", "1", 7, None, "1" * 50, "²:1"])
def test_what_is_no_step_is_ignored(sent):
    assert chosen(sent) is None


def test_a_step_is_named_by_its_lane_and_place():
    assert chosen("1:20") == (1, 20)


def test_markdown_holds_the_comparison_and_shows_untrusted_text_as_text():
    nasty = with_steps(Thought(path=(0,), text=NASTY), Answer(path=(1,), text=NASTY), answer=NASTY)
    told = compared([run([["g1"]]), nasty])
    text = as_markdown(told, "http://127.0.0.1:1/trace-compare?lane=a")
    assert "<img" not in text.replace(r"\<img", "") and "](http" not in text.replace(
        r"\]\(http", ""
    )
    for part in ("# Runs side by side", "## Where they part", "## A: corag", "title g1", "lane=a"):
        assert part in text
    table = [line for line in text.splitlines() if line.startswith("| A |")]
    assert len(table) == 2 and table[0].count("|") == 10


def test_json_holds_the_runs_whole_and_the_words():
    runs = [run([["x"]]), run([["g1"]], f1=1.0)]
    body = json.loads(as_json(compared(runs), "link"))
    assert body["link"] == "link" and "At step 3" in body["words"]["parting"]
    assert body["runs"][1]["scores"]["f1"] == 1.0
    assert body["runs"][0]["trace"]["steps"][2]["passages"][0]["passage"]["id"] == "x"
    assert body["comparison"]["overlap"][0][1] == {"shared": 0, "either": 2}


def test_a_right_and_a_wrong_answer_are_told():
    info = lanes_info(
        compared([run([], scores=Scores(em=1.0, f1=1.0)), run([], scores=Scores(em=0.0))]), {}
    )
    assert [lane.right for lane in info.lanes] == [True, False]
