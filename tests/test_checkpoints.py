"""Checkpoints are the smaller cells of a run, exactly, and cost only what the run had not generated."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.analysis.alignment import sign
from engine.errors import Busy
from engine.sweeps.checkpoints import MOST, SWEEP, checkpoint_id, smaller, take
from engine.sweeps.trajectory import run_cells
from engine.types import Budget, RunConfig, Usage
from tests.fakes import QUESTION, Parrot, Shelf

LEVELS = st.lists(st.integers(0, 200), max_size=9)
WHOLE = Budget(3, 60)


def played(name, budgets, voice):
    config = RunConfig(name, "m", "i", budgets[0], seed=3, fingerprint="f")
    return asyncio.run(run_cells(QUESTION, config, budgets, Parrot(voice), Shelf()))


def taken(whole, budgets, model, **more):
    return asyncio.run(take(whole, budgets, model, Shelf(), lambda usage: usage.calls / 10, **more))


def said(run):
    """Everything but the seconds."""
    return [sign(step) for step in run.trace.steps]


@given(st.builds(Budget, st.integers(0, 9), st.integers(0, 200)), LEVELS, LEVELS)
def test_smaller_cells_are_below_the_run_once_each_and_not_too_many(run, search, think):
    cells = smaller(run, search, think)
    assert run not in cells and len(set(cells)) == len(cells) <= MOST
    assert all(c.search <= run.search and c.think <= run.think for c in cells)
    assert list(cells) == sorted(cells, reverse=True)


def test_of_too_many_cells_those_that_lower_one_budget_alone_come_first():
    cells = smaller(Budget(8, 128), range(9), [0, 8, 16, 32, 64, 128])
    alone = [c for c in cells if c.search == 8 or c.think == 128]
    assert len(cells) == MOST and len(alone) == 13


def test_a_dose_stays_a_dose():
    (cell,) = smaller(Budget(0, 32, think_mode="force"), [0], [0, 64])
    assert cell == Budget(0, 0, think_mode="force")


@settings(max_examples=20)
@given(st.sampled_from(["corag", "iterative", "closed_book"]), st.integers(0, 10**6))
def test_they_are_what_running_the_cells_alone_gives_for_less(name, voice):
    whole = played(name, [Budget(0 if name == "closed_book" else 3, 60)], voice)
    cells = smaller(whole.runs[0].config.budget, [0, 1, 2], [0, 8])
    held = taken(whole, cells, Parrot(voice))
    alone = [played(name, [cell], voice) for cell in cells]
    assert [said(r) for r in held.runs] == [said(a.runs[0]) for a in alone]
    assert [r.trace.usage for r in held.runs] == [a.runs[0].trace.usage for a in alone]
    spent = sum(a.paid.completion_tokens for a in alone)
    assert held.paid.completion_tokens <= spent
    assert held.paid_cost == pytest.approx(held.paid.calls / 10)


def test_they_are_told_one_by_one_and_stored_apart_from_the_run():
    whole = played("corag", [WHOLE], 1)
    cells = smaller(WHOLE, [0, 1], [0])
    heard = []
    held = taken(whole, cells, Parrot(1), told=lambda run, paid: heard.append((run, paid)))
    assert [run for run, _ in heard] == list(held.runs) and heard[-1][1] == held.paid
    assert held.sweep == SWEEP and held.id == checkpoint_id(whole.runs[0]) != whole.id
    assert not {r.id for r in held.runs} & {r.id for r in whole.runs}
    assert not set(held.calls) & set(whole.calls)


def test_what_the_run_itself_has_said_is_not_asked_for_again():
    whole = played("closed_book", [Budget(0, 60)], 4)
    held = taken(whole, [Budget(0, 60)], None)
    assert said(held.runs[0]) == said(whole.runs[0]) and held.paid == Usage()


def test_cells_that_the_strategy_cannot_reach_or_the_endpoint_fails_are_left_out():
    class Broken(Parrot):
        async def generate(self, call, on_piece=None):
            raise Busy("try later")

    whole = played("single_retrieval", [Budget(1, 60)], 1)
    held = taken(whole, [Budget(2, 0), Budget(0, 0)], Broken())
    assert held.runs == () and [f.error for f in held.failures] == ["try later"]
