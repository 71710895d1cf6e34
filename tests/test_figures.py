"""Figures on hand-made rows: numbers and words, not pictures."""

from __future__ import annotations

import base64
import itertools
import json
import tomllib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.figures.axes import axis
from engine.figures.dials import dials_info
from engine.figures.palette import COLOURS, identities, mixed
from engine.figures.sheets import Mark, plain
from engine.figures.surface import described, surface_info
from engine.figures.surface_plotly import surface_figure
from engine.figures.trace import meters, summary, trace_info, verdict
from engine.run.books import Begun, Piece
from engine.strategies import STRATEGIES
from engine.types import (
    Answer,
    Budget,
    Passage,
    Question,
    Ranked,
    Reading,
    Run,
    RunConfig,
    Scores,
    Search,
    Spent,
    Stopped,
    Thought,
    Trace,
    Usage,
)

QUERIES = ("search budget", "queries")


@dataclass(frozen=True)
class Row:
    strategy: str
    search: int
    think: int
    mean: float | None
    model: str = "m"
    n: int = 60
    low: float | None = None
    high: float | None = None
    search_used: float | None = 1.5
    think_used: float | None = 20.0
    cut_off: float | None = 0.25
    cost: float | None = None
    seconds: float | None = 1.24
    tokens: float | None = 1234.4


def grid(strategy="corag", searches=(0, 1, 2), thinks=(0, 32), base=0.1):
    return [
        Row(strategy, s, t, base + s / 10 + t / 1000, low=0.05, high=0.45)
        for s in searches
        for t in thinks
    ]


def unpacked(packed):
    values = np.frombuffer(base64.b64decode(packed["bdata"]), dtype="<f4")
    shape = packed.get("shape")
    return values.reshape([int(part) for part in shape.split(",")]) if shape else values


# ------------------------------------------------------------------------------------------------ surface


def test_a_surface_has_reasoning_in_rows_search_in_columns_and_the_means_as_heights():
    figure = surface_figure(surface_info(grid()))
    sheet = next(t for t in figure["data"] if t["type"] == "surface")
    assert unpacked(sheet["z"]).shape == (2, 3)
    assert unpacked(sheet["z"])[1, 2] == pytest.approx(0.332)
    assert unpacked(sheet["x"]).tolist() == [[0, 0.5, 1]] * 2
    assert sheet["meta"] == ["corag", "m"]


def test_a_cell_that_was_not_measured_stays_a_hole():
    rows = [r for r in grid() if (r.search, r.think) != (1, 32)]
    figure = surface_figure(surface_info(rows))
    sheet = next(t for t in figure["data"] if t["type"] == "surface")
    holes = np.isnan(unpacked(sheet["z"]))
    assert holes.sum() == 1 and holes[1, 1]


def test_a_strategy_measured_along_one_budget_is_a_line_with_its_points():
    figure = surface_figure(surface_info(grid("closed_book", searches=(0,), thinks=(0, 32, 128))))
    assert [t["mode"] for t in figure["data"]] == ["lines", "markers"]


def test_the_interval_is_the_error_bar_on_each_measured_cell():
    info = surface_info([Row("corag", 0, 0, 0.3, low=0.2, high=0.45)])
    bars = surface_figure(info)["data"][-1]["error_z"]
    assert unpacked(bars["array"])[0] == pytest.approx(0.15)
    assert unpacked(bars["arrayminus"])[0] == pytest.approx(0.1)


def test_no_cells_give_an_empty_figure_with_a_reason():
    info = surface_info([Row("corag", 0, 0, None)])
    assert surface_figure(info)["data"] == []
    assert "measured" in info.reason and described(info) == info.reason


def test_a_run_without_gold_is_a_vertical_line_and_one_with_gold_a_point_at_its_score():
    info = surface_info(
        grid(), marks=[Mark(2, 32, None, "a", "#CC0052"), Mark(1, 0, 1.0, "b", "#CC0052")]
    )
    blind, seen = surface_figure(info)["data"][-2:]
    assert unpacked(blind["z"])[1] == pytest.approx(info.top) and blind["marker"]["size"] == [0, 0]
    assert unpacked(seen["z"])[1] == 1 and seen["marker"]["size"][1] > 0


def test_a_run_beyond_the_measured_levels_widens_the_axes():
    info = surface_info(grid(), marks=[Mark(7, 500, 0.0, "far", "#CC0052")])
    assert info.search.levels == (0, 1, 2, 7) and info.think.levels == (0, 32, 500)


def test_the_vertical_axis_begins_at_zero_and_ends_above_the_highest_interval():
    assert surface_info([Row("corag", 0, 0, 0.3, low=0.2, high=0.42)]).top == 0.5
    assert surface_info([Row("corag", 0, 0, 0.0, low=0.0, high=0.0)]).top == 0.1


