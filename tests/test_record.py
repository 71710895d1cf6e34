"""A trajectory survives being written down; what is damaged is refused as Damaged and nothing else."""

import asyncio
import copy
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Damaged
from engine.identity import plain
from engine.run.memo import Recorded
from engine.run.ports import Call
from engine.run.requests import Reply
from engine.sweeps.record import from_body, run_from, steps_of, to_body
from engine.sweeps.trajectory import Failure, Trajectory, replay_memo, run_cell, run_cells
from engine.types import Budget, Decoding, Message, RunConfig, Usage
from tests.fakes import QUESTION, Parrot, Shelf


def made(name="corag", voice=0, heat=0.0, habits=("whole",), budgets=None, share=True):
    setting = RunConfig(name, "m", "i", Budget(0, 0), {}, Decoding(heat), 3, "f", "r")
    grid = budgets or [Budget(s, t) for s in (0, 1, 3) for t in (0, 4, 60)]
    work = run_cells(QUESTION, setting, grid, Parrot(voice, habits), Shelf(), share=share)
    return asyncio.run(work)


def written(trajectory):
    """As it comes back from a file."""
    return json.loads(json.dumps(to_body(trajectory)))


@settings(max_examples=30)
@given(
    st.sampled_from(["corag", "iterative", "closed_book"]),
    st.integers(0, 10**6),
    st.sampled_from([0.0, 0.7]),
    st.sampled_from(["whole", "trimmed", "none", "broken"]),
    st.booleans(),
)
def test_a_trajectory_comes_back_as_it_was(name, voice, heat, habit, share):
    first = made(name, voice, heat, (habit,), share=share)
    again = from_body(written(first))
    assert again == first
    memo = replay_memo(again)
    for run in again.runs if share else ():
        assert asyncio.run(run_cell(QUESTION, run.config, memo)).answer == run.trace.answer


def test_failures_costs_scores_and_odd_text_come_back_too():
    call = Call((Message("user", "say\ud800\u2028"),), 3, ("\n",), 0.7, 0.9, 5, score_text="yes")
    odd = [
        Recorded(call, Reply(score=-1.5, usage=Usage(5, calls=1))),
        Recorded(replace(call, seed=6), Reply(refused="unsupported")),
        Recorded(
            replace(call, score_text=None),
            Reply("aé", ("a", "é"), "length", 2, logprobs=(-0.5, -1.0)),
        ),
    ]
    first = replace(
        made(), calls=tuple(odd), failures=(Failure(Budget(9, 9), "busy"),), paid_cost=0.25
    )
    assert from_body(written(first)) == first


def test_pieces_that_do_not_join_are_not_written_so_that_nobody_cuts_them():
    call = Call((Message("user", "say"),), 3)
    torn = Recorded(call, Reply("abc", ("x", "yz"), tokens=2))
    back = from_body(written(replace(made(), calls=(torn,))))
    assert back.calls == (Recorded(call, Reply("abc", tokens=2)),)


def test_steps_and_passages_that_runs_share_stand_once():
    body = to_body(made("iterative"))
    steps = [json.dumps(plain(s)) for s in body["steps"]]
    assert len(steps) == len(set(steps)) < sum(len(r.trace.steps) for r in made("iterative").runs)
    assert all(ref[0] in body["passages"] for f in body["found"] for ref in f["passages"])


def test_the_steps_of_one_run_can_be_read_alone():
    first = made()
    body = written(first)
    for run, recorded in zip(first.runs, body["runs"], strict=True):
        assert steps_of(body, recorded["leaf"]) == run.trace.steps


def test_one_run_can_be_read_without_the_others():
    trajectory = made()
    body = written(trajectory)
    assert [run_from(body, run.id) for run in trajectory.runs] == list(trajectory.runs)
    assert run_from(body, "none") is None
    with pytest.raises(Damaged):
        run_from({"runs": [{"id": "r"}]}, "r")


def test_keys_of_a_newer_line_are_ignored():
    first = made()
    body = written(first)
    for place in (body, body["config"], body["runs"][0], body["steps"][0][1], body["calls"][0]):
        place["new"] = {"what": 1}
    assert from_body(body) == first


BODY = written(made(budgets=[Budget(2, 30), Budget(1, 0)]))
junk = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3),
    st.just([]), st.just({}), st.just([[]]), st.just([-1, None]), st.just({"kind": "thought"}),
    st.just(10**400), st.just("\ud800"),
)  # fmt: skip


def places(value, path=()):
    """Every place of a JSON value, as a path of keys."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(p for key, v in inner for p in places(v, (*path, key)))]


PLACES = [p for p in places(BODY) if p]


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.none() | junk), min_size=1, max_size=3))
def test_a_damaged_body_is_damaged_or_harmless_and_never_another_error(changes):
    body = copy.deepcopy(BODY)
    for (*path, last), value in changes:
        place = body
        try:
            for key in path:
                place = place[key]
            if value is None:
                del place[last]
            else:
                place[last] = value
        except (KeyError, IndexError, TypeError):
            continue
    try:
        back = from_body(body)
    except Damaged as error:
        assert "\n" not in str(error)
        assert len(str(error)) < 300
    else:
        assert isinstance(back, Trajectory)


@pytest.mark.parametrize("body", [None, [], 5, "text", {}, {"id": 1}])
def test_what_is_no_body_at_all_is_damaged(body):
    with pytest.raises(Damaged):
        from_body(body)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("id",), 5),
        (("paid_cost",), "much"),
        (("config", "budget", "search"), "many"),
        (("question", "answers"), "Pirnby"),
        (("runs", 0, "leaf"), 10**9),
        (("runs", 0, "answer"), None),
        (("runs", 0, "stopped_by"), "boredom"),
        (("steps", 1, 0), 1),
        (("steps", 0, 1, "kind"), "dream"),
        (("calls", 0, "lengths"), [99]),
        (("calls", 0, "lengths"), [-1, 1]),
        (("calls", 0, "finish"), "maybe"),
        (("found", 0, "passages"), [["nobody", 1, 0.5]]),
    ],
)
def test_wrong_kinds_and_dangling_references_are_damaged(path, value):
    body = copy.deepcopy(BODY)
    *way, last = path
    place = body
    for key in way:
        place = place[key]
    place[last] = value
    with pytest.raises(Damaged):
        from_body(body)
