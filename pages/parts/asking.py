"""What Run starts: one run that the page then shows, or several that open in lanes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from pages.parts import comparing, controls, replaying, several, state

if TYPE_CHECKING:
    from budgetscape.live import LiveRuns
    from engine.figures.sheets import SurfaceInfo
    from engine.types import Question
    from pages.parts.controls import Setting


def ask(
    live: LiveRuns,
    setting: Setting,
    question: Question,
    at: tuple[int, int],
    levels: SurfaceInfo | None,
    group: str,
) -> None:
    """Start what was pressed: one run, which the link then names, or several, which open in lanes.

    `levels` are those whose answers are taken too. Raises InputError where it cannot be started; the press is seen to
    either way.
    """
    in_lanes = state.session().several
    state.taken()
    state.session().at[group] = at
    if in_lanes:
        state.set_lanes(several.start(live, setting, question, at))
        st.switch_page(comparing.PAGE, query_params={"lane": state.lanes()})
    request = controls.request(setting, question, at)
    if levels is not None:
        request = replaying.with_checkpoints(request, levels)
    state.show_run(live.start(request))