@given(
    some.lists(some.integers(0, 10_000), min_size=1, max_size=9),
    some.sampled_from(["even", "log", "true"]),
)
def test_positions_lie_between_0_and_1_in_the_order_of_the_levels(levels, scale):
    found = axis(QUERIES, levels, scale)
    assert list(found.levels) == sorted(set(levels))
    assert list(found.positions) == sorted(found.positions)
    assert found.positions[0] == 0 and found.positions[-1] == (1 if len(found.levels) > 1 else 0)
    assert [found.at(level) for level in found.levels] == pytest.approx(found.positions)


def test_names_from_outside_are_not_markup_in_labels():
    rows = [Row("<a href='http://x.invalid'>s</a>", s, t, 0.1) for s in (0, 1) for t in (0, 1)]
    figure = surface_figure(surface_info(rows))
    drawn = json.dumps([{k: v for k, v in t.items() if k != "meta"} for t in figure["data"]])
    assert "&lt;a href" in drawn and "<a href" not in drawn and plain("a<b>&") == "a&lt;b&gt;&amp;"


def test_plotly_accepts_the_figure():
    from plotly.graph_objects import Figure

    figure = surface_figure(
        surface_info(grid() + grid("closed_book", (0,)), marks=[Mark(1, 0, 1.0, "b", "#CC0052")])
    )
    assert len(Figure(figure).data) == 6


# ------------------------------------------------------------------------------------------------ dials


def readings(rows):
    info = surface_info(rows)
    return dials_info(rows, info)


def test_every_stop_has_its_read_out_and_an_unmeasured_one_has_none():
    info = readings(grid() + [Row("closed_book", 0, 0, 0.2)])
    by_strategy = {r.key[0]: r.stops for r in info.readings}
    assert by_strategy["corag"][1][2].quality == "0.33"
    assert by_strategy["corag"][1][2].spent == "1,234 tokens · 1.2 s"
    assert by_strategy["closed_book"][0][0].quality == "0.20"
    assert by_strategy["closed_book"][1][2] is None


def test_an_unknown_price_is_left_out_and_a_known_one_told():
    free = readings([Row("corag", 0, 0, 0.2)]).readings[0].stops[0][0]
    priced = readings([Row("corag", 0, 0, 0.2, cost=0.00123)]).readings[0].stops[0][0]
    assert "cost" not in free.spent and "cost 0.0012" in priced.spent


def test_the_read_outs_travel_as_json():
    assert json.loads(json.dumps(asdict(readings(grid()))))["search"]["levels"] == [0, 1, 2]


# ------------------------------------------------------------------------------------------------ palette


def test_an_identity_does_not_depend_on_order_and_models_differ_in_shade_and_marker():
    keys = [("corag", "a"), ("corag", "b"), ("iterative", "a")]
    assert identities(keys) == identities(reversed(keys))
    one, two = identities(keys)["corag", "a"], identities(keys)["corag", "b"]
    assert one.colour != two.colour and one.symbol != two.symbol


def test_no_two_strategies_look_alike():
    looks = identities((name, "m") for name in STRATEGIES).values()
    assert len({(look.colour, look.symbol) for look in looks}) == len(STRATEGIES)


def test_a_strategy_keeps_its_colour_when_others_come():
    assert (
        identities([("corag", "a")])["corag", "a"].colour
        == identities([("corag", "a"), ("aaa_new", "a"), ("closed_book", "a")])["corag", "a"].colour
    )


def test_a_model_with_a_place_keeps_its_shade_when_others_come():
    alone = identities([("corag", "zeta")], ["zeta"])["corag", "zeta"]
    among = identities([("corag", "zeta"), ("corag", "alpha")], ["zeta"])["corag", "zeta"]
    assert (alone.colour, alone.symbol) == (among.colour, among.symbol)


def test_the_theme_carries_the_same_colours():
    theme = tomllib.loads(Path(".streamlit/config.toml").read_text(encoding="utf-8"))["theme"]
    assert tuple(theme["chartCategoricalColors"]) == COLOURS


def linear(colour):
    c = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def contrast(a, b):
    low, high = sorted(float(linear(x) @ [0.2126, 0.7152, 0.0722]) for x in (a, b))
    return (high + 0.05) / (low + 0.05)


