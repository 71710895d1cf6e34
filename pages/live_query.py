"""Live query: set two dials, ask, watch the answer being found, see where the run lies on what was measured before."""

from __future__ import annotations

import streamlit as st

from engine.errors import BudgetscapeError
from engine.figures.dials import dials_info, forecast
from engine.figures.surface import surface_info
from pages.parts import (
    comparing,
    controls,
    dials,
    guide,
    replaying,
    resources,
    several,
    state,
    steps,
    tour,
)

GROUP = "live"
METRIC = "em"

with st.spinner("Opening models and store"):
    app = resources.application()
    measured = resources.default_cells(METRIC)
shown = resources.shown_run(state.shown_run())
looks = resources.looks()
info = surface_info(
    measured,
    METRIC,
    looks,
    marks=resources.marks(shown, METRIC),
    offered=resources.offered(measured),
)
readings = dials_info(measured, looks, info.search, info.think, info.quality, info.top)
at = replaying.start(shown, info, GROUP)

left, right = st.columns([5, 6], gap="large")
with left:
    setting = controls.setting(app)
    focus = (setting.strategy, setting.model)
    told = forecast(measured, focus, setting.index)
    note = guide.reach(setting.strategy, info.search.levels)
    hidden = ["think"] if setting.effort else []
    asked = controls.question_form(
        app,
        lambda: dials.dials(
            readings, at, group=GROUP, focus=focus, note=note, told=told, hidden=hidden
        ),
        lambda: several.offer(setting, info),
    )
    checkpoints = replaying.wanted()
    if not app.indexes():
        st.caption(guide.NO_INDEX)
with right:
    dials.surface(info, readings, at, group=GROUP)
    st.caption(guide.SMALL_MODEL)

if asked is not None:
    question, at = asked
    in_lanes = state.session().several
    state.taken()
    state.session().at[GROUP] = at
    try:
        replaying.stop_checkpoints(shown)
        if in_lanes:
            state.set_lanes(several.start(app.live, setting, question, at))
            st.switch_page(comparing.PAGE, query_params={"lane": state.lanes()})
        request = controls.request(setting, question, at)
        if checkpoints:
            request = replaying.with_checkpoints(request, info)
        state.show_run(app.live.start(request))
        st.rerun()
    except BudgetscapeError as error:
        guide.trouble(error)

st.divider()
if shown is None:
    guide.hint()
    tour.offer()
elif shown.running:
    steps.watch(resources.live_run, app.live.stop, shown.id)
else:
    resources.keep_link(shown)
    if shown.run is not None:
        comparing.pin(shown.run.id, "live")
        replaying.show(shown, at, GROUP)
    else:
        steps.show(shown)
