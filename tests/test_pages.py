"""Both pages from the router, as a visitor gets them, on an empty and on a filled store."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from engine.figures.dials import dials_info
from engine.figures.markdown import literal
from engine.figures.surface import surface_info
from engine.models.capabilities import Capabilities
from engine.strategies import STRATEGIES
from engine.types import Budget, Question
from pages.parts import controls, dials, resources
from pages.parts.state import Chosen, Session
from tests.dashboard_fakes import NASTY, FakeApp, all_runs, journalled, question, run

ROUTER = Path(__file__).parents[1] / "pages" / "parts" / "router.py"
SURFACE = str(ROUTER.parents[1] / "quality_surface.py")
PATIENCE_S = 120
"""A busy machine is slow; nothing here waits longer than it must."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeApp]:
    fake = FakeApp(tmp_path_factory.mktemp("home"), all_runs())
    yield fake
    fake.close()


@pytest.fixture
def filled(measured: FakeApp) -> Iterator[FakeApp]:
    """A store with one sweep; tests only add live runs to it."""
    yield from opened(measured)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[FakeApp]:
    fake = FakeApp(tmp_path)
    yield from opened(fake)
    fake.close()


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[FakeApp]:
    fake = FakeApp(tmp_path, all_runs()[-12:])
    yield from opened(fake)
    fake.close()


def opened(fake: FakeApp) -> Iterator[FakeApp]:
    """The application the pages see, instead of the one of this machine."""
    resources._opened.append(fake)  # type: ignore[arg-type]
    st.cache_data.clear()
    yield fake
    resources._opened.clear()
    st.cache_data.clear()


def visit(page: str | None = None, **query: str | list[str]) -> AppTest:
    at = AppTest.from_file(str(ROUTER), default_timeout=PATIENCE_S)
    for name, value in query.items():
        at.query_params[name] = value
    at.run()
    if page:
        at.switch_page(page)
        for name, value in query.items():
            at.query_params[name] = value
        at.run()
    assert not at.exception, at.exception
    return at


def sent(at: AppTest, part: str) -> dict:
    """What the page handed to one of the browser parts."""
    for element in at.get("bidi_component"):
        data = json.loads(element.proto.json)
        if f"/{part}.js" in data["module"]:
            return data
    raise AssertionError(f"the page has no {part}")


def answered(at: AppTest) -> dict:
    """The finished run that the live page shows, at its own budget."""
    data = sent(at, "replay")
    return next(s for s in data["stops"] if [s["search"], s["think"]] == data["own"])


