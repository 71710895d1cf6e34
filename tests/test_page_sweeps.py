"""Sweep runs from the router: planned by form, quoted, started as a child, watched, steered, reopened by link."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from budgetscape.sweep_runs import SweepRuns
from engine.errors import InputError
from engine.sweeps.plan import read_plan
from engine.types import Budget
from pages.parts.sweep_form import _numbers
from store.journal import read_sweep
from tests.dashboard_fakes import MODEL, FakeApp, question, run
from tests.sweep_fakes import PLAN
from tests.test_pages import ROUTER, opened, visit

PAGE = str(ROUTER.parents[1] / "sweep_runs.py")
PATIENCE_S = 180


@pytest.fixture
def app(tmp_path: Path) -> Iterator[FakeApp]:
    fake = FakeApp(tmp_path, [run("corag", Budget(1, 32), question(1))])
    yield from opened(fake)
    fake.close()


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)


def texts(at: AppTest) -> str:
    parts = [
        *at.caption,
        *at.markdown,
        *at.error,
        *at.info,
        *at.success,
        *at.text,
        *at.subheader,
        *at.metric,
    ]
    return "\n".join(f"{getattr(p, 'label', '')} {p.value}" for p in parts)


def small(at: AppTest, questions: int = 2) -> AppTest:
    """The form filled in for a sweep of moments."""
    at.multiselect(key="sweep_strategies").set_value(["closed_book"])
    at.text_input(key="sweep_think").set_value("0, 8")
    at.text_input(key="sweep_search").set_value("0")
    at.number_input(key="sweep_limit").set_value(questions)
    return at.run()


def test_without_questions_the_page_says_what_to_do(tmp_path):
    fake = FakeApp(tmp_path)
    for _ in opened(fake):
        at = visit(PAGE)
        assert "no question set yet" in texts(at)
        assert any("budgetscape questions" in c.value for c in at.code)
        assert not at.button
    fake.close()


def test_the_form_offers_what_there_is_and_nothing_starts_before_a_quote(app):
    at = visit(PAGE)
    assert MODEL in at.multiselect(key="sweep_models").options
    assert at.multiselect(key="sweep_hops").options == ["1", "2", "3"]
    assert "Nothing is spent before" in texts(at)
    assert [b.key for b in at.button] == ["sweep_quote"]
    at.button(key="sweep_quote").click().run()
    assert not at.exception
    assert at.button(key="sweep_start").disabled
    assert not at.button(key="sweep_pilot").disabled
    at.text_input(key="sweep_think").set_value("0, 16").run()
    assert [b.key for b in at.button] == ["sweep_quote"], "another plan needs another quote"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("sweep_search", "0, many", "search"),
        ("sweep_search", "", "search"),
        ("sweep_think", "-1", "budgets lie between"),
        ("sweep_name", "../etc", "letters, digits"),
        ("sweep_seeds", "0, 0", "listed twice"),
    ],
)
def test_what_is_wrong_with_a_plan_is_said_on_one_line(app, key, value, said):
    at = visit(PAGE)
    at.text_input(key=key).set_value(value).run()
    assert not at.exception
    assert said in at.error[0].value
    assert not at.button


def test_knobs_and_caps_reach_the_plan(app):
    at = visit(PAGE)
    at.text_area(key="sweep_knobs").set_value("[knobs.corag]\ntop_k = 0").run()
    assert "knob top" in at.error[0].value
    at.text_area(key="sweep_knobs").set_value("[knobs.corag]\ntop_k = 4")
    at.number_input(key="sweep_tokens").set_value(5000)
    at.multiselect(key="sweep_effort").set_value(["low"])
    at.multiselect(key="sweep_hops").set_value([2]).run()
    plan = read_plan(at.code[0].value)
    assert plan.knobs["corag"]["top_k"] == 4
    assert plan.caps.tokens == 5000
    assert plan.strata.hops == (2,)
    assert plan.effort == ("low",)


def test_a_pilot_then_a_start_then_done_and_a_repeat_is_free(app):
    at = small(visit(PAGE), 4)
    at.button(key="sweep_quote").click().run()
    at.button(key="sweep_pilot").click().run()
    assert not at.exception
    assert at.query_params["sweep"] in ("sweep-1", ["sweep-1"])
    until(
        lambda: app.sweeps.status("sweep-1").state == "quoted" and not app.sweeps.running("sweep-1")
    )
    at = visit(PAGE, sweep="sweep-1")
    assert "sweep-1 is quoted" in texts(at).replace("\\", "")
    at.button(key="sweep_resume").click().run()
    until(lambda: app.sweeps.status("sweep-1").state == "done")
    at = visit(PAGE, sweep="sweep-1")
    assert at.get("progress")[0].proto.text == "8 of 8 runs"
    whole, parts = (d.value for d in at.dataframe)
    assert list(whole["what"]) == ["calls", "tokens", "cost", "minutes"]
    assert list(parts["strategy"]) == ["closed book"]
    assert parts["tokens so far"].sum() == whole["so far"][1]
    ids = Counter(x.id for x in read_sweep(app.home, "sweep-1") if x.kind == "trajectory")
    assert set(ids.values()) == {1}
    given, done = app.sweeps.quoted(app.sweeps.plan("sweep-1"))
    assert (given.trajectories, done) == (0, 4)


def test_a_link_reopens_a_running_sweep_which_can_be_paused_resumed_and_cancelled(app):
    app.sweeps.start(read_plan(PLAN.replace("think = [0, 8]", "think = [0, 8]\nsamples = 100")))
    until(
        lambda: app.sweeps.status("toy").state == "running" and app.sweeps.status("toy").runs_done
    )
    at = visit(PAGE, sweep="toy")
    assert "toy is running" in texts(at)
    at.button(key="sweep_pause").click().run()
    until(lambda: app.sweeps.status("toy").state == "paused")
    at = visit(PAGE, sweep="toy")
    at.button(key="sweep_resume").click().run()
    until(lambda: app.sweeps.status("toy").state == "running")
    at = visit(PAGE, sweep="toy")
    at.button(key="sweep_cancel").click().run()
    until(lambda: app.sweeps.status("toy").state == "stopped" and not app.sweeps.running("toy"))
    at = visit(PAGE, sweep="toy")
    assert "was stopped" in texts(at)
    assert at.button(key="sweep_resume").label == "Resume"


def test_stopping_the_app_leaves_a_sweep_resumable(app):
    app.sweeps.start(read_plan(PLAN.replace("think = [0, 8]", "think = [0, 8]\nsamples = 100")))
    until(lambda: app.sweeps.status("toy").runs_done)
    app.sweeps.close()
    later = SweepRuns(app.home, app.sweeps.quoted, app.sweeps.command)
    status = later.status("toy")
    assert (status.state, status.note) == ("stopped", "the dashboard that started it was stopped")
    assert 0 < status.runs_done < status.runs
    later.resume("toy")
    until(lambda: later.status("toy").state == "running")
    with pytest.raises(InputError, match="running already"):
        later.start(later.plan("toy"))
    later.close()


def test_a_child_that_cannot_start_says_why(app):
    broken = SweepRuns(
        app.home, app.sweeps.quoted, ("python3", "-c", "raise SystemExit('no such model')")
    )
    broken.start(read_plan(PLAN))
    until(lambda: broken.status("toy").state == "failed")
    assert broken.status("toy").note == "no such model"
    broken.close()


def test_a_link_to_no_sweep_says_so_and_shows_the_form(app):
    at = visit(PAGE, sweep="<b>gone</b>")
    assert "there is no sweep" in at.error[0].value
    assert "<b>" not in at.error[0].value.replace("\\<b", "")
    assert at.button(key="sweep_quote")


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("0, 1 2;4", [0, 1, 2, 4]),
        ("", []),
        (None, []),
        ("1.5 x", ["1.5", "x"]),
        ("9" * 99, ["9" * 40]),
    ],
)
def test_numbers_are_read_as_typed(text, numbers):
    assert _numbers(text) == numbers
