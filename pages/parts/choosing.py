"""Choosing the runs to compare: by sweep, question, strategy and budget, or as they came from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from engine.analysis.traces import FEWEST, MOST
from engine.figures.amounts import queries
from engine.run.budgets import think_words
from engine.types import effort_of
from pages.parts import resources, state
from pages.parts.controls import words
from pages.parts.steps import Shown, difficulty
from store.history import Asked, RunHead, Slice

_LANES, _QUESTION = "compare_lanes", "compare_question"
_LONGEST_ANSWER = 40


def choose(sweeps: Sequence[str], lanes: Sequence[Shown]) -> None:
    """Pick runs of a question from the store, by sweep, strategy and budget; lanes from elsewhere stay."""
    with st.expander("Find runs", icon=":material/search:", expanded=len(lanes) < FEWEST):
        heads = _found(sweeps, lanes) if sweeps else []
    labels = {head.id: _label(head) for head in heads}
    labels |= {lane.id: labels.get(lane.id) or _label_of(lane) for lane in lanes}
    st.session_state[_LANES] = [lane.id for lane in lanes]
    st.multiselect(
        f"Runs in lanes ({FEWEST} to {MOST})",
        list(labels),
        format_func=lambda run_id: labels.get(run_id, run_id),
        max_selections=MOST,
        key=_LANES,
        on_change=_chosen,
        placeholder="Choose runs of this question",
        help="The order of choosing is the order of the lanes",
    )
    if gone := state.lanes_taken_out():
        st.button(
            f"Put back {gone} run{'s' * (gone != 1)}",
            icon=":material/undo:",
            key="compare_undo",
            on_click=state.undo_lanes,
        )
    pair = _extremes(heads)
    if len(lanes) < FEWEST and pair:
        st.button(
            "Compare its smallest and largest budget",
            icon=":material/compare_arrows:",
            key="compare_example",
            on_click=partial(state.set_lanes, pair),
        )


def _chosen() -> None:
    state.set_lanes(st.session_state[_LANES])


def _found(sweeps: Sequence[str], lanes: Sequence[Shown]) -> list[RunHead]:
    left, right = st.columns([1, 3])
    sweep = left.selectbox("Sweep", sweeps, key="compare_sweep", bind="query-params")
    asked = {question.id: question for question in _questions(sweep)}
    if st.session_state.get(_QUESTION) not in asked:
        st.session_state[_QUESTION] = _first(list(asked.values()), lanes)
    question = right.selectbox(
        "Question", list(asked), format_func=lambda key: _told(asked[key]), key=_QUESTION
    )
    heads = _heads(sweep, question)
    strategies = sorted({head.strategy for head in heads})
    left, right = st.columns(2)
    wanted = left.multiselect(
        "Strategies",
        strategies,
        format_func=words,
        key="compare_strategies",
        bind="query-params",
        placeholder="All",
    )
    budgets = sorted({_budget(head) for head in heads})
    within = right.multiselect(
        "Budgets",
        budgets,
        format_func=lambda b: f"{queries(b[0])}, {b[1]} thinking",
        key="compare_budgets",
        placeholder="All",
    )
    return [
        head
        for head in heads
        if (not wanted or head.strategy in wanted) and (not within or _budget(head) in within)
    ]


def _first(asked: Sequence[Asked], lanes: Sequence[Shown]) -> str | None:
    """The question that is in the lanes, else one that needs two look-ups, else the first."""
    compared = {lane.question.id for lane in lanes}
    if any(a.id in compared for a in asked):
        return next(a.id for a in asked if a.id in compared)
    return next((a.id for a in asked if a.hops == 2), asked[0].id if asked else None)


def _told(asked: Asked) -> str:
    hard = difficulty(asked)
    return f"{hard} · {asked.text}" if hard else asked.text


def _budget(head: RunHead) -> tuple[int, int]:
    return head.search, head.think


def _extremes(heads: Sequence[RunHead]) -> list[str]:
    """The runs at the smallest and the largest budget, of the strategy that reaches furthest."""
    if not heads:
        return []
    best = max(heads, key=_budget)
    own = [h for h in heads if (h.strategy, h.model) == (best.strategy, best.model)]
    least = min(own, key=_budget)
    return [least.id, best.id] if least.id != best.id else []


def _label(head: RunHead) -> str:
    right = "" if head.em is None else "✓ " if head.em == 1 else "✗ "
    answer = " ".join(head.answer.split())[:_LONGEST_ANSWER]
    where = f"{words(head.strategy)} · {queries(head.search)} · {_thinking(head)}"
    return f"{where} · {right}{answer or 'no answer'}"


def _thinking(head: RunHead) -> str:
    effort = effort_of(head.think, head.think_mode)
    return f"{effort} effort" if effort else f"{head.think} thinking"


def _label_of(lane: Shown) -> str:
    budget = lane.budget
    where = f"{words(lane.strategy)} · {queries(budget.search)} · {think_words(budget)}"
    return f"{where} · {' '.join(lane.question.text.split())[:_LONGEST_ANSWER]}"


def _questions(sweep: str) -> list[Asked]:
    """The questions of a sweep."""
    return _asked(resources.version(), sweep)


@st.cache_data(max_entries=16, show_spinner=False)
def _asked(as_of: str, sweep: str) -> list[Asked]:  # noqa: ARG001  (the key of the cache)
    return resources.application().store.asked(Slice(sweeps=(sweep,)))


def _heads(sweep: str, question: str | None) -> list[RunHead]:
    """The runs of one question of a sweep, without their steps."""
    where = Slice(sweeps=(sweep,), questions=(question or "",))
    return resources.application().store.runs(where, limit=resources.MOST_HEADS)
