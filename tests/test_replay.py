"""The strip of answers if stopped earlier, the forecast before a run, and several runs asked for at once."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from engine.errors import InputError
from engine.figures.dials import forecast
from engine.figures.replay import MOST_TEXT, progress, replay_info
from engine.types import Budget, Scores, Thought
from pages.parts import several
from pages.parts.controls import Setting
from tests.dashboard_fakes import QUESTIONS, run


def at(search: int, think: int, strategy: str = "corag", **modes: str):
    return run(strategy, Budget(search, think, **modes), QUESTIONS[1])


def test_the_strip_holds_the_run_and_what_lies_below_it():
    own = at(2, 32)
    info = replay_info(own, [at(0, 0), at(2, 0), at(4, 0), at(0, 128), own], 99)
    assert [(stop.search, stop.think) for stop in info.stops] == [(0, 0), (2, 0), (2, 32)]
    assert (info.searches, info.thinks, info.own) == ((0, 2), (0, 32), (2, 32))
    assert info.stops[-1].summary.right == (own.scores.em == 1)
    assert info.stops[0].facts[0] == "0 of 0 queries"


def test_a_dose_is_not_replayed_by_permissions():
    info = replay_info(at(0, 32, think_mode="force"), [at(0, 0)], 0)
    assert len(info.stops) == 1


def test_where_the_steps_are_too_much_to_send_checkpoints_come_with_their_answers():
    long = at(0, 0)
    steps = (Thought(path=(0,), text="x" * MOST_TEXT),)
    long = replace(long, trace=replace(long.trace, steps=steps))
    small, own = replay_info(at(2, 32), [long], 99).stops
    assert small.steps is None and small.summary.answer and own.steps


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ((3, 5, 0, None), "3 of 5 answers taken so far"),
        ((5, 5, 1_200, None), "The forced answers took 1,200 tokens beside the run"),
        ((5, 5, 12, 0.5), "The forced answers took 12 tokens beside the run · cost 0.50"),
        ((2, 5, 0, None, "stopped by you"), "2 of 5 answers taken: stopped by you"),
        ((0, 0, 0, None), ""),
    ],
)
def test_what_the_checkpoints_took_is_said(told, words):
    assert progress(*told) == words


@dataclass
class Row:
    strategy: str = "corag"
    model: str = "m"
    index: str = "sample"
    sweep: str = "grid"
    knobs: dict = field(default_factory=dict)
    search_mode: str = "cap"
    think_mode: str = "cap"


def test_a_forecast_names_the_sweep_it_comes_from():
    told = forecast([Row(), Row("single_retrieval")], ("single_retrieval", "m"), "sample")
    assert (told.refusal, told.reach, told.source) == ("", 1, "the sweep grid")


@pytest.mark.parametrize(
    ("rows", "index", "why"),
    [
        ([], "sample", "nothing has been measured"),
        ([Row(model="other")], "sample", "did not measure corag with m"),
        ([Row()], "mine", "No forecast for the index mine"),
        ([Row()], None, "No forecast for the index none"),
    ],
)
def test_a_foreign_corpus_or_model_has_no_forecast(rows, index, why):
    assert why in forecast(rows, ("corag", "m"), index).refusal


def test_other_knobs_or_doses_have_no_forecast_and_the_usual_ones_written_out_have():
    asked = [Row(knobs={"top_k": 3})], ("corag", "m"), "sample"
    assert not forecast(*asked).refusal and not forecast(*asked, {"length": 8}).refusal
    assert "with these knobs" in forecast(*asked, {"top_k": 5}).refusal
    assert forecast(*asked, {"length": 2}).reach == 2
    assert "to be spent" in forecast(*asked, None, {"think"}).refusal
    assert not forecast([Row(think_mode="force")], *asked[1:], None, {"think"}).refusal


def test_without_gold_the_strip_tells_which_answers_agree_with_the_run():
    def ungraded(search, answer):
        one = at(search, 0)
        return replace(one, scores=Scores(), trace=replace(one.trace, answer=answer))

    told = replay_info(ungraded(2, "The Tarn."), [ungraded(0, "tarn"), ungraded(1, "Elm")], 99)
    assert [stop.agrees for stop in told.stops] == [True, False, True]
    silent = replay_info(ungraded(1, ""), [ungraded(0, "")], 99)
    assert [stop.agrees for stop in silent.stops] == [False, False]
    assert replay_info(at(2, 32), [], 99).stops[0].agrees is None


def test_a_strategy_that_never_searches_has_a_forecast_whatever_the_index():
    assert forecast([Row("closed_book")], ("closed_book", "m"), "mine").refusal == ""


SETTING = Setting("corag", "m", "sample")


def test_several_runs_are_every_strategy_at_every_budget_once():
    asked = several.requests(
        SETTING, QUESTIONS[0], ["single_retrieval", "corag"], [(4, 32), (1, 32)]
    )
    assert [(r.strategy, r.budget.search) for r in asked] == [
        ("single_retrieval", 1),
        ("corag", 1),
        ("corag", 4),
    ]


def test_fewer_than_two_or_more_than_six_runs_are_refused_in_one_line():
    with pytest.raises(InputError, match="one run"):
        several.requests(SETTING, QUESTIONS[0], ["corag"], [(1, 32)])
    with pytest.raises(InputError, match="8 runs; 6 fit"):
        several.requests(
            SETTING, QUESTIONS[0], ["corag", "iterative"], [(s, 0) for s in (0, 1, 2, 4)]
        )


def test_a_dose_is_a_permission_where_a_strategy_cannot_be_forced():
    setting = Setting("corag", "m", "sample", search_mode="force")
    asked = several.requests(setting, QUESTIONS[0], ["corag", "fan_out"], [(1, 32)])
    assert [r.budget.search_mode for r in asked] == ["force", "cap"]
