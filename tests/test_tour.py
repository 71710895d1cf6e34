"""The tour and the ways to jump: each step ends when it is done, and nobody jumps to what another asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pages.parts.tour import STEPS, Progress, reached
from tests.dashboard_fakes import FakeApp, all_runs
from tests.test_pages import finished, opened, sent, visit
from tests.test_trace_compare import COMPARE, LEAST, MOST


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeApp]:
    fake = FakeApp(tmp_path_factory.mktemp("home"), all_runs())
    yield fake
    fake.close()


@pytest.fixture
def filled(measured: FakeApp) -> Iterator[FakeApp]:
    yield from opened(measured)


def title(at) -> str:
    """Of the step that the page shows; empty when there is none."""
    told = [m.value for m in at.markdown if f"of {len(STEPS)} ·" in m.value]
    return told[0].split("· ")[1].split(".**")[0] if told else ""


@pytest.mark.parametrize(
    ("at", "progress", "step"),
    [
        (0, Progress("Live query", None, 0), "Ask"),
        (0, Progress("Live query", "r1", 0), "Replay"),
        (2, Progress("Live query", "r1", 1), "Ask again"),
        (2, Progress("Live query", "r1", 2), "Compare"),
        (4, Progress("Trace compare", None, 2), "See the whole"),
        (5, Progress("Quality surface", None, 2), "Done"),
        (6, Progress("Quality surface", "r1", 6), "Done"),
    ],
)
def test_a_step_that_is_done_is_passed_over(at, progress, step):
    assert STEPS[reached(at, progress)].title == step


def test_a_stranger_is_led_from_the_first_question_to_the_surface_and_can_leave(filled):
    at = visit()
    assert title(at) == ""
    at.button(key="tour_begin").click().run()
    assert title(at) == "Ask"
    next(b for b in at.button if b.label == "Run").click().run()
    finished(filled, filled.live.recent()[0].id)
    at.run()
    assert title(at) == "Replay"
    at.button(key="tour_next").click().run()
    assert title(at) == "Pin"
    at.toggle(key="live_pin").set_value(True).run()
    assert title(at) == "Ask again"
    at.button(key="tour_end").click().run()
    assert title(at) == "" and not at.exception


def test_one_can_jump_to_pages_sweeps_and_ones_own_pins_and_to_nothing_of_others(filled):
    data = sent(visit(COMPARE, lane=[LEAST, MOST]), "palette")
    labels = [place["label"] for place in data["places"]]
    assert {"Live query", "Trace compare", "Quality surface", "Surface of grid"} <= set(labels)
    assert "Compare pinned runs" in labels
    fresh = [place["label"] for place in sent(visit(), "palette")["places"]]
    assert "Compare pinned runs" not in fresh and not any("live" in n for n in fresh[4:])
    assert ["anywhere", "Ctrl + K jumps to a page or a sweep, ? shows these keys"] in data["keys"]
