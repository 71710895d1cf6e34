"""The first tour, on the sample data: ask, replay, pin, ask again, compare, see the whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st

from pages.parts import state


@dataclass(frozen=True, slots=True)
class Progress:
    """What the tour can see of what was done."""

    page: str
    """Title of the page that is open."""
    run: str | None
    """The run that the link names."""
    pinned: int


@dataclass(frozen=True, slots=True)
class Step:
    title: str
    text: str
    done: Callable[[Progress], bool] = lambda _: False
    to: str = ""
    """Title of the page on which it is done."""


STEPS = (
    Step(
        "Ask",
        "A question about the sample world is chosen and the dials are set: press **Run** and watch the answer being "
        "found. The small model on board takes up to a minute.",
        lambda p: p.run is not None,
        "Live query",
    ),
    Step(
        "Replay",
        "When the answer is there, turn the two dials to smaller budgets: the run is shown as it would have gone, with "
        "the answer it would have given. Then go on.",
        to="Live query",
    ),
    Step(
        "Pin",
        "Switch on **Pin to compare** above the run to keep it in a lane.",
        lambda p: p.pinned >= 1,
        "Live query",
    ),
    Step(
        "Ask again",
        "Set the dials to another budget, press **Run**, and pin that run as well.",
        lambda p: p.pinned >= 2,
        "Live query",
    ),
    Step(
        "Compare",
        "Open **Trace compare**: it says where the two runs part, and what the extra budget bought.",
        lambda p: p.page == "Trace compare",
        "Trace compare",
    ),
    Step(
        "See the whole",
        "One question says little. Open **Quality surface**: the same two budgets over many questions.",
        lambda p: p.page == "Quality surface",
        "Quality surface",
    ),
    Step(
        "Done", "That is all there is to it. Choose a cell on the map to get from it to its runs."
    ),
)


def reached(at: int, progress: Progress) -> int:
    """The first step from `at` on that is not done."""
    while at < len(STEPS) - 1 and STEPS[at].done(progress):
        at += 1
    return at


def begin(at: int | None = 0) -> None:
    """Start the tour, go on to a step, or end it."""
    state.session().tour = at


def card(page: Any, pages: list[Any]) -> None:
    """The step that is next, on every page while the tour is on."""
    at = state.session().tour
    if at is None:
        return
    at = reached(at, Progress(page.title, state.shown_run(), len(state.lanes())))
    begin(at)
    step, last = STEPS[at], at == len(STEPS) - 1
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{at + 1} of {len(STEPS)} · {step.title}.** {step.text}", width="stretch")
        there = next((p for p in pages if p.title == step.to and p.title != page.title), None)
        if there is not None:
            st.page_link(there, icon=":material/arrow_forward:")
        if not last:
            st.button("Next", key="tour_next", on_click=partial(begin, at + 1))
        st.button("End tour", key="tour_end", on_click=partial(begin, None), type="tertiary")


def offer() -> None:
    """The way into the tour, where nothing has been asked yet."""
    if state.session().tour is None:
        st.button(
            "Take the tour",
            icon=":material/signpost:",
            key="tour_begin",
            on_click=partial(begin, 0),
        )
