"""The assignment: whatever workers do and however they go, every job is done once, or given up and said so."""

import random
from dataclasses import dataclass

import pytest

from engine.sweeps.assignment import Assignment


@dataclass(frozen=True)
class Job:
    id: str
    lane: str = ""


def jobs(count, lanes=("",)):
    return [Job(f"j{n}", lanes[n % len(lanes)]) for n in range(count)]


def test_jobs_are_given_in_their_order_and_each_once():
    todo = Assignment(jobs(3))
    assert [todo.next(w).id for w in ("a", "b", "a")] == ["j0", "j1", "j2"]
    assert todo.next("b") is None and todo.under_way("a") == 2 and not todo.over
    assert todo.done("a", "j0") and not todo.done("a", "j0") and not todo.done("b", "j2")
    assert todo.done("b", "j1") and todo.done("a", "j2") and todo.over


def test_lanes_are_kept_apart():
    todo = Assignment(jobs(4, ("m", "n")), lambda job: job.lane)
    assert todo.lanes == ("m", "n") and todo.next("a", "other") is None
    assert [todo.next("a", "n").id, todo.next("a", "n").id, todo.next("a", "n")] == [
        "j1",
        "j3",
        None,
    ]
    assert (todo.under_way("a", "n"), todo.under_way("a", "m"), todo.waiting) == (2, 0, 2)


def test_what_a_lost_worker_had_recorded_is_done_and_the_rest_goes_first_to_others():
    todo = Assignment(jobs(4))
    for _ in range(3):
        todo.next("a")
    assert todo.gone("a", {"j1"}) == [] and todo.gone("a") == []
    assert [todo.next("b").id for _ in range(3)] == ["j0", "j2", "j3"]
    assert not todo.done("a", "j0"), "who was taken for lost may come back: its word counts no more"


def test_a_job_that_takes_worker_after_worker_is_tried_alone_and_given_up():
    todo = Assignment(jobs(4))
    for worker in ("a", "b"):
        assert [todo.next(worker).id for _ in range(2)] == ["j0", "j1"] and todo.gone(worker) == []
    assert todo.next("c").id == "j0" and todo.next("c") is None, "alone, so that j1 is not blamed"
    assert todo.next("d").id == "j1" and todo.done("d", "j1")
    assert todo.gone("c") == [Job("j0")]
    assert [todo.next("e").id for _ in range(2)] == ["j2", "j3"]
    assert todo.done("e", "j2") and todo.done("e", "j3") and todo.over


@pytest.mark.parametrize("seed", range(20))
def test_at_random_nothing_is_lost_or_done_twice(seed):
    dice = random.Random(seed)
    todo, done, given_up = Assignment(jobs(60, ("m", "n")), lambda job: job.lane), [], []
    have: dict[str, list[str]] = {}
    born = 0
    while not todo.over:
        while len(have) < 4:
            have[f"w{born}"] = []
            born += 1
        worker = dice.choice(sorted(have))
        mine = have[worker]
        match dice.choices(("ask", "end", "die"), (6, 5, 1))[0]:
            case "ask" if job := todo.next(worker, dice.choice("mn")):
                mine.append(job.id)
            case "end" if mine:
                id = mine.pop(dice.randrange(len(mine)))
                assert todo.done(worker, id)
                done.append(id)
            case "die":
                recorded = {id for id in mine if dice.random() < 0.5}
                done += sorted(recorded)
                given_up += [job.id for job in todo.gone(worker, recorded)]
                del have[worker]
    assert sorted(done + given_up) == sorted(job.id for job in jobs(60))
