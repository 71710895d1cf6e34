"""Live query: set two dials, ask, watch the answer being found, see where the run lies on what was measured before."""

from __future__ import annotations

import streamlit as st

from engine.errors import BudgetscapeError
from engine.figures.dials import dials_info
from engine.figures.surface import surface_info
from pages.parts import comparing, controls, dials, guide, resources, state, steps

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
at = state.session().at.get(GROUP) or resources.start(info)

left, right = st.columns([5, 6], gap="large")
with left:
    setting = controls.setting(app)
    focus = (setting.strategy, setting.model)
    note = guide.reach(setting.strategy, info.search.levels)
    asked = controls.question_form(
        app, lambda: dials.dials(readings, at, group=GROUP, focus=focus, note=note)
    )
    if not app.indexes():
        st.caption(guide.NO_INDEX)
with right:
    dials.surface(info, readings, at, group=GROUP)
    st.caption(guide.SMALL_MODEL)
    guide.keys()

if asked is not None:
    question, at = asked
    state.taken()
    state.session().at[GROUP] = at
    try:
        state.show_run(app.live.start(controls.request(setting, question, at)))
        st.rerun()
    except BudgetscapeError as error:
        guide.trouble(error)

st.divider()
if shown is None:
    guide.hint()
elif shown.running:
    steps.watch(resources.live_run, app.live.stop, shown.id)
else:
    resources.keep_link(shown)
    if shown.run is not None:
        comparing.pin(shown.run.id, "live")
    steps.show(shown)