# How red-blind and green-blind eyes mix linear light (full severity).
EYES = {
    "full": np.eye(3),
    "red-blind": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "green-blind": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour, eye):
    seen = TO_XYZ @ np.clip(np.array(EYES[eye]) @ linear(colour), 0, 1) / [0.9505, 1, 1.089]
    f = np.where(seen > 0.008856, np.cbrt(seen), 7.787 * seen + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("page", ["#FFFFFF", "#10151D"])
def test_colours_stand_out_on_both_pages(page):
    assert min(contrast(colour, page) for colour in COLOURS) >= 3


@pytest.mark.parametrize("eye", EYES)
def test_the_first_colours_stay_apart_for_colour_blind_eyes(eye):
    def nearest(colours):
        return min(
            np.linalg.norm(lab(a, eye) - lab(b, eye)) for a, b in itertools.combinations(colours, 2)
        )

    assert nearest(COLOURS[:4]) > 30
    assert nearest(COLOURS[:6]) > 18


def test_mixing_goes_from_one_colour_to_the_other():
    assert (
        mixed("#000000", "#FFFFFF", 0.5) == "#808080"
        and mixed("#0072B2", "#FFFFFF", 0) == "#0072B2"
    )


# ------------------------------------------------------------------------------------------------ trace

FOUND = (Ranked(Passage("p1", "Title", "text"), 1, 0.5),)
STEPS = (
    Search(path=(1,), tokens=7, seconds=0.2, query="who wrote it", top_k=3),
    Reading(path=(1, 1), seconds=0.01, query="who wrote it", passages=FOUND),
    Thought(path=(2,), tokens=5, seconds=0.1, text="so", cut=True),
    Search(path=(3,), query="", refused=True),
    Answer(path=(4,), tokens=2, text="Varnholm"),
    Stopped(path=(99,), by="search"),
)


def test_a_finished_run_reads_in_order_with_gold_passages_marked():
    lines = trace_info(STEPS, {"p1"})
    assert [line.kind for line in lines] == [s.kind for s in STEPS]
    assert lines[0].title == "Search 1" and lines[0].facts == ("7 tokens", "0.20 s")
    assert lines[1].passages[0].gold and lines[1].passages[0].score == "0.50"
    assert "cut by the budget" in lines[2].facts
    assert lines[3].title == "Search refused"
    assert "search budget was spent" in lines[5].title


def test_a_run_under_way_shows_the_growing_text_until_its_step_comes():
    begun = [
        Begun((0,), "search"),
        Piece((0,), "search", "who "),
        Piece((0,), "search", "wrote it"),
    ]
    (line,) = trace_info(begun)
    assert line.under_way and line.text == "who wrote it"
    after = trace_info([*begun, STEPS[0], Begun((1,), "reading")])
    assert [(x.kind, x.under_way) for x in after] == [("search", False), ("reading", True)]
    assert not any(
        x.under_way for x in trace_info([*begun, STEPS[0], Begun((1,), "reading"), STEPS[1]])
    )


def test_queries_written_at_once_each_end_with_their_own_search():
    events = [Begun((0, i), "search") for i in range(2)]
    events += [Piece((0, i), "search", f"query {i}") for i in range(2)]
    lines = trace_info([*events, Search(path=(1, 1), tokens=2, query="query 1")])
    assert [(x.text, x.under_way) for x in lines] == [("query 1", False), ("query 0", True)]


def test_a_stopped_run_has_nothing_under_way():
    assert not any(
        x.under_way for x in trace_info([Begun((0,), "thought"), Stopped(path=(99,), by="user")])
    )


def test_meters_count_sent_queries_and_tokens_as_they_come():
    events = [
        *STEPS[:4],
        Begun((4,), "thought"),
        Piece((4,), "thought", "hm"),
        Piece((4,), "thought", "m"),
    ]
    spent = meters(events)
    assert (spent.queries, spent.thinking_tokens, spent.completion_tokens) == (1, 7, 14)


def run(scores, by="answer", cut_off=False):
    trace = Trace(STEPS, "Varnholm", by, cut_off, Spent(1, 1), Spent(5, 5), 5, 7, 2, Usage(), 1.0)
    asked = Question("q", "who?", ("Varnholm", "Varn"))
    return Run("r", "t", asked, RunConfig("corag", "m", None, Budget(1, 5)), trace, scores, None)


def test_the_end_is_told_in_words_with_gold_and_what_bound_it():
    told = summary(run(Scores(em=0.0, f1=0.5, contains=0.0), "search", cut_off=True))
    assert told.verdict == "Partly right (F1 0.50)" and told.right is False
    assert told.gold == "Varnholm / Varn" and "forced" in told.ending


def test_without_gold_there_is_no_verdict():
    assert verdict(Scores()) == ("", None) and verdict(Scores(em=1.0)) == ("Right", True)


def test_what_is_marked_in_passages_is_the_answer_and_the_gold_ones_where_they_say_something():
    def marked(answer):
        one = run(Scores())
        return summary(replace(one, trace=replace(one.trace, answer=answer))).marks

    assert marked("no") == marked("word " * 40) == ("Varnholm", "Varn")
    assert marked("Old  Town") == ("Varnholm", "Varn", "Old Town")
    assert marked("12") == ("Varnholm", "Varn", "12")
