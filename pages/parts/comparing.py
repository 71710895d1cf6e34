"""Runs side by side on the page: pinning them, the lanes, and the comparison as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from engine.analysis.traces import MOST, Axis, Comparison, compared, priced
from engine.figures.lanes import AXES, LanesInfo, Steps, lanes_info, steps_of, with_bodies
from engine.figures.lanes_export import as_json, as_markdown
from engine.figures.palette import Identity, Key
from pages.parts import dials, resources, state
from pages.parts.steps import Shown

PAGE = str(Path(__file__).parents[1] / "trace_compare.py")
POLL_S = 0.5
MOST_STEPS = 500
"""Of a run that is drawn whole, with every text in it; longer ones show heads first."""
_ALIGN, _FOLD = "compare_align", "compare_fold"


def pin(run_id: str, key: str) -> None:
    """A switch that puts a stored run into the lanes or takes it out, and the way to them; using it moves nothing."""
    held, switch = state.lanes(), f"{key}_pin"
    full = len(held) >= MOST and run_id not in held
    st.session_state[switch] = run_id in held
    with st.container(horizontal=True, vertical_alignment="center"):
        st.toggle(
            "Pin to compare",
            key=switch,
            disabled=full,
            help=f"At most {MOST} runs can be compared" if full else None,
            on_change=_switched,
            args=(run_id, switch),
        )
        if held:
            label = f"Compare {len(held)} pinned run{'s' * (len(held) != 1)}"
            st.page_link(PAGE, label=label, icon=":material/compare_arrows:")


def _switched(run_id: str, switch: str) -> None:
    others = [held for held in state.lanes() if held != run_id]
    state.set_lanes([*others, run_id] if st.session_state[switch] else others)


# --------------------------------------------------------------------------------------------------- lanes


def side_by_side(lanes: Sequence[Shown], looks: Mapping[Key, Identity]) -> None:
    """The lanes; while a run is under way they are drawn again and again."""
    running = any(lane.running for lane in lanes)

    @st.fragment(run_every=POLL_S if running else None)
    def drawn() -> None:
        now = runs(state.lanes()) if running else list(lanes)
        if running and not any(lane.running for lane in now):
            st.rerun()
        if running:
            st.button(
                "Stop all",
                icon=":material/stop_circle:",
                key="compare_stop",
                on_click=_stop,
                args=(now,),
            )
        _draw(now, looks)

    drawn()


def long(shown: Shown) -> bool:
    """Whether a run has too many steps to be sent whole."""
    return shown.run is not None and len(shown.run.trace.steps) > MOST_STEPS


def alone(shown: Shown, looks: Mapping[Key, Identity]) -> None:
    """One long run in a lane of its own: the heads of all its steps, and the bodies of those that are opened."""

    @st.fragment
    def drawn() -> None:
        _lanes([shown], comparison([shown], "step"), looks, folded=False)

    drawn()


def _stop(lanes: Sequence[Shown]) -> None:
    for lane in lanes:
        if lane.running:
            resources.application().live.stop(lane.id)


def _draw(lanes: Sequence[Shown], looks: Mapping[Key, Identity]) -> None:
    axis, folded = _ways(lanes)
    told = comparison(lanes, axis)
    if not told.one_question:
        st.info("These runs answer different questions: only what they did can be compared.")
    _lanes(lanes, told, looks, folded=folded)
    _files(told)


def _lanes(
    lanes: Sequence[Shown], told: Comparison, looks: Mapping[Key, Identity], *, folded: bool
) -> None:
    """The lanes with the steps that are open in them, which the link keeps."""
    opened = state.opened()
    dials.lanes(_info(told, looks, opened, lanes), opened=opened, folded=folded, told=_keep_opened)


def _keep_opened() -> None:
    now = dials.lanes_opened()
    if now is not None:
        state.set_opened(now)


def ways(lanes: Sequence[Shown]) -> tuple[Axis, bool]:
    """How the controls stand: how lanes are aligned, and whether equal parts are folded."""
    named = st.session_state.get(_ALIGN) or "step"
    return _axes(lanes).get(named, "step"), st.session_state.get(_FOLD, True)


def _axes(lanes: Sequence[Shown]) -> dict[str, Axis]:
    return {name: axis for axis, name in AXES.items() if axis != "cost" or _priced(lanes)}


def _ways(lanes: Sequence[Shown]) -> tuple[Axis, bool]:
    """The controls, and how they stand."""
    names = _axes(lanes)
    with st.container(horizontal=True, vertical_alignment="center"):
        name = st.segmented_control(
            "Align by",
            list(names),
            default="step",
            required=True,
            key=_ALIGN,
            bind="query-params",
        )
        folded = st.toggle("Fold equal steps", value=True, key=_FOLD, bind="query-params")
    return names.get(name or "step", "step"), folded


def _priced(lanes: Sequence[Shown]) -> bool:
    return all(lane.run is not None and priced(lane.run, lane.price) for lane in lanes)


def _info(
    told: Comparison,
    looks: Mapping[Key, Identity],
    opened: Sequence[tuple[int, int]],
    lanes: Sequence[Shown],
) -> LanesInfo:
    running = [number for number, lane in enumerate(lanes) if lane.running]
    if running:
        return lanes_info(told, looks, opened, running)
    ids = tuple(lane.id for lane in lanes)
    info, steps = _drawn(resources.version(), ids, told.axis, told, looks)
    return with_bodies(info, steps, opened)


@st.cache_resource(max_entries=16, show_spinner=False)
def _drawn(
    as_of: str,  # noqa: ARG001  (the key of the cache)
    run_ids: tuple[str, ...],  # noqa: ARG001
    axis: Axis,  # noqa: ARG001
    _held: Comparison,
    _looks: Mapping[Key, Identity],
) -> tuple[LanesInfo, Steps]:
    steps = steps_of(_held)
    return lanes_info(_held, _looks, steps=steps), steps


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


def runs(run_ids: Sequence[str]) -> list[Shown]:
    """The runs to compare that are there; a live one that was saved goes by the name it was saved under."""
    found = [shown for shown in map(resources.shown_run, run_ids) if shown is not None]
    kept = [_saved(shown) for shown in found]
    state.set_lanes([shown.id for shown in kept])
    return kept


def _saved(shown: Shown) -> Shown:
    if shown.run is None or shown.run.id == shown.id:
        return shown
    return resources.shown_run(shown.run.id) or shown


def comparison(shown: Sequence[Shown], axis: Axis) -> Comparison:
    """The runs side by side; finished ones are worked out once."""
    if any(one.run is None for one in shown):
        return compared([one.as_run for one in shown], axis, [one.price for one in shown])
    return _comparison(resources.version(), tuple(one.id for one in shown), axis, shown)


@st.cache_resource(max_entries=16, show_spinner=False)
def _comparison(
    as_of: str,  # noqa: ARG001  (the key of the cache)
    run_ids: tuple[str, ...],  # noqa: ARG001
    axis: Axis,
    _shown: Sequence[Shown],
) -> Comparison:
    return compared([one.as_run for one in _shown], axis, [one.price for one in _shown])
