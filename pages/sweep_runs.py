"""Sweep runs: plan a sweep, see what it will take before anything is spent, start it, watch it, steer it."""

from __future__ import annotations

import streamlit as st

from pages.parts import guide, resources, sweep_form, sweep_watch

with st.spinner("Opening models and store"):
    app = resources.application()
name = sweep_watch.choose(app.sweeps.names())

if name is not None:
    sweep_watch.watch(app.sweeps, name)
elif not app.question_sets():
    guide.nothing_to_sweep()
else:
    guide.sweep_hint()
    plan = sweep_form.plan(app)
    if plan is not None:
        sweep_form.quote_and_start(app.sweeps, plan)
