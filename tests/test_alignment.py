"""Rows hold every step of every lane once and in order, whatever the lanes are; alike beginnings stand together."""

from __future__ import annotations

from collections.abc import Hashable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis import alignment
from engine.analysis.alignment import by_amount, by_step, in_common, pairs, sign, stretches
from engine.types import Answer, Reading, Search, Step, Stopped, Thought

TEXTS = st.sampled_from(["a", "b", "c"])
STEPS = st.one_of(
    st.builds(Thought, path=st.just((0,)), text=TEXTS, cut=st.booleans()),
    st.builds(Search, path=st.just((0,)), query=TEXTS),
    st.builds(Reading, path=st.just((0,)), query=TEXTS),
    st.builds(Answer, path=st.just((0,)), text=TEXTS),
    st.builds(Stopped, path=st.just((0,))),
)
LANES = st.lists(st.lists(STEPS, max_size=12), min_size=1, max_size=5)


def think(text: str) -> Step:
    return Thought(path=(0,), text=text)


def look(text: str) -> Step:
    return Search(path=(0,), query=text)


@given(LANES)
def test_every_step_stands_in_one_row_and_in_its_order(lanes):
    rows = by_step(lanes)
    for lane, steps in enumerate(lanes):
        placed = [row.steps[lane] for row in rows if row.steps[lane] is not None]
        assert placed == list(range(len(steps)))


@given(LANES)
def test_equal_rows_are_those_in_which_all_lanes_say_the_same(lanes):
    for row in by_step(lanes):
        held = [sign(lanes[i][s]) for i, s in enumerate(row.steps) if s is not None]
        assert row.equal == (len(held) == len(lanes) and len(set(held)) == 1)


@given(LANES)
def test_what_lanes_share_from_the_beginning_stands_side_by_side(lanes):
    shared = in_common(lanes)
    assert [row.steps for row in by_step(lanes)[:shared]] == [
        (i,) * len(lanes) for i in range(shared)
    ]


@given(st.lists(STEPS, max_size=20), st.integers(2, 4))
def test_a_lane_beside_itself_is_equal_all_along(lane, n):
    rows = by_step([lane] * n)
    assert len(rows) == len(lane) and all(row.equal for row in rows)
    assert stretches(rows) == (((0, len(lane)),) if lane else ())


@given(st.lists(STEPS, max_size=20), st.lists(STEPS, max_size=20))
def test_pairs_rise_in_both_lanes_and_join_steps_of_one_kind(a, b):
    found = pairs([sign(s) for s in a], [sign(s) for s in b])
    assert all(x < y and v < w for (x, v), (y, w) in zip(found, found[1:], strict=False))
    assert all(a[i].kind == b[j].kind for i, j in found)


@given(st.lists(st.lists(st.floats(0, 100), max_size=15), min_size=1, max_size=4))
def test_rows_by_amount_never_go_back_and_hold_every_step_once(starts):
    rows = by_amount(starts)
    places = [row.at for row in rows]
    assert places == sorted(places)
    for lane, begun in enumerate(starts):
        placed = [row.steps[lane] for row in rows if row.steps[lane] is not None]
        assert sorted(placed) == list(range(len(begun)))


def test_a_step_more_in_one_lane_does_not_push_the_rest_apart():
    a = [think("plan"), look("x"), think("so"), Answer(path=(0,), text="y")]
    b = [think("plan"), look("extra"), look("x"), think("so"), Answer(path=(0,), text="y")]
    assert [row.steps for row in by_step([a, b])] == [(0, 0), (None, 1), (1, 2), (2, 3), (3, 4)]


def test_a_search_stands_beside_a_search_where_nothing_is_alike():
    a = [think("p"), look("x"), Answer(path=(0,), text="1")]
    b = [look("y"), Answer(path=(0,), text="2")]
    assert [row.steps for row in by_step([a, b])] == [(0, None), (1, 0), (2, 1)]


class Counted(tuple[Hashable, ...]):
    """A sign that counts how often it is looked at."""

    looks = 0

    def __eq__(self, other: object) -> bool:
        Counted.looks += 1
        return super().__eq__(other)

    def __hash__(self) -> int:
        Counted.looks += 1
        return super().__hash__()

    def __getitem__(self, place):
        Counted.looks += 1
        return super().__getitem__(place)


@pytest.fixture
def looks(monkeypatch):
    """How often the steps were looked at so far."""
    monkeypatch.setattr(alignment, "sign", lambda step: Counted(sign(step)))
    monkeypatch.setattr(Counted, "looks", 0)
    return lambda: Counted.looks


@pytest.mark.parametrize("shift", [0, 1])
def test_each_of_ten_thousand_steps_is_looked_at_a_few_times(looks, shift):
    lane = [think(str(n)) if n % 2 else look(str(n)) for n in range(10_000)]
    other = [think("another"), *lane[:5_000], *lane[5_000 + 500 * shift :]]
    rows = by_step([lane, other])
    assert looks() < 10 * 10_000
    assert sum(row.equal for row in rows) == 10_000 - 500 * shift


def test_each_of_ten_thousand_steps_that_repeat_is_looked_at_a_few_times(looks):
    lane, other = [[look("x"), think(t)] * 5_000 for t in "ab"]
    rows = by_step([lane, other])
    assert looks() < 20 * 10_000 and len(rows) == 10_000
