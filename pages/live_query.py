"""Live query: set two dials, ask, watch the answer being found, see where the run lies on what was measured before."""

from __future__ import annotations

import streamlit as st

from engine.errors import BudgetscapeError
from engine.figures.dials import dials_info, forecast
from engine.figures.surface import surface_info
from pages.parts import (
    asking,
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
shown = resources.shown_run(state.shown_run())
looks = resources.looks()

left, right = st.columns([5, 6], gap="large")
with left:
    setting = controls.setting(app)
    measured = resources.default_cells(METRIC, setting.model)
    info = surface_info(
        measured,
        METRIC,
        looks,
        marks=resources.marks(shown, METRIC),
        offered=resources.offered(measured),
    )
    readings = dials_info(measured, info)
    at = replaying.start(shown, info, GROUP)
    focus = (setting.strategy, setting.model)
    told = forecast(measured, focus, setting.index, setting.knobs, controls.doses(setting))
    note = " ".join(
        (
            guide.reach(setting.strategy, setting.knobs, info.search.levels),
            guide.measured_with(setting.strategy, setting.model, looks),
        )
    ).strip()
    hidden = ["readings", "think"] if setting.effort else ["readings"]
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
    dials.readings(readings, at, group=GROUP, focus=focus)

if asked is not None:
    question, at = asked
    try:
        replaying.stop_checkpoints(shown)
        asking.ask(app.live, setting, question, at, info if checkpoints else None, GROUP)
        shown = resources.shown_run(state.shown_run())  # the surface stays as it is until the end
    except BudgetscapeError as error:
        with right:
            guide.trouble(error)

with right:
    dials.surface(info, readings, at, group=GROUP)
    if shown is None:
        guide.hint(state.shown_run())
        tour.offer()
    elif shown.running:
        steps.watch(app.live, resources.live_run, shown.id)
    elif shown.run is None:
        steps.show(shown)
    else:
        resources.keep_link(shown)
        comparing.pin(shown.run.id, "live")
        if comparing.long(shown):
            comparing.alone(shown, looks)
        else:
            replaying.show(shown, at, GROUP, resources.expected(shown, METRIC))
