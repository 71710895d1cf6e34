"""A finished run on the live page, replayed where the dials stand, with the answers it would have given earlier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import streamlit as st

from engine.errors import BudgetscapeError
from engine.figures.against import Beside
from engine.figures.markdown import literal
from engine.figures.replay import progress, replay_info
from engine.figures.sheets import SurfaceInfo
from engine.strategies import knobs_of, outside
from engine.sweeps.checkpoints import checkpoint_id, smaller
from engine.sweeps.trajectory import Trajectory
from engine.types import Run
from pages.parts import dials, resources, state, steps
from pages.parts.steps import Shown

if TYPE_CHECKING:
    from budgetscape.live import LiveRequest

POLL_S = 0.7


def wanted() -> bool:
    """Whether the answers at smaller budgets are to be taken after a run."""
    return st.toggle(
        "Take the answers at smaller budgets too",
        value=True,
        key="checkpoints",
        bind="query-params",
        help="After the run the model is asked for the answer it would give at each smaller budget, so that turning "
        "the dials replays the run at once. What that takes is shown apart from the run.",
    )


def with_checkpoints(request: LiveRequest, info: SurfaceInfo) -> LiveRequest:
    """The request with the smaller cells on the levels of the dials; an agent of one's own is asked once."""
    if outside(request.strategy, request.knobs):
        return request
    cells = smaller(request.budget, info.search.levels, info.think.levels)
    return replace(request, checkpoints=cells)


def show(shown: Shown, at: tuple[int, int], group: str, beside: Beside | None) -> None:
    """The run and its strip; while answers are being taken they are drawn as they come."""
    taking = checkpoints(shown).taking

    @st.fragment(run_every=POLL_S if taking else None)
    def drawn() -> None:
        now = checkpoints(shown)
        if taking and not now.taking:
            st.rerun()
        if now.taking:
            st.button(
                "Take no more answers",
                icon=":material/stop_circle:",
                key="stop_checkpoints",
                on_click=stop_checkpoints,
                args=(shown,),
            )
        assert shown.run is not None, "only finished runs are replayed"
        reach = knobs_of(shown.strategy, shown.run.config.knobs).most_searches
        dials.replay(replay_info(shown.run, now.runs, reach, now.note), at, group=group)

    steps.head(shown)
    if beside and beside.words:
        st.caption(literal(beside.words))
    drawn()


def start(shown: Shown | None, info: SurfaceInfo, group: str) -> tuple[int, int]:
    """Where the dials stand: where they were let go, else at the budget of the run that is shown."""
    held = state.session().at.get(group)
    if held is not None:
        return held
    if shown is None:
        return resources.start(info)
    budget = shown.budget
    return (
        dials.nearest(info.search.levels, budget.search),
        dials.nearest(info.think.levels, budget.think),
    )


@dataclass(frozen=True, slots=True)
class Taken:
    """The runs at smaller budgets that a run can be replayed with."""

    runs: tuple[Run, ...] = ()
    taking: bool = False
    note: str = ""


def checkpoints(shown: Shown) -> Taken:
    """Those of a live run as far as they are taken, else those that are stored; a sweep has the cells of its own."""
    if shown.run is None:
        return Taken()
    live = resources.application().live.of_run(shown.run.id)
    if live is None or not live.checkpoints.wanted:
        return _taken(resources.version(), shown.run.id, shown.run)
    held = live.checkpoints
    under_way, runs = held.taking, tuple(held.runs)  # read in this order: none is missed
    note = progress(len(runs), held.wanted, held.paid.completion_tokens, held.cost, held.note)
    return Taken(runs, under_way, note)


@st.cache_resource(max_entries=64, show_spinner=False)
def _taken(as_of: str, run_id: str, _run: Run) -> Taken:  # noqa: ARG001  (the key of the cache)
    whole, apart = _trajectory(_run.trajectory_id), _trajectory(checkpoint_id(_run))
    runs = (*(whole.runs if whole else ()), *(apart.runs if apart else ()))
    if apart is None:
        return Taken(runs)
    count, paid = len(apart.runs), apart.paid.completion_tokens
    return Taken(runs, note=progress(count, count, paid, apart.paid_cost))


def _trajectory(trajectory_id: str) -> Trajectory | None:
    try:
        return resources.application().store.trajectory(trajectory_id)
    except BudgetscapeError:
        return None


def stop_checkpoints(shown: Shown | None) -> None:
    """Take no more answers of a run that is over."""
    live = shown and shown.run and resources.application().live.of_run(shown.run.id)
    if live and live.checkpoints.taking:
        resources.application().live.stop(live.id)
