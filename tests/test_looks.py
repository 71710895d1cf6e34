"""Every search has one label, gold counts where it was first shown, and shares have the question as their unit."""

import pytest

from budgetscape.searched import searches
from engine.analysis.looks import Sent, by_hops, by_place, by_think, sent
from engine.analysis.panel import Unknown
from engine.figures.looks import labels_info, looks_rows
from engine.types import (
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
    Trace,
    Usage,
)
from store.history import Store
from store.scores import score_panels
from store.values import Slice
from tests.store_fakes import trajectory, write


def run_of(*looked, gold=("p1", "p2"), think=32):
    """A run that looked these things up: (query, ids of what it was shown)."""
    steps = []
    for n, (query, ids) in enumerate(looked):
        shown = tuple(Ranked(Passage(i, i, i), k + 1, 0.5) for k, i in enumerate(ids))
        steps += [Search((n,), query=query), Reading((n, 1), query=query, passages=shown)]
    trace = Trace(
        tuple(steps),
        "",
        "answer",
        False,
        Spent(len(looked), 4),
        Spent(0, think),
        0,
        0,
        0,
        Usage(),
        1.0,
    )
    question = Question("q", "Who?", supporting_ids=gold, hops=2)
    config = RunConfig("corag", "m", "i", Budget(4, think))
    return Run("r", "t", question, config, trace, Scores(), None)


def test_searches_are_new_validating_or_repeats():
    got = sent(
        run_of(("who", ["p1", "p9"]), ("when", ["p9"]), ("WHO?", ["p1"]), ("where", ["p2", "p1"]))
    )
    assert got.labels == ("new", "validating", "repeat", "new")
    assert got.gold == (1, 0, 0, 1)
    assert sent(run_of(("who", ["p1"]), gold=())).gold is None
    assert sent(run_of()).labels == ()


def test_shares_have_the_question_as_their_unit():
    some = [
        Sent(f"q{n}", n % 2, 4, t, ("new",) + ("repeat",) * (3 if t == 0 else 1), (1, 0))
        for n in range(20)
        for t in (0, 64)
    ]
    small = [Sent("q0", 0, 1, 64, ("repeat",), (0,))]
    none, much = by_think(some + small)
    assert none.shares["repeat"].value == 0.75 and much.shares["repeat"].value == 0.5
    assert (none.questions, much.searches.value) == (20, 2)
    assert much.gold.value == 0.5
    assert [s.at for s in by_hops(some)] == [0, 1]
    first, second = by_place(some)
    assert first.shares["new"].value == 1 and second.shares["repeat"].value == 1
    info = labels_info((none, much))
    assert [s.y for s in info.series if s.label == "repeat"] == [(0.75, 0.5)]
    assert looks_rows((much,), "think")[0]["repeat"].startswith("0.5 [")


def test_without_searches_there_is_a_reason():
    (only,) = by_think([Sent("q", None, 0, 0, (), None)])
    assert isinstance(only.shares["new"], Unknown) and isinstance(only.gold, Unknown)
    assert labels_info((only,)).reason and labels_info(()).reason
    assert by_hops([]) == by_place([]) == ()


def test_they_are_read_from_the_runs_of_a_surface(home):
    write(home, [trajectory(n) for n in range(3)], plan={"name": "grid"})
    told = []
    with Store.scratch(home) as store:
        (panel,) = score_panels(store, ["grid"])
        found = searches(store, Slice(sweeps=("grid",)), panel.group, told.append)
    assert {(s.search, s.think) for s in found} == {(2, 0), (2, 32)} and len(found) == 6
    assert all(s.labels == ("new", "validating") for s in found)
    assert told == pytest.approx([0, 1 / 3, 2 / 3])
