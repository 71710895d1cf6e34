"""The page that puts runs side by side, as a visitor gets it: empty, chosen, linked, pinned, while runs go on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from budgetscape.live import LiveRequest
from engine.figures.lanes_wire import FIRST_LINES
from engine.types import Budget, Thought
from tests.dashboard_fakes import MODEL, SLOW, FakeApp, all_runs, journalled, question, run
from tests.sweep_fakes import HOLD
from tests.test_pages import ROUTER, SURFACE, finished, opened, sent, visit

COMPARE = str(ROUTER.parents[1] / "trace_compare.py")
LEAST, MOST = "run-corag-0-0-q1", "run-corag-4-128-q1"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeApp]:
    fake = FakeApp(tmp_path_factory.mktemp("home"), all_runs())
    yield fake
    fake.close()


@pytest.fixture
def filled(measured: FakeApp) -> Iterator[FakeApp]:
    yield from opened(measured)


@pytest.fixture
def held(filled: FakeApp) -> Iterator[Path]:
    """The slow model stops in the middle of what it says until this file is removed."""
    file = filled.home.root / HOLD
    file.touch()
    yield file
    file.unlink(missing_ok=True)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[FakeApp]:
    fake = FakeApp(tmp_path)
    yield from opened(fake)
    fake.close()


def linked(at: AppTest) -> list[str]:
    """The lanes that the link names."""
    named = at.query_params["lane"]
    return [named] if isinstance(named, str) else list(named)


def test_an_empty_store_says_how_to_get_runs(empty):
    at = visit(COMPARE)
    assert at.title[0].value == "Trace compare"
    assert any("Ask the same question twice" in m.value for m in at.markdown)
    assert "budgetscape sweep" in at.code[0].value


def test_without_lanes_the_page_offers_runs_of_a_question_and_a_first_comparison(filled):
    at = visit(COMPARE)
    assert any("two to six runs" in m.value for m in at.markdown)
    asked = at.selectbox(key="compare_question").value
    assert next(q for q in filled.questions("") if q.id == asked).hops == 2
    at.button(key="compare_example").click().run()
    assert not at.exception
    lanes = sent(at, "lanes")["lanes"]
    assert [lane["detail"].split(" · ")[:2] for lane in lanes] == [
        ["0 queries", "0 thinking tokens"],
        ["4 queries", "128 thinking tokens"],
    ]
    assert linked(at) == [lane["run"] for lane in lanes]


def test_a_link_opens_exactly_its_lanes_alignment_and_open_steps(filled):
    at = visit(
        COMPARE, lane=[MOST, LEAST], compare_align="time", compare_fold="false", open=["1:0"]
    )
    data = sent(at, "lanes")
    assert [lane["run"] for lane in data["lanes"]] == [MOST, LEAST]
    assert data["rows"]["0"][0] == "0 s" and data["folded"] is False and data["open"] == ["1:0"]
    assert "At step 2" in data["parting"]


def test_runs_that_are_not_there_are_left_out_of_lanes_and_link(filled):
    at = visit(COMPARE, lane=["nonsense", LEAST])
    assert linked(at) == [LEAST]
    assert any("choose at least one more" in m.value for m in at.markdown)
    assert visit(COMPARE, lane=["x"] * 50, open=["'; --"]).title[0].value == "Trace compare"


def test_runs_are_chosen_among_those_the_filters_leave(filled):
    at = visit(COMPARE)
    at.multiselect(key="compare_strategies").select("iterative").run()
    offered = at.multiselect(key="compare_lanes").options
    assert len(offered) == 12 and all(text.startswith("iterative") for text in offered)
    at.multiselect(key="compare_budgets").select((4, 32)).run()
    assert len(at.multiselect(key="compare_lanes").options) == 1


def test_more_than_six_runs_are_not_compared(filled):
    runs = [f"run-corag-{s}-{t}-q1" for s in (0, 1, 2) for t in (0, 32, 128)]
    at = visit(COMPARE, lane=runs)
    assert [lane["letter"] for lane in sent(at, "lanes")["lanes"]] == list("ABCDEF")


def test_runs_of_different_questions_are_said_to_be_such(filled):
    at = visit(COMPARE, lane=[LEAST, "run-corag-0-0-q2"])
    assert "different questions" in at.info[0].value
    assert len(sent(at, "lanes")["questions"]) == 2


def test_a_run_is_pinned_on_the_live_page_and_from_the_surface_and_found_in_the_lanes(filled):
    at = visit(run=LEAST)
    at.toggle(key="live_pin").set_value(True).run()
    assert linked(at) == [LEAST]
    at.switch_page(SURFACE)
    at.query_params["cell"] = ["corag", "smollm2", "4", "128"]
    at.query_params["run"] = MOST
    at.run()
    at.toggle(key="drill_pin").set_value(True).run()
    assert linked(at) == [LEAST, MOST]
    at.switch_page(COMPARE).run()
    assert [lane["run"] for lane in sent(at, "lanes")["lanes"]] == [LEAST, MOST]


def test_a_pinned_run_can_be_taken_out_again(filled):
    at = visit(run=LEAST, lane=[LEAST, MOST])
    at.toggle(key="live_pin").set_value(False).run()
    assert linked(at) == [MOST]


def test_what_was_taken_out_of_the_lanes_is_put_back_by_one_click(filled):
    at = visit(COMPARE, lane=[LEAST, MOST, "run-corag-2-32-q1"])
    at.multiselect(key="compare_lanes").unselect(MOST).run()
    assert linked(at) == [LEAST, "run-corag-2-32-q1"]
    assert at.button(key="compare_undo").label == "Put back 1 run"
    at.button(key="compare_undo").click().run()
    assert linked(at) == [LEAST, MOST, "run-corag-2-32-q1"]
    assert not [b for b in at.button if b.key == "compare_undo"]


def test_a_run_under_way_has_a_lane_and_ends_under_the_name_it_is_saved_by(filled, held):
    asked = LiveRequest(question(1), "closed_book", SLOW, None, Budget(0, 32))
    live = filled.live.start(asked)
    at = visit(COMPARE, lane=[LEAST, live])
    assert sent(at, "lanes")["lanes"][1]["limit"] == "Still running."
    held.unlink()
    finished(filled, live)
    at.run()
    saved = filled.live.get(live).run.id
    assert linked(at) == [LEAST, saved]
    assert sent(at, "lanes")["lanes"][1]["limit"] != "Still running."


def test_runs_in_lanes_can_be_stopped_together(filled, held):
    asked = LiveRequest(question(1), "closed_book", SLOW, None, Budget(0, 32))
    lanes = [filled.live.start(asked) for _ in range(2)]
    at = visit(COMPARE, lane=lanes)
    assert sent(at, "lanes")["gains"] == []
    at.button(key="compare_stop").click().run()
    for live in lanes:
        finished(filled, live)
        assert filled.live.get(live).state == "stopped"


def test_a_run_that_was_stopped_is_compared_as_far_as_it_came(filled, held):
    live = filled.live.start(LiveRequest(question(1), "closed_book", SLOW, None, Budget(0, 32)))
    filled.live.stop(live)
    finished(filled, live)
    at = visit(COMPARE, lane=[live, LEAST])
    assert sent(at, "lanes")["lanes"][0]["limit"] == "Stopped by you."


def test_a_long_run_is_sent_as_heads_and_a_step_when_it_is_opened(empty):
    one, other = (
        run("corag", Budget(2, 32), question(1)),
        run("iterative", Budget(2, 32), question(1)),
    )
    text = "word " * 60
    steps = tuple(Thought(path=(n,), text=f"{n} {text}") for n in range(2_000))
    long = replace(one, trace=replace(one.trace, steps=steps))
    journalled(empty.home, [long, other])
    empty.store.ingest()
    data = sent(visit(COMPARE, lane=[long.id, other.id], open=["0:1500"]), "lanes")
    assert data["count"] >= 2_000 and not data["whole"]
    assert len(data["rows"]) == FIRST_LINES and len(data["heads"][0]) <= FIRST_LINES
    assert list(data["bodies"]) == ["0:1500"]
    assert data["bodies"]["0:1500"]["text"] == f"1500 {text}"
    alone = sent(visit(run=long.id, open=["0:7"]), "lanes")  # the live page shows it the same way
    assert len(alone["lanes"]) == 1 and list(alone["bodies"]) == ["0:7"]
    assert (alone["parting"], alone["overlap"], alone["gains"]) == ("", [], [])


def test_the_files_are_offered_with_the_lanes(filled):
    at = visit(COMPARE, lane=[LEAST, MOST])
    assert [b.proto.label for b in at.get("download_button")] == ["Markdown", "JSON"]


def test_the_model_of_a_lane_is_told_though_it_is_no_longer_named(filled):
    assert MODEL in sent(visit(COMPARE, lane=[LEAST, MOST]), "lanes")["lanes"][0]["detail"]
