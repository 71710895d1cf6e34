"""The guided path from the router: each step says what is missing, and nothing is spent before its quote."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from engine.figures.markdown import literal
from engine.retrieval.embedding import Hashed
from engine.types import Passage, Question
from store.corpora import save_corpus, save_questions
from store.index import build_index
from tests.dashboard_fakes import EXAMPLE, NASTY, FakeApp
from tests.test_pages import opened

ROUTER = Path(__file__).parents[1] / "pages" / "parts" / "router.py"
PAGE = str(ROUTER.parents[1] / "your_system.py")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FakeApp]:
    fake = FakeApp(tmp_path / "home")
    yield from opened(fake)
    fake.close()


def visit() -> AppTest:
    at = AppTest.from_file(str(ROUTER), default_timeout=120).run()
    at.switch_page(PAGE).run()
    assert not at.exception, at.exception
    return at


def words(at: AppTest) -> str:
    kinds = (at.markdown, at.caption, at.error, at.info, at.warning, at.subheader)
    return "\n".join(str(element.value) for kind in kinds for element in kind).replace("\\", "")


def with_agent(app: FakeApp) -> None:
    command = ", ".join(f'"{part}"' for part in EXAMPLE.command)
    app.home.endpoints.write_text(f"[agents.example]\ncommand = [{command}]\n")
    app.library.read_again()


def test_an_empty_home_says_step_by_step_what_is_missing(app: FakeApp):
    said = words(visit())
    assert "Until one is added, the small model on board stands in" in said
    assert "There is no index yet" in said and "There is no question set yet" in said
    assert "the last two steps" in said.lower()


def test_questions_that_were_made_for_another_corpus_and_have_no_gold_are_pointed_out(app: FakeApp):
    for name in ("here", "there"):
        save_corpus(app.home, name, [Passage("p", "T", "Text.")])
    build_index(app.home, "here", Hashed())
    save_questions(app.home, "asked", [Question("q", NASTY)], "there")
    said = words(visit())
    assert (
        "These questions were made for corpus there: here may not hold what they ask for." in said
    )
    assert "No question has a gold answer" in said


def test_a_missing_key_is_told_before_anything_is_tried(app: FakeApp):
    fields = {"base_url": "http://127.0.0.1:9/v1", "model": "m", "api_key_env": "NO_SUCH_KEY"}
    app.library.add_model("big", fields)
    said = words(visit())
    assert "NO_SUCH_KEY, not set here: set the variable and start the app again" in said
    assert "Not probed yet" in said


def test_an_agent_answers_one_question_and_gets_a_plan_of_its_own(app: FakeApp):
    save_corpus(app.home, "here", [Passage("p", "T", "Text.")])
    build_index(app.home, "here", Hashed())
    save_questions(
        app.home, "asked", [Question(f"q{n}", f"Who is {n}?", ("Ann",)) for n in range(4)], "here"
    )
    with_agent(app)
    at = visit()
    assert at.selectbox(key="who").value == "example"
    assert ":material/check_circle: Who answers" in words(at)
    at.button(key="your_try").click()
    at.run()
    assert not at.exception and at.query_params["run"]
    request = app.live.recent()[0].request
    assert (request.strategy, request.model, request.index) == ("external", "example", "here")
    assert (request.budget.search, request.budget.think) == (2, 64)
    until = time.monotonic() + 120
    while not app.live.recent()[0].over:
        assert time.monotonic() < until
        time.sleep(0.05)
    plan = at.code[0].value
    assert 'strategies = ["external"]' in plan and 'models = ["example"]' in plan
    assert literal("first-example") in literal(plan) and "minutes = 30" in plan
