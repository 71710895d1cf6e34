"""What is laid over a surface lies where the cells say; what is strange is drawn honestly, with a reason."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

import numpy as np
import pytest

from engine.analysis.differences import differences
from engine.analysis.faces import contour
from engine.analysis.joint import joint
from engine.analysis.levels import MOST_LEVELS
from engine.analysis.panel import Group, Row, panels
from engine.figures.axes import SEARCHED, THOUGHT, nice, realised
from engine.figures.dials import dials_info
from engine.figures.overlays import LiveRun, beyond, cheapest_path, equal_spend, live_runs, on
from engine.figures.surface import described, surface_info
from engine.figures.surface_plotly import surface_figure
from tests.panel_fakes import panel_of


@dataclass(frozen=True)
class Cell:
    search: int
    think: int
    mean: float | None
    strategy: str = "corag"
    model: str = "m"
    n: int = 40
    low: float | None = 0.1
    high: float | None = 0.9
    search_used: float | None = 1.0
    think_used: float | None = 10.0
    cut_off: float | None = 0.0
    cost: float | None = None
    seconds: float | None = 1.0
    tokens: float | None = 100.0
    rounds: float | None = 1.0
    passages: float | None = 3.0
    generated: float | None = 20.0


def grid(searches=(0, 1, 3), thinks=(0, 7, 63), height=lambda s, t: 0.1 * s + 0.001 * t, **rest):
    def cell(s, t):
        return Cell(s, t, height(s, t), tokens=100 + 100 * s + t, **rest)

    return [cell(s, t) for s in searches for t in thinks]


# ------------------------------------------------------------------------------------------ overlays


def test_a_line_of_equal_value_crosses_a_face_where_the_values_say():
    values = np.array([[0.0, 0.0], [2.0, 2.0]])
    ((one, two),) = contour(values, (0, 1), (0, 3), 1.0)
    assert one == pytest.approx((math.sqrt(2) - 1, 0)) and two == pytest.approx(
        (math.sqrt(2) - 1, 3)
    )


def test_a_saddle_has_two_pieces_and_a_face_with_a_missing_corner_none():
    assert len(contour(np.array([[0.0, 2.0], [2.0, 0.0]]), (0, 1), (0, 1), 1.0)) == 2
    assert contour(np.array([[0.0, np.nan], [2.0, 2.0]]), (0, 1), (0, 1), 1.0) == []


def test_lines_of_equal_spend_lie_on_the_sheet_where_that_much_is_spent():
    cells = grid()
    info = surface_info(cells, scale="log")
    (line,) = equal_spend(info, cells, "tokens")
    assert line.label == "150 tokens, 200 tokens, 300 tokens a question"
    (spent,) = surface_info([_height(c) for c in cells], scale="log").sheets
    for x, y, z, text in zip(line.x, line.y, line.z, line.text, strict=True):
        if x is None:
            continue
        search, think = math.expm1(x * math.log1p(3)), math.expm1(y * math.log1p(63))
        at, tokens = on(info.sheets[0], search, think), on(spent, search, think)
        assert at is not None and tokens is not None and at == pytest.approx((x, y, z), abs=1e-6)
        assert f"{1000 * tokens[2]:.0f} tokens" in text


def _height(cell):
    return Cell(cell.search, cell.think, cell.tokens / 1000)


def test_a_place_on_the_sheet_is_the_cell_itself_and_none_beside_a_hole_or_outside():
    cells = [c for c in grid() if (c.search, c.think) != (3, 63)]
    (sheet,) = surface_info(cells).sheets
    assert on(sheet, 1, 7) == pytest.approx((0.5, 0.5, 0.107))
    assert on(sheet, 2, 20) is None and on(sheet, 3, 63) is None and on(sheet, 4, 7) is None


def test_the_cheapest_path_is_drawn_on_its_sheet_and_says_that_it_is_interpolated():
    from engine.analysis.allocation import path

    panel = panel_of(np.arange(24).reshape(4, 3, 2) % 2, (0, 1, 2), (0, 8))
    name = {"strategy": panel.group.strategy, "model": panel.group.model}
    cells = [Cell(s, t, 0.5, **name) for s in panel.search for t in panel.think]
    info = surface_info(cells)
    (stroke,) = cheapest_path(info, info.sheets[0].key, path(panel, "tokens"), "tokens")
    assert stroke.z == (0.5,) * len(stroke.z) and "interpolated" in stroke.text[0]


def test_live_runs_stand_at_their_score_and_those_beyond_the_budgets_are_left_out():
    info = surface_info(grid())
    runs = [LiveRun(1, 7, 1.0, "a<b"), LiveRun(0, 0, None, "no gold"), LiveRun(9, 7, 1.0, "far")]
    (stroke,) = live_runs(info, runs, "#CC0052")
    assert stroke.z == (1.0, None, info.bottom, info.top, None) and stroke.text[0] == "a&lt;b"
    assert live_runs(info, runs[2:], "#CC0052") == ()


def test_what_a_model_says_beyond_is_hollow_dashed_and_not_on_the_dials():
    cells = grid()
    info = surface_info(cells, room=((3, 6), (126,)))  # 3: beyond another sheet, measured here
    key = info.sheets[0].key
    model = joint(_noisy()).at
    (stroke,) = beyond(info, key, model)
    assert "not measured" in stroke.text[1] and max(x for x in stroke.x if x is not None) == 1
    drawn = surface_figure(surface_info(cells))["data"][0]
    assert drawn["type"] == "surface"
    dials = dials_info(cells, info)
    assert dials.search.levels == (0, 1, 3) and dials.search.positions[-1] < 1


def _noisy():
    rng = np.random.default_rng(1)
    truth = np.array([[0.2, 0.3, 0.4], [0.4, 0.5, 0.6], [0.5, 0.6, 0.8]])
    return panel_of((rng.random((80, 3, 3)) < truth).astype(float), (0, 1, 3), (0, 7, 63))


def test_a_model_of_both_budgets_gives_back_its_cells_and_is_less_sure_beyond():
    fit = joint(_noisy())
    here, there = fit.at(3, 63), fit.at(100, 5000)
    assert here.low < 0.8 < here.high
    assert there.value > here.value and fit.at(0, 0).value == pytest.approx(0.2, abs=0.12)


# --------------------------------------------------------------------------------------- differences


def two(first, second):
    """Two surfaces of one cell from scores by question."""
    made = [
        Row(Group(name, "m"), f"q{i}", 1, 8, 1, float(y), 100.0, 1.0, None, 1.0, 8.0)
        for name, scores in (("corag", first), ("iterative", second))
        for i, y in enumerate(scores)
        if y is not None
    ]
    return panels(made)


def test_a_difference_is_paired_by_the_questions_that_both_ran():
    one, other = two([1, 1, 0, 1, None], [0, 1, 0, 0, 1])
    (found,) = differences([one, other], other, 0.02)
    assert (found.strategy, found.n, found.mean) == ("corag", 4, 0.5)
    assert found.low < 0.5 < found.high


def test_a_surface_of_differences_has_signs_a_level_of_none_and_the_floor_below_it():
    one, other = two([0, 0, 1] * 6, [1, 1, 1] * 6)
    cells = differences([one, other], other, 0.02)
    info = surface_info(cells, "em", against="iterative")
    assert (
        info.signed
        and info.bottom < -0.6
        and info.quality == "exact match, difference from iterative"
    )
    assert dials_info(cells, info).readings[0].stops[0][0].quality == "−0.67"
    assert [[0, 0], [0, 0]] in [trace["z"] for trace in surface_figure(info)["data"]]


# ------------------------------------------------------------------------------------------ what was used


def test_cells_stand_at_their_mean_use_and_stay_the_cells_of_their_request():
    cells = [
        Cell(s, t, 0.1, search_used=0.6 * s, think_used=0.5 * t) for s in (0, 1, 4) for t in (0, 64)
    ]
    info = surface_info(cells, along=("queries", "thinking"), scale="true")
    (sheet,) = info.sheets
    assert sheet.search == (0, 1, 4) and [p.x for p in sheet.points][::2] == pytest.approx(
        [0, 0.25, 1]
    )
    assert info.used and "mean of each cell" in info.x.title
    assert dials_info(cells, info).readings[0].stops[1][1].x == pytest.approx(0.25)


def test_a_use_that_some_runs_do_not_know_gives_way_to_the_budgets_with_a_reason():
    info = surface_info([*grid(), Cell(0, 1, 0.1, passages=None)], along=("passages", "requested"))
    assert not info.used and "unknown" in info.notes[0]


def test_numbers_at_an_axis_are_round_and_within_it():
    drawn, place = realised(THOUGHT["tokens"], [90, 1200], "log")
    assert place(90) == 0 and place(1200) == 1
    assert all(0 <= at <= 1 for at, _ in drawn.ticks) and "500" in [
        label for _, label in drawn.ticks
    ]
    assert nice(90, 1200, 5) == [100, 200, 500, 1000] and nice(3, 3, 5) == [3]
    assert realised(SEARCHED["queries"], [2.0, 2.0], "log")[1](2.0) == 0


# -------------------------------------------------------------------------------------------- strange data


def drawn(cells, **rest):
    """The whole way: it must be plain JSON without a value that is none."""
    info = surface_info(cells, **rest)
    figure, dials = surface_figure(info), dials_info(cells, info)
    json.dumps([figure, asdict(dials)], allow_nan=False)
    assert described(info)
    return info


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([], "No cell"),
        ([Cell(0, 0, None)], "No cell"),
        ([Cell(0, 0, math.nan)], "No cell"),
        ([Cell(1, 8, 0.4)], "a point"),
        ([Cell(s, 8, 0.4) for s in (0, 1, 2)], "lines, not a surface"),
        ([Cell(1, t, 1.0, low=1.0, high=1.0) for t in (0, 8)], "lines, not a surface"),
    ],
)
def test_what_is_no_surface_says_so(cells, said):
    info = drawn(cells)
    assert said in info.reason or any(said in note for note in info.notes)


def test_all_right_and_all_wrong_are_flat_sheets_within_the_axis():
    for mean in (0.0, 1.0):
        info = drawn(grid(height=lambda s, t, m=mean: m, low=mean, high=mean))
        assert {p.z for p in info.sheets[0].points} == {mean} and info.top >= max(mean, 0.1)


def test_one_question_has_the_interval_it_has_and_an_end_that_is_no_number_is_not_drawn():
    info = drawn([Cell(s, t, 1.0, n=1, low=0.21, high=math.nan) for s in (0, 1) for t in (0, 8)])
    assert "1 question" in info.sheets[0].points[0].text
    assert {(p.low, p.high) for p in info.sheets[0].points} == {(0.21, 1.0)}


def test_a_question_that_ran_with_several_seeds_is_told_as_one():
    @dataclass(frozen=True)
    class Seeded(Cell):
        questions: int = 30

    cells = [Seeded(s, t, 0.5, n=90) for s in (0, 1) for t in (0, 8)]
    info = drawn(cells)
    assert "<br>30 questions" in info.sheets[0].points[0].text
    assert dials_info(cells, info).readings[0].stops[0][0].n == "30"


def test_missing_cells_stay_holes_whatever_is_laid_over_them():
    cells = [c for c in grid() if c.search != 1 or c.think == 0]
    info = drawn(cells)
    assert info.sheets[0].z[1][1] is None
    for line in equal_spend(info, cells, "tokens"):
        assert all((x is None) == (z is None) for x, z in zip(line.x, line.z, strict=True))


def test_a_million_cells_are_drawn_as_some_and_it_is_said_which():
    cells = [Cell(s, t, 0.5) for s in range(1000) for t in range(1000)]
    info = drawn(cells)
    assert len(info.sheets[0].points) == MOST_LEVELS**2
    assert (info.search.levels[0], info.search.levels[-1]) == (0, 999)
    assert "32 of 1,000 levels of the search budget" in info.notes[0]
