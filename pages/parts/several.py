"""The same question at several budgets or strategies at once: started together, shown in lanes."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import streamlit as st

from engine.analysis.traces import FEWEST, MOST
from engine.errors import InputError
from engine.figures.amounts import queries
from engine.figures.sheets import SurfaceInfo
from engine.strategies import PLAYED, knobs_of, outside
from pages.parts import controls, state
from pages.parts.controls import Setting, words

if TYPE_CHECKING:
    from budgetscape.live import LiveRequest, LiveRuns
    from engine.types import Question

_STRATEGIES, _BUDGETS = "several_strategies", "several_budgets"
At = tuple[int, int]


def offer(setting: Setting, info: SurfaceInfo) -> None:
    """Drawn inside the form of the question, below Run; agents of one's own and models are not mixed."""
    own = outside(setting.strategy)
    with st.expander("Ask at several budgets or strategies at once", icon=":material/view_column:"):
        st.multiselect(
            "Strategies",
            [setting.strategy] if own else list(PLAYED),
            format_func=words,
            key=_STRATEGIES,
            placeholder="The one above",
        )
        st.multiselect(
            "Budgets",
            list(product(info.search.levels, info.think.levels)),
            format_func=lambda at: f"{queries(at[0])}, {at[1]} thinking",
            key=_BUDGETS,
            placeholder="Where the dials stand",
        )
        st.form_submit_button(
            "Run in lanes",
            icon=":material/play_arrow:",
            width="stretch",
            on_click=state.press_several,
        )


def start(live: LiveRuns, setting: Setting, question: Question, at: At) -> list[str]:
    """Start them all; returns their ids in the order of the lanes."""
    strategies = st.session_state.get(_STRATEGIES) or [setting.strategy]
    budgets = st.session_state.get(_BUDGETS) or [at]
    return [live.start(request) for request in requests(setting, question, strategies, budgets)]


def requests(
    setting: Setting, question: Question, strategies: list[str], budgets: list[At]
) -> list[LiveRequest]:
    """One request a strategy and budget; those that come to the same are asked once. Raises InputError."""
    wanted: list[LiveRequest] = []
    for strategy, at in product(strategies, sorted(budgets)):
        request = controls.request(_played(setting, strategy), question, at)
        if request not in wanted:
            wanted.append(request)
    if len(wanted) < FEWEST:
        raise InputError("that is one run; choose a second strategy or budget, or press Run")
    if len(wanted) > MOST:
        raise InputError(f"that is {len(wanted)} runs; {MOST} fit side by side")
    return wanted


def _played(setting: Setting, strategy: str) -> Setting:
    """The setting with another strategy, its knobs as they come; a budget that it cannot be forced to spend is a
    permission."""
    able = knobs_of(strategy).forcible
    return replace(
        setting,
        strategy=strategy,
        knobs=setting.knobs if strategy == setting.strategy else {},
        search_mode=setting.search_mode if "search" in able else "cap",
        think_mode=setting.think_mode if "think" in able else "cap",
    )
