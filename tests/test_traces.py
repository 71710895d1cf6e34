"""Runs side by side: what is said of them can be counted in their steps, whatever the runs are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.traces import compared, evidence, gains, parting, priced
from engine.pricing import PriceCard, cost
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
    Step,
    Stopped,
    Thought,
    Trace,
    Usage,
)

GOLD = ("g1", "g2")
IDS = st.sampled_from(["g1", "g2", "x", "y", "z"])
READ = st.lists(IDS, max_size=4, unique=True)
SEARCHES = st.lists(READ, max_size=5)


def ranked(ids: list[str]) -> tuple[Ranked, ...]:
    return tuple(Ranked(Passage(i, f"title {i}", i), n + 1, 1.0) for n, i in enumerate(ids))


def run(
    read: list[list[str]],
    think: int = 0,
    f1: float | None = None,
    question: str = "q",
    **more: object,
) -> Run:
    """A run that thinks, searches for each list of passages and answers."""
    steps: list[Step] = [Thought(path=(0,), tokens=think, input_tokens=10, seconds=1.0, text="hm")]
    for n, ids in enumerate(read, start=1):
        steps.append(Search(path=(n,), tokens=4, input_tokens=20, seconds=0.5, query=f"query {n}"))
        steps.append(Reading(path=(n, 1), seconds=0.25, query=f"query {n}", passages=ranked(ids)))
    steps.append(Answer(path=(50,), tokens=2, input_tokens=30, seconds=0.5, text="Varnholm"))
    steps.append(Stopped(path=(99,)))
    trace = Trace(
        steps=tuple(steps),
        answer="Varnholm",
        stopped_by="answer",
        cut_off=False,
        search=Spent(len(read), 8),
        think=Spent(think, 128),
        thinking_tokens=think,
        query_tokens=4 * len(read),
        answer_tokens=2,
        usage=Usage(input_tokens=100, completion_tokens=think + 4 * len(read) + 2),
        seconds=2.0,
    )
    made = Run(
        id=f"r{len(read)}-{think}",
        trajectory_id="t",
        question=Question(question, "where?", supporting_ids=GOLD),
        config=RunConfig("corag", "m", "i", Budget(8, 128)),
        trace=trace,
        scores=Scores(f1=f1),
        cost=None,
    )
    return replace(made, **more)


@given(st.lists(SEARCHES, min_size=2, max_size=4))
def test_overlap_is_symmetric_and_whole_with_itself(all_read):
    told = compared([run(read) for read in all_read])
    for i, line in enumerate(told.overlap):
        assert line[i].share in (1.0, None)
        for j, cell in enumerate(line):
            assert cell == told.overlap[j][i]
            assert cell.share is None or 0 <= cell.share <= 1


@given(SEARCHES)
def test_new_and_seen_passages_of_all_searches_add_up(read):
    told = evidence(run(read))
    assert sum(look.new for look in told.looks) == len(told.passages)
    assert sum(look.new + look.seen for look in told.looks) == sum(map(len, read))
    assert sum(look.new_gold for look in told.looks) == len(told.passages & set(GOLD))
    assert (told.first_gold is None) == (not told.passages & set(GOLD))
    assert (told.all_gold is None) == (not set(GOLD) <= told.passages)


@given(st.lists(SEARCHES, min_size=2, max_size=5), st.randoms())
def test_where_runs_part_does_not_depend_on_their_order(all_read, random):
    lanes = [run(read).trace.steps for read in all_read]
    shuffled = random.sample(lanes, len(lanes))
    one, other = parting(lanes), parting(shuffled)
    assert (one is None) == (other is None)
    assert one is None or (one.step, len(one.groups)) == (other.step, len(other.groups))


@given(st.lists(st.tuples(SEARCHES, st.integers(0, 50)), min_size=2, max_size=5))
def test_gains_lead_from_the_cheapest_run_to_the_dearest(spent):
    runs = [run(read, think) for read, think in spent]
    found = gains(runs, [evidence(r) for r in runs])
    assert sum(g.queries for g in found) == (
        runs[found[-1].dearer].trace.search.used - runs[found[0].cheaper].trace.search.used
    )
    assert all(g.queries > 0 or g.thinking >= 0 for g in found)
    assert [g.dearer for g in found[:-1]] == [g.cheaper for g in found[1:]]


def test_the_first_gold_is_named_by_step_search_and_rank():
    told = evidence(run([["x"], ["y", "g2"], ["g2", "g1"]]))
    assert (told.first_gold.step, told.first_gold.search, told.first_gold.rank) == (4, 2, 2)
    assert told.all_gold.passage_id == "g1" and told.all_gold.search == 3


def test_runs_that_do_the_same_never_part():
    assert parting([run([["x"]]).trace.steps] * 3) is None


def test_runs_part_at_the_first_step_that_differs_and_are_grouped_by_what_they_do():
    told = parting([run(r).trace.steps for r in ([["x"]], [["y"]], [["x"], ["y"]])])
    assert told.step == 2 and told.groups == ((0, 2), (1,))


def test_a_run_that_has_ended_parts_alone():
    steps = run([["x"]]).trace.steps
    assert parting([steps, steps[:2]]).groups == ((0,), (1,))
    assert parting([steps[:2], steps, steps[:2]]).groups == ((0,), (1,), (2,))


def test_runs_of_different_questions_share_no_scores():
    (gain,) = compared([run([], f1=0.0), run([["x"]], f1=1.0, question="other")]).gains
    assert gain.f1 is None and gain.queries == 1
    (gain,) = compared([run([], f1=0.0), run([["x"]], f1=1.0)]).gains
    assert gain.f1 == 1.0


@pytest.mark.parametrize(
    ("axis", "starts"),
    [
        ("step", (0, 1, 2, 3, 4)),
        ("seconds", (0, 1, 1.5, 1.75, 2.25)),
        ("tokens", (0, 17, 41, 41, 73)),
    ],
)
def test_steps_begin_where_those_before_them_end(axis, starts):
    assert compared([run([["x"]], think=7)], axis).starts[0] == starts


def test_branches_that_ran_beside_each_other_begin_together():
    def search(*path: int) -> Search:
        return Search(path=path, seconds=1.0, query=str(path))

    def read(*path: int) -> Reading:
        return Reading(path=path, seconds=0.5)

    steps = (
        Thought(path=(0,), seconds=2.0),
        *(search(1, 0), read(1, 0, 1), search(1, 1), read(1, 1, 1)),
        *(
            Thought(path=(2, 0, 0), seconds=1.0),
            search(2, 0, 1),
            Thought(path=(2, 1, 0), seconds=4.0),
        ),
        Answer(path=(3,), seconds=1.0),
    )
    one = run([])
    told = compared([replace(one, trace=replace(one.trace, steps=steps))], "seconds")
    assert told.starts[0] == (0, 2, 3, 2, 3, 3.5, 4.5, 3.5, 7.5)


def test_spend_needs_a_price_for_everything_that_was_used():
    card = PriceCard(input=1, cached_input=1, output=2, reasoning=2, per_query=0.5)
    known = run([["x"]], cost=1.0)
    assert priced(known, lambda usage: cost(usage, card))
    assert not priced(known, lambda usage: cost(usage, PriceCard(input=1, output=2)))
    assert not priced(run([["x"]]), lambda usage: cost(usage, card))
    told = compared([known], "cost", [lambda usage: cost(usage, card)])
    assert told.lengths[0][1] == pytest.approx(0.5 + (20 + 4 * 2) / 1e6)
