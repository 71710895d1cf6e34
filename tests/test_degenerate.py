"""Strange data on every way through the analyses: an answer or a reason, never a traceback or an invented value."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from budgetscape.cli import answers
from budgetscape.cli.values import plain
from engine.analysis.allocation import path
from engine.analysis.differences import differences
from engine.analysis.levels import MOST_LEVELS
from engine.analysis.panel import Group, Row, Unknown, panels
from engine.figures.surface import surface_info

SEARCH, THINK = (0, 1, 2, 4), (0, 16, 64)


def rows(name="corag", questions=12, search=SEARCH, think=THINK, score=None, skip=()):
    """Every question in every cell, but those to skip."""
    score = score or (lambda q, s, t: float((q * 7 + s + t) % 3 == 0))
    return [
        Row(Group(name, "m"), f"q{q}", s, t, 1, score(q, s, t), 100.0 + 90 * s + t, 1.0, None, s, t)
        for q in range(questions)
        for s in search
        for t in think
        if (s, t) not in skip
    ]


def told(some):
    """What `fit`, `allocate` and `verdict` say, to people; programs must get plain JSON."""
    bodies = []
    lines = []
    for panel in some:
        fit = answers.fitted(panel, (), "tokens", None, None)
        judged = answers.judged(panel, (), "tokens", None, None, 0.01)
        bodies += [fit, judged]
        lines += answers.fitted_lines(fit) + answers.judged_lines(judged)
    body = answers.allocated(some, (), "tokens", 0.02, 150.0, 0.5)
    json.dumps(plain([*bodies, body]), allow_nan=False)
    return "\n".join([*lines, *answers.allocated_lines(body, "tokens")])


def against(made):
    """Differences from another strategy that was right wherever it ran, in the same cells."""
    twin = [row._replace(group=Group("iterative", "m"), y=1.0, n=1) for row in made]
    some = panels([*made, *twin])
    other = next((p for p in some if p.group.strategy == "iterative"), None)
    return [] if other is None else differences(some, other, 0.02)


STRANGE = {
    "one cell": (rows(search=(1,), think=(16,)), ("two levels of both", "unknown"), 1),
    "one question": (rows(questions=1), ("one question", "Cannot tell"), 0),
    "all right": (rows(score=lambda *_: 1.0), ("the same", "Cannot tell"), 12),
    "all wrong": (rows(score=lambda *_: 0.0), ("the same", "Cannot tell"), 12),
    "one axis": (rows(think=(16,)), ("two levels of both", "Cannot tell"), 4),
    "missing cells": (rows(skip={(1, 16), (2, 64), (4, 0)}), ("corag",), 9),
    "no number": (
        rows(score=lambda q, s, t: math.nan if (s, t) == (1, 16) else 1.0),
        ("corag",),
        11,
    ),
    "nothing": ([], ("No recommendation",), 0),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_strange_data_get_an_answer_or_a_reason_everywhere(kind):
    made, words, cells = STRANGE[kind]
    said = told(panels(made))
    for word in words:
        assert word in said
    found = against(made)
    assert len(found) == cells
    for one in found:
        assert one.low <= one.mean <= one.high and one.n <= 12
    assert surface_info(found, "em", against="iterative").reason == (
        "" if found else surface_info([]).reason
    )


@pytest.mark.parametrize("score", [0.0, 1.0])
def test_no_path_is_cheapest_where_every_run_scores_the_same(score):
    (panel,) = panels(rows(score=lambda *_: score))
    found = path(panel, "tokens")
    assert isinstance(found, Unknown) and "the same" in found.why


def test_a_question_that_ran_many_times_counts_once():
    once = rows()
    assert told(panels(once * 5)) == told(panels(once))
    assert [d.n for d in against(once * 5)] == [d.n for d in against(once)]


def test_a_million_cells_are_weighed_at_some_levels_and_it_is_said():
    levels = range(1000)
    group = Group("corag", "m")
    made = (
        Row(group, f"q{(s + 7 * t) % 12}", s, t, 1, float((s + t) % 3 == 0), 100.0 + s + t)
        for s in levels
        for t in levels
    )
    (panel,) = panels(made)
    assert len(panel.search) == len(panel.think) == MOST_LEVELS and panel.search[-1] == 999
    assert "weighed: 32 of 1,000 levels of the search budget" in told([panel])
    assert np.nansum(panel.n) == MOST_LEVELS**2
