"""The allocation page from the router: a recommendation, lines, the next unit and the verdict, or reasons."""

import math

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from engine.analysis.axis import read
from engine.analysis.estimate import Estimate
from engine.analysis.panel import Unknown
from engine.figures.lines import LinesInfo, Series, lines_figure, table_rows
from engine.figures.palette import Identity
from engine.figures.spending import axis_info, front_info, read_facts, spelt, walk_info
from engine.view import PAGES
from tests.panel_fakes import SEARCH, panel_of, scores
from tests.test_pages import ROUTER, empty, filled, measured, visit  # noqa: F401

PAGE = str(ROUTER.parents[1] / "budget_allocation.py")
LOOK = Identity("corag", "#0072B2", "circle", "●")


def texts(at: AppTest) -> str:
    return " ".join(m.value.replace("\\", "") for m in at.markdown)


def test_a_filled_store_gets_a_recommendation_a_front_and_a_verdict(filled):  # noqa: F811
    at = visit(PAGE)
    said = texts(at)
    assert any(start in said for start in ("Cheapest setting", "No cheaper", "Undecided"))
    assert "Cannot tell whether search scales like reasoning" in said
    assert len(at.get("plotly_chart")) >= 3
    assert at.get("download_button"), "the missing cells can be planned"


def test_an_empty_store_says_how_to_fill_it(empty):  # noqa: F811
    at = visit(PAGE)
    assert any("Nothing has been measured yet" in m.value for m in at.markdown)


def test_filters_without_runs_say_so(filled):  # noqa: F811
    at = visit(PAGE, metric="evidence recall")
    assert any("No run with this score" in i.value for i in at.info)


def test_the_margin_and_the_unit_are_in_the_link(filled):  # noqa: F811
    at = visit(PAGE, unit="seconds", margin="10")
    assert any("10 points" in c.value for c in at.caption)


SLIDERS = {
    "surface": "iterative · smollm2",
    "spend": "430.5",
    "split": "100",
    "quality": "0.25",
    "slice_search": "32",
    "slice_think": "2",
}


def test_every_slider_is_in_the_link_and_the_link_brings_it_back(filled):  # noqa: F811
    at = visit(PAGE, **SLIDERS)
    shown = {w.key: w for w in (*at.slider, *at.selectbox) if w.key in SLIDERS}
    assert set(shown) == set(SLIDERS), at.slider
    assert shown["split"].value == 100 and shown["quality"].value == 0.25
    assert shown["spend"].value == 430.5 and "At 430.5 tokens per question" in texts(at)
    assert shown["slice_search"].value == 32 and shown["slice_think"].value == 2
    assert shown["surface"].value == 1
    assert set(SLIDERS) <= set(PAGES["budget-allocation"])


def test_a_figure_shows_bands_and_steps_and_takes_no_markup():
    one = Series(
        "<b>x</b>", LOOK, (1.0, 2.0), (0.1, 0.2), (0.0, 0.1), (0.2, 0.3), kind="extrapolated"
    )
    made = lines_figure(LinesInfo("x", "y", (one,), mark=1.5))
    band, line = made["data"]
    assert band["y"] == [0.2, 0.3, 0.1, 0.0] and line["line"]["dash"] == "dash"
    assert line["name"] == "&lt;b&gt;x&lt;/b&gt;" and made["layout"]["shapes"][0]["x0"] == 1.5
    assert table_rows(LinesInfo("x", "y", (one,)))[1] == {
        "series": "<b>x</b>",
        "x": 2.0,
        "y": 0.2,
        "low": 0.1,
        "high": 0.3,
    }


@pytest.mark.parametrize(
    "info",
    [
        front_info(Unknown("why"), Unknown("why"), {}, "em"),
        walk_info(Unknown("why"), LOOK, "em", None),
        axis_info(Unknown("why"), LOOK, "em"),
    ],
)
def test_what_cannot_be_drawn_has_its_reason(info):
    assert info.reason == "why" and info.series == ()


def test_the_missing_cells_become_the_form_of_a_sweep(filled):  # noqa: F811
    at = visit(PAGE)
    (plan,) = [b for b in at.button if b.label == "Plan these cells"]
    plan.click().run()
    assert not at.exception, at.exception
    assert at.title[0].value == "Sweep runs"
    assert at.text_input(key="sweep_name").value.endswith("-verdict")
    assert at.multiselect(key="sweep_strategies").value in (["corag"], ["iterative"])
    levels = at.text_input(key="sweep_search").value.split(", ")
    assert len(levels) >= 7 and at.number_input(key="sweep_limit").value == 12


def test_a_fit_is_drawn_on_as_extrapolated_and_told_in_numbers():
    rising = 0.2 + 0.1 * np.log2(1 + np.array(SEARCH, dtype=float))[:, None] + np.zeros((1, 1))
    one = read(panel_of(scores(rising, 200), SEARCH, (0,)), "search")
    inside, beyond, cells = axis_info(one, LOOK, "exact match").series
    assert inside.kind == "interpolated" and max(inside.x) == pytest.approx(32)
    assert beyond.kind == "extrapolated" and max(beyond.x) == pytest.approx(4 * 32)
    assert inside.x[-1] == beyond.x[0] and len(cells.x) == 6
    facts = dict(read_facts(one))
    assert facts["trend"].startswith("rises") and facts["curve"].startswith(one.curves.chosen)
    assert facts["at budget 0"].startswith(f"{one.zero.value:.3g}")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Estimate(0.5, 0.25, math.inf), "0.5 [0.25, ∞]"),
        (Estimate(9e-16, -9e-16, 0.1), "0 [0, 0.1]"),
        (Unknown("no run"), "no run"),
    ],
)
def test_numbers_are_spelt_with_their_interval_or_their_reason(value, shown):
    assert spelt(value) == shown
