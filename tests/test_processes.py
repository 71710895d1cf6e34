"""Whatever was done more and more often stands on one scale, and only what differs in one knob is taken together."""

import json

import numpy as np
import pytest

from engine.analysis.frontier import wide_deep
from engine.analysis.panel import Group, Unknown
from engine.analysis.processes import likenesses, processes, sentence
from tests.panel_fakes import SEARCH, THINK, panel_of, scores


def group(**knobs):
    content = json.dumps({"knobs": knobs, "index": "sample"})
    return Group("self_consistency", "small", config=content[:90], content=content)


def sampled(levels=(1, 2, 4, 8), gain=0.1, questions=200, **others):
    """Surfaces of one cell that differ in the samples, each spending in proportion."""
    made = []
    for k, level in enumerate(levels):
        y = scores(np.array([[0.2 + gain * k]]), questions, seed=k)
        spend = np.array([[100.0 * level]])
        made.append(panel_of(y, (4,), (64,), group(samples=level, **others), spend=spend))
    return made


def test_a_knob_that_was_varied_is_a_process_with_its_gain_per_doubling():
    (found,) = processes(sampled(), "tokens")
    assert found.name == "samples" and found.levels == (1, 2, 4, 8)
    assert found.at == "search 4, think 64" and found.trend.direction == "rises"
    assert found.per_doubling.low <= 0.1 <= found.per_doubling.high
    assert len(found.questions) == 200


def test_surfaces_that_differ_in_more_than_the_knob_are_not_taken_together():
    one, two = sampled((1,)), sampled((8,), top_k=5)
    assert processes([*one, *two], "tokens") == ()
    assert "Only the two budgets were varied" in sentence(
        processes([*one, *two], "tokens"), "tokens"
    )


def test_both_budgets_are_processes_and_are_compared_by_question():
    s = np.log2(1 + np.array(SEARCH))[:, None] / 10
    panel = panel_of(scores(0.1 + s + 0 * np.array(THINK)[None, :], 300), SEARCH, THINK)
    searching, thinking = processes([panel], "tokens")
    assert (searching.name, thinking.name) == ("searching", "thinking")
    assert searching.per_doubling.low > 0
    assert isinstance(thinking.per_doubling, Unknown), (
        "thinking at search 32 hardly doubles the spend"
    )
    (pair,) = likenesses((searching, thinking))
    assert pair.word == "cannot tell" and "less than twice" in pair.difference.why


def test_processes_that_gain_alike_and_apart_are_told_so():
    alike = [*sampled(questions=4000), *sampled(questions=4000, select="fewest")]
    (same,) = likenesses(processes(alike, "tokens"))
    assert same.word == "alike" and same.questions == 4000
    apart = [*sampled(questions=4000), *sampled(questions=4000, gain=0.0, select="fewest")]
    (other,) = likenesses(processes(apart, "tokens"))
    assert other.word == "differs" and other.difference.value == pytest.approx(0.1, abs=0.02)
    assert "1 differs" in sentence(processes(apart, "tokens"), "tokens")
    few = [*sampled(questions=12), *sampled(questions=12, select="fewest")]
    assert likenesses(processes(few, "tokens"))[0].word == "cannot tell"


def test_width_is_compared_only_where_nothing_else_differs():
    def of(width, **more):
        content = json.dumps({"knobs": {"width": width, **more}})
        y = scores(np.full((1, 1), 0.5), 30, width)
        return panel_of(
            y, (4,), (0,), Group("fan_out", "m", config=content, width=width, content=content)
        )

    assert len(wide_deep((of(1), of(4)))) == 1
    assert wide_deep((of(1), of(4, top_k=9))) == ()
