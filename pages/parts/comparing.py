"""Runs side by side on the page: choosing them, the lanes, and the comparison as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from engine.analysis.traces import FEWEST, MOST, Axis, Comparison, priced
from engine.figures.lanes import AXES, LanesInfo, lanes_info
from engine.figures.lanes_export import as_json, as_markdown
from engine.figures.palette import Identity, Key
from pages.parts import dials, resources, state
from pages.parts.controls import words
from pages.parts.steps import Shown, difficulty

if TYPE_CHECKING:
    from store.history import Asked, RunHead

PAGE = str(Path(__file__).parents[1] / "trace_compare.py")
POLL_S = 0.5
_LANES, _QUESTION = "compare_lanes", "compare_question"
_LONGEST_ANSWER = 40

__all__ = ["FEWEST", "MOST", "PAGE", "choose", "pin", "side_by_side"]


def pin(run_id: str, key: str) -> None:
    """A button that puts a stored run into the lanes or takes it out, and the way to them."""
    held = state.lanes()
    with st.container(horizontal=True, vertical_alignment="center"):
        if run_id in held:
            if st.button("Unpin", icon=":material/keep_off:", key=f"{key}_unpin"):
                state.set_lanes([r for r in held if r != run_id])
                st.rerun()
        elif st.button(
            "Pin to compare",
            icon=":material/keep:",
            key=f"{key}_pin",
            disabled=len(held) >= MOST,
            help=f"At most {MOST} runs can be compared" if len(held) >= MOST else None,
        ):
            state.set_lanes([*held, run_id])
            st.rerun()
        if held:
            label = f"Compare {len(held)} pinned run{'s' * (len(held) != 1)}"
            st.page_link(PAGE, label=label, icon=":material/compare_arrows:")


# ------------------------------------------------------------------------------------------------ choosing


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
    asked = {question.id: question for question in resources.asked(sweep)}
    if st.session_state.get(_QUESTION) not in asked:
        st.session_state[_QUESTION] = _first(list(asked.values()), lanes)
    question = right.selectbox(
        "Question", list(asked), format_func=lambda key: _told(asked[key]), key=_QUESTION
    )
    heads = resources.heads_of(sweep, question)
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
        format_func=lambda b: f"{b[0]} queries, {b[1]} thinking",
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
    where = f"{words(head.strategy)} · {head.search} queries · {head.think} thinking"
    return f"{where} · {right}{answer or 'no answer'}"


def _label_of(lane: Shown) -> str:
    budget = lane.budget
    where = f"{words(lane.strategy)} · {budget.search} queries · {budget.think} thinking"
    return f"{where} · {' '.join(lane.question.text.split())[:_LONGEST_ANSWER]}"


# --------------------------------------------------------------------------------------------------- lanes


def side_by_side(lanes: Sequence[Shown], looks: Mapping[Key, Identity]) -> None:
    """The lanes; while a run is under way they are drawn again and again."""
    running = any(lane.running for lane in lanes)

    @st.fragment(run_every=POLL_S if running else None)
    def drawn() -> None:
        now = resources.lanes(state.lanes()) if running else list(lanes)
        if running and not any(lane.running for lane in now):
            st.rerun()
        _draw(now, looks)

    drawn()


def _draw(lanes: Sequence[Shown], looks: Mapping[Key, Identity]) -> None:
    axis, folded = _ways(lanes)
    told = resources.comparison(lanes, axis)
    if not told.one_question:
        st.info("These runs answer different questions: only what they did can be compared.")
    opened = state.opened()
    info = _info(told, looks, opened, lanes)
    now = dials.lanes(info, opened=opened, folded=folded)
    if now is not None and now != opened:
        state.set_opened(now)
        if not info.whole:
            st.rerun(scope="fragment")
    _files(told)


def _ways(lanes: Sequence[Shown]) -> tuple[Axis, bool]:
    """How lanes are aligned, and whether equal parts are folded."""
    names = {name: axis for axis, name in AXES.items() if axis != "cost" or _priced(lanes)}
    with st.container(horizontal=True, vertical_alignment="center"):
        name = st.segmented_control(
            "Align by",
            list(names),
            default="step",
            required=True,
            key="compare_align",
            bind="query-params",
        )
        folded = st.toggle("Fold equal steps", value=True, key="compare_fold", bind="query-params")
    return names.get(name or "step", "step"), folded


def _priced(lanes: Sequence[Shown]) -> bool:
    return all(
        lane.run is not None and priced(lane.run, resources.price(lane.model)) for lane in lanes
    )


def _info(
    told: Comparison,
    looks: Mapping[Key, Identity],
    opened: Sequence[tuple[int, int]],
    lanes: Sequence[Shown],
) -> LanesInfo:
    running = [number for number, lane in enumerate(lanes) if lane.running]
    return lanes_info(told, looks, opened, running)


def _files(told: Comparison) -> None:
    link = state.link()
    with st.container(horizontal=True):
        st.download_button(
            "Markdown",
            lambda: as_markdown(told, link),
            file_name="comparison.md",
            mime="text/markdown",
            icon=":material/download:",
            key="compare_markdown",
            on_click="ignore",
        )
        st.download_button(
            "JSON",
            lambda: as_json(told, link),
            file_name="comparison.json",
            mime="application/json",
            icon=":material/download:",
            key="compare_json",
            on_click="ignore",
        )
