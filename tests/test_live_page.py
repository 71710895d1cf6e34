"""The live page after and around a run: replayed at smaller budgets, forecast before, several at once."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from budgetscape.live import LiveRequest
from engine.strategies import PLAYED, strategy
from engine.types import Budget, Scores
from pages.parts import controls, guide
from tests.dashboard_fakes import SLOW, FakeApp, all_runs, journalled, question
from tests.sweep_fakes import HOLD
from tests.test_pages import PATIENCE_S, answered, finished, opened, sent, visit


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeApp]:
    fake = FakeApp(tmp_path_factory.mktemp("home"), all_runs())
    yield fake
    fake.close()


@pytest.fixture
def filled(measured: FakeApp) -> Iterator[FakeApp]:
    yield from opened(measured)


def settled(fake: FakeApp, run_id: str) -> None:
    finished(fake, run_id)
    until = time.monotonic() + PATIENCE_S
    while fake.live.get(run_id).checkpoints.taking and time.monotonic() < until:
        time.sleep(0.02)
    assert not fake.live.get(run_id).checkpoints.taking


def test_after_a_run_the_smaller_budgets_are_there_to_replay(filled):
    at = visit()
    at.button[0].click().run()
    live = filled.live.recent()[0]
    settled(filled, live.id)
    at.run()
    data = sent(at, "replay")
    budget = live.request.budget
    cells = {(stop["search"], stop["think"]) for stop in data["stops"]}
    levels = sent(at, "dials")["dials"]
    assert cells == {
        (s, t)
        for s in levels["search"]["levels"]
        for t in levels["think"]["levels"]
        if s <= budget.search and t <= budget.think
    }
    assert "tokens beside the run" in data["note"]
    assert all(stop["summary"]["verdict"] and stop["steps"] for stop in data["stops"])


def test_the_checkpoints_are_found_again_in_the_store_and_lie_apart_from_the_live_runs(filled):
    at = visit()
    at.button[0].click().run()
    live = filled.live.recent()[0]
    settled(filled, live.id)
    before = sent(visit(run=live.run.id), "replay")["stops"]
    filled.live._runs.clear()  # as after a restart
    after = sent(visit(run=live.run.id), "replay")
    assert after["stops"] == before and "beside the run" in after["note"]
    rows = {s.name: s.runs for s in filled.store.sweeps()}
    assert rows["live-checkpoints"] >= len(before) - 1
    keys = [r["key"] for r in sent(visit(), "dials")["dials"]["readings"]]
    assert len(keys) == 4  # the surface beside the dials is still the sweep's


def test_without_the_switch_nothing_is_asked_beyond_the_run(filled):
    at = visit()
    at.toggle(key="checkpoints").set_value(False).run()
    at.button[0].click().run()
    live = filled.live.recent()[0]
    settled(filled, live.id)
    assert live.checkpoints.runs == [] and live.request.checkpoints == ()
    at.run()
    assert len(sent(at, "replay")["stops"]) == 1


def test_a_run_of_a_sweep_is_replayed_by_the_cells_beside_it_and_the_dials_stand_at_it(filled):
    at = visit(run="run-corag-2-32-q1")
    data = sent(at, "replay")
    assert data["own"] == [2, 32] and len(data["stops"]) == 6
    assert sent(at, "dials")["at"] == {"search": 2, "think": 32}


def test_a_strategy_that_was_measured_with_other_models_names_some_of_them():
    players = [("corag", "a"), ("corag", "b"), ("corag", "c"), ("corag", "d"), ("search_r1", "e")]
    assert guide.measured_with("corag", "a", players) == ""
    assert guide.measured_with("iterative", "a", players) == ""
    assert guide.measured_with("search_r1", "a", players).endswith("it was with e.")
    told = guide.measured_with("corag", "e", players)
    assert told == "corag was not measured with this model; it was with a, b, c and 1 more."


def test_the_forecast_says_where_it_comes_from(filled):
    told = sent(visit(), "dials")["forecast"]
    assert told["source"] == "the sweep grid" and not told["refusal"]
    assert "measured with" not in sent(visit(), "dials")["note"]
    at = visit(model="slow")
    assert "not measured with this model; it was with" in sent(at, "dials")["note"]
    told = sent(at, "dials")["forecast"]
    assert "did not measure" in told["refusal"]


def test_a_model_of_another_sweep_is_forecast_and_drawn_by_that_sweep(tmp_path):
    """The largest sweep is drawn for all others."""
    fake = FakeApp(tmp_path, all_runs())
    kept = [r for r in all_runs() if r.config.strategy == "corag" and r.config.budget.search < 4]
    slower = [
        replace(
            r,
            id=f"slow-{r.id}",
            trajectory_id=f"slow-{r.trajectory_id}",
            config=replace(r.config, model=SLOW),
        )
        for r in kept
    ]
    journalled(fake.home, slower, "smaller")
    fake.store.ingest()
    for _ in opened(fake):
        told = sent(visit(model=SLOW), "dials")
        assert told["forecast"]["source"] == "the sweep smaller" and not told["forecast"]["refusal"]
        assert told["dials"]["search"]["levels"] == [0, 1, 2]
        told = sent(visit(), "dials")
        assert told["forecast"]["source"] == "the sweep grid"
        assert told["dials"]["search"]["levels"] == [0, 1, 2, 4]
        run = sent(visit(run=slower[-1].id, model=SLOW), "replay")
        assert run["stops"]
    fake.close()


def test_a_sweep_whose_runs_have_no_score_leaves_the_page_whole(tmp_path):
    """Imported runs may have no gold answer; here they make up the largest sweep."""
    unscored = [
        replace(r, id=f"none-{r.id}", trajectory_id=f"none-{r.trajectory_id}", scores=Scores())
        for r in all_runs()
    ]
    scored = [r for r in all_runs() if r.config.budget.search < 4]
    fake = FakeApp(tmp_path, scored)
    journalled(fake.home, unscored, "imported")
    fake.store.ingest()
    for _ in opened(fake):
        assert sent(visit(), "dials")["forecast"]["source"] == "the sweep grid"
        assert not visit(model=SLOW).exception
    fake.close()


def test_a_question_is_asked_at_two_budgets_at_once_and_opens_in_lanes(filled):
    at = visit()
    at.multiselect(key="several_budgets").set_value([(0, 0), (1, 32)])
    next(b for b in at.button if b.label == "Run in lanes").click().run()
    assert not at.exception and at.title[0].value == "Trace compare"
    first, second = filled.live.recent()[:2][::-1]
    assert [r.request.budget.search for r in (first, second)] == [0, 1]
    for live in (first, second):
        finished(filled, live.id)
    at.run()
    lanes = sent(at, "lanes")["lanes"]
    assert [lane["run"] for lane in lanes] == [first.run.id, second.run.id]
    assert lanes[0]["letter"] == "A" and first.request.question == second.request.question


def test_knobs_and_seed_go_with_the_run_and_end_the_forecast_of_others(filled):
    at = visit()
    at.number_input(key="corag.length").set_value(1)
    at.number_input(key="seed").set_value(7).run()
    told = sent(at, "dials")
    assert "with these knobs" in told["forecast"]["refusal"] and "1 query at most" in told["note"]
    at.button[0].click().run()
    live = filled.live.recent()[0]
    assert (live.request.knobs, live.request.seed) == ({"length": 1}, 7)
    assert live.request.budget.search == 1
    settled(filled, live.id)
    at = visit(run=live.run.id)
    assert not any("Forecast" in c.value for c in at.caption)


def test_the_link_keeps_the_knobs(filled):
    at = visit(**{"strategy": "fan out", "fan_out.by": "sub questions", "fan_out.width": "2"})
    assert at.number_input(key="fan_out.width").value == 2
    assert at.selectbox(key="fan_out.by").value == "sub_questions"


@pytest.mark.parametrize("name", PLAYED)
def test_every_knob_has_a_widget_that_says_what_it_is(filled, name):
    at = visit(strategy=name.replace("_", " "))
    keys = {w.key for kind in ("number_input", "selectbox", "toggle") for w in at.get(kind)}
    fields = strategy(name).Knobs.model_fields
    assert {f"{name}.{knob}" for knob in fields if knob != "knobs"} <= keys
    assert all(at.number_input(key=k).help for k in keys if str(k).endswith("_cap"))


def test_a_finished_run_is_laid_beside_its_forecast_in_words_and_on_the_surface(filled):
    at = visit(run="run-corag-2-32-q1")
    (said,) = [c.value for c in at.caption if c.value.startswith("Forecast exact match")]
    assert "This run" in said and "1\\.3 s" in said
    mark = sent(at, "surface")["figure"]["data"][-1]
    cell = next(
        c for c in filled.store.cells() if (c.strategy, c.search, c.think) == ("corag", 2, 32)
    )
    heights = np.frombuffer(base64.b64decode(mark["z"]["bdata"]), "<f4")
    assert heights[0] == pytest.approx(cell.mean) and heights[1] in (0, 1)


def test_a_run_without_gold_is_said_to_be_a_line(filled):
    at = visit()
    at.segmented_control(key="question_kind").set_value("Your own").run()
    at.text_area(key="own").set_value("Where was she born?")
    at.button[0].click().run()
    settled(filled, filled.live.recent()[0].id)
    at.run()
    assert any("vertical line" in c.value for c in at.caption)
    own = answered(at)
    assert own["agrees"] is True and own["summary"]["verdict"] == ""


def test_what_is_spent_is_priced_while_it_is_spent(filled, monkeypatch):
    monkeypatch.setattr(filled, "price", lambda model: lambda usage: usage.completion_tokens / 1000)
    held = filled.home.root / HOLD
    held.touch()
    live = filled.live.start(LiveRequest(question(1), "closed_book", SLOW, None, Budget(0, 32)))
    filled.live.await_words(live, PATIENCE_S)
    at = visit(run=live)
    assert any("\\$0\\.0" in c.value for c in at.caption)
    filled.live.stop(live)
    finished(filled, live)
    assert filled.live.get(live).state == "stopped"
    held.unlink()


def test_a_link_to_a_run_that_is_gone_says_so(filled):
    assert "not here" in visit(run="live-0000").warning[0].value
    assert not visit().warning


def test_one_run_in_lanes_is_refused_with_what_to_do(filled):
    before = len(filled.live.recent())
    at = visit()
    next(b for b in at.button if b.label == "Run in lanes").click().run()
    assert "choose a second" in at.error[0].value
    assert len(filled.live.recent()) == before


def test_the_first_question_is_one_that_more_searching_answers_and_a_choice_stays(filled):
    at = visit()
    picked = at.selectbox(key="question").value
    runs = [r for r in all_runs() if r.question.id == picked and r.config.strategy == "corag"]
    assert runs[0].question.hops == 2
    em = {(r.config.budget.search, r.config.budget.think): r.scores.em for r in runs}
    lines = [[em[s, t] for s in sorted({s for s, _ in em})] for t in {t for _, t in em}]
    assert any(line[0] == 0 and line[-1] == 1 and line == sorted(line) for line in lines)
    at.selectbox(key="question").select_index(0)
    at.button[0].click().run()
    live = filled.live.recent()[0]
    settled(filled, live.id)
    assert live.request.question.id == at.selectbox(key="question").value != picked


def test_without_history_the_first_question_has_two_hops():
    one, two = question(0), question(1)
    assert (one.hops, two.hops) == (1, 2)
    assert controls.first([one, two], None) == controls.first([one, two], "unknown") == two.id
    assert controls.first([one], None) == one.id and controls.first([], None) is None