def finished(fake: FakeApp, run_id: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while not fake.live.get(run_id).over and time.monotonic() < until:
        time.sleep(0.02)
    assert fake.live.get(run_id).over


# -------------------------------------------------------------------------------------------- live query


def test_an_empty_live_page_offers_dials_and_says_what_to_do(empty):
    at = visit()
    assert at.title[0].value == "Live query"
    assert sent(at, "dials")["dials"]["search"]["levels"] == [0, 1, 2, 4]
    assert "measured" in sent(at, "surface")["reason"]
    assert any("budgetscape index" in c.value for c in at.caption)
    assert at.text_area(key="own")


def test_a_question_of_ones_own_is_run_streamed_and_saved(empty):
    at = visit()
    at.text_area(key="own").set_value("Where was she born?")
    at.selectbox(key="strategy").select("closed_book")
    at.button[0].click().run()
    assert not at.exception
    (live,) = empty.live.recent()
    finished(empty, live.id)
    at.run()
    trace = answered(at)
    assert trace["summary"]["verdict"] == "" and trace["steps"][-1]["kind"] == "stopped"
    assert empty.store.run(live.run.id).question.text == "Where was she born?"
    assert live.run.id in at.query_params["run"]
    line = sent(at, "surface")["figure"]["data"][-1]
    assert line["line"]["dash"] == "dash"


def test_an_agent_of_ones_own_is_chosen_in_the_place_of_a_model_and_its_steps_are_shown(growing):
    at = visit()
    at.selectbox(key="strategy").select("external").run()
    assert at.selectbox(key="agent").options == ["example"]
    assert not [box for box in at.selectbox if box.key == "model"]
    at.button[0].click().run()
    assert not at.exception
    live = growing.live.recent()[0]
    finished(growing, live.id)
    at.run()
    assert [s["kind"] for s in answered(at)["steps"]][-2:] == ["answer", "stopped"]
    assert (live.run.config.strategy, live.run.config.model) == ("external", "example")


def test_budgets_that_can_be_forced_can_be_spent_whole(empty):
    at = visit()
    at.selectbox(key="strategy").select("closed_book").run()
    offered = at.pills[0]
    assert offered.options == ["the thinking"]
    offered.set_value(["the thinking"])
    at.text_area(key="own").set_value("Where was she born?")
    at.button[0].click().run()
    assert not at.exception
    (live,) = empty.live.recent()
    assert (live.request.budget.search_mode, live.request.budget.think_mode) == ("cap", "force")
    finished(empty, live.id)
    at.run()
    assert any("all thinking to be spent" in c.value for c in at.caption)


def test_a_model_that_thinks_by_levels_gets_levels_in_the_place_of_a_dial(empty):
    at = visit()
    assert "think" not in sent(at, "dials")["hidden"]
    empty.controls["smollm2"] = "effort"
    empty.toys["smollm2"].capabilities = Capabilities(think_control="effort")
    at.selectbox(key="strategy").select("closed_book").run()
    assert "think" in sent(at, "dials")["hidden"]
    levels = at.segmented_control(key="effort")
    assert (levels.options, levels.value) == (["low", "medium", "high"], "medium")
    levels.set_value("high")
    at.text_area(key="own").set_value("Where was she born?")
    at.button[0].click().run()
    (live,) = empty.live.recent()
    assert live.request.budget == Budget(0, 3, think_mode="effort")
    finished(empty, live.id)
    at.run()
    assert not at.exception and live.run.config.budget.effort == "high"


def test_the_page_offers_every_strategy(empty):
    offered = visit().selectbox(key="strategy").options
    assert offered == [controls.words(name) for name in STRATEGIES]


def test_an_empty_question_starts_nothing(empty):
    at = visit()
    at.button[0].click().run()
    assert not at.exception and empty.live.recent() == []


def test_a_press_outlives_a_rerun_that_was_cut_short_and_starts_one_run(filled):
    before = len(filled.live.recent())
    at = visit()
    at.session_state["budgetscape"] = Session(pressed=True)  # what the button leaves at once
    at.run()
    at.run()
    assert not at.exception and len(filled.live.recent()) == before + 1


def test_the_page_offers_the_questions_with_their_difficulty_and_runs_at_the_dials(filled):
    at = visit()
    assert at.selectbox(key="question").options[0].startswith("1 hop, 0 operations · ")
    offered = sent(at, "dials")["at"]
    at.button[0].click().run()
    live = filled.live.recent()[0]
    assert live.request.budget == Budget(offered["search"], offered["think"])
    finished(filled, live.id)
    at.run()
    assert answered(at)["summary"]["verdict"]
    assert sent(at, "surface")["figure"]["data"][-1]["text"][0] == "the last run"


def test_a_run_in_the_link_is_shown_again_and_an_unknown_one_is_not_an_error(filled):
    at = visit(run="run-corag-0-0-q1")
    assert answered(at)["summary"]["answer"] == NASTY
    assert visit(run="nonsense").title[0].value == "Live query"


def test_untrusted_text_reaches_no_markdown(filled):
    at = visit(run="run-corag-0-0-q1")
    shown = [e.value for kind in (at.markdown, at.caption, at.error, at.info) for e in kind]
    assert not any("<img" in text or "example.invalid" in text for text in shown)


def test_the_surface_of_the_largest_sweep_lies_beside_the_dials(filled):
    data = sent(visit(), "surface")
    keys = [r["key"][0] for r in data["dials"]["readings"]]
    assert keys == ["closed_book", "corag", "iterative", "single_retrieval"]
    assert "exact match" in data["alt"]


# --------------------------------------------------------------------------------------- quality surface


def test_an_empty_store_says_how_to_fill_it(empty):
    at = visit(SURFACE)
    assert at.title[0].value == "Quality surface"
    assert "budgetscape sweep" in at.code[0].value


def test_the_map_and_the_table_show_the_means_of_the_store(filled):
    at = visit(SURFACE)
    corag = next(r for r in sent(at, "map")["dials"]["readings"] if r["key"][0] == "corag")
    rows = {(c.strategy, c.search, c.think): c.mean for c in filled.store.cells()}
    assert corag["stops"][2][3]["z"] == pytest.approx(rows["corag", 4, 128])
    table = at.dataframe[0].value
    assert len(table) == len(rows)
    assert {"low", "high", "questions"} <= set(table.columns)


def test_filters_in_the_link_narrow_the_surface(filled):
    at = visit(SURFACE, strategies=["corag", "iterative"], hops=["2"], metric="token F1")
    data = sent(at, "surface")
    assert [r["key"][0] for r in data["dials"]["readings"]] == ["corag", "iterative"]
    assert data["dials"]["quality"] == "token F1"
    assert data["dials"]["readings"][0]["stops"][0][0]["n"] == "4"


def test_nonsense_in_the_link_falls_back_to_everything(filled):
    at = visit(SURFACE, strategies=["'; DROP TABLE runs"], metric="none", hops="x", cell=["a", "b"])
    assert len(sent(at, "surface")["dials"]["readings"]) == 4


def test_a_metric_without_values_is_said_to_be_unmeasured(filled):
    at = visit(SURFACE, metric="numeric equality")
    assert "measured" in at.info[0].value


def test_a_cell_in_the_link_opens_its_questions_and_a_run_its_trace(filled):
    cell = ["corag", "smollm2", "2", "32"]
    at = visit(SURFACE, cell=cell)
    assert "corag · 2 queries" in at.subheader[0].value
    heads = at.dataframe[-1].value
    assert len(heads) == 12 and set(heads["score"]) == {0.0, 1.0}
    at = visit(SURFACE, cell=cell, run="run-corag-2-32-q1")
    assert sent(at, "trace")["steps"][0]["kind"] == "thought"


def test_new_runs_of_another_process_show_up(growing):
    at = visit(SURFACE)
    before = sent(at, "map")["dials"]["readings"][0]["stops"][0][0]["n"]
    journalled(growing.home, [run("corag", Budget(4, 128), question(40))])
    growing.store.ingest()  # the application does so every few seconds
    at.run()
    after = sent(at, "map")["dials"]["readings"][0]["stops"][0][0]["n"]
    assert (before, after) == ("12", "13")


# ------------------------------------------------------------------------------- what a browser may send


def info():
    rows = FakeRows
    return dials_info(rows, surface_info(rows))


class _Row:
    def __init__(self, search: int, think: int) -> None:
        self.strategy, self.model, self.search, self.think = "corag", "m", search, think
        self.n, self.mean, self.low, self.high = 5, 0.5, 0.4, 0.6
        self.search_used = self.think_used = self.cut_off = self.tokens = self.seconds = None
        self.cost = None


FakeRows = [_Row(s, t) for s in (0, 2, 8) for t in (0, 64)]


@pytest.mark.parametrize(
    ("sent_by_browser", "stop"),
    [
        ({"search": 2, "think": 64}, (2, 64)),
        ({"search": 1_000_000, "think": -5}, (8, 0)),
        ({"search": 1e300, "think": 0}, None),
        ({"search": "2", "think": None}, None),
        ({"search": float("nan"), "think": 0}, None),
        (["search"], None),
        (None, None),
    ],
)
def test_dials_are_taken_to_an_offered_stop_or_ignored(sent_by_browser, stop):
    assert dials.snapped(sent_by_browser, info()) == stop


def test_a_cell_that_was_not_drawn_is_not_chosen():
    assert dials.picked({"key": ["corag", "m"], "search": 2, "think": 0}, info()) == Chosen(
        "corag", "m", 2, 0
    )
    assert dials.picked({"key": ["other", "m"], "search": 2, "think": 0}, info()) is None
    assert dials.picked({"key": "corag", "search": 2, "think": 0}, info()) is None


def test_a_link_that_is_no_cell_chooses_none():
    assert Chosen.from_link(["corag", "m", "2", "-1"]) is None
    assert Chosen.from_link(Chosen("corag", "m", 2, 0).to_link()) == Chosen("corag", "m", 2, 0)


def test_a_request_never_asks_for_more_searches_than_the_strategy_can_use():
    setting = controls.Setting("single_retrieval", "m", "sample")
    asked = controls.request(setting, Question("q", "who?"), (4, 32))
    assert asked.budget == Budget(1, 32)


def test_text_of_ones_own_is_trimmed_and_an_empty_one_is_none():
    assert controls.typed("  \n ") is None
    assert len(controls.typed("x" * 10_000_000).text) == controls.LONGEST_QUESTION


def test_literal_text_has_no_markdown_left():
    assert literal("**b** $x$ :cat: [a](b) <i>") == r"\*\*b\*\* \$x\$ \:cat\: \[a\]\(b\) \<i\>"
