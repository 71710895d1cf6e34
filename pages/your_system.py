"""Your system: five steps from one's own agent or endpoint, corpus and questions to a first surface of them."""

from __future__ import annotations

import streamlit as st

from pages.parts import library_work, resources, sweep_watch, your_steps

with st.spinner("Opening models and store"):
    app = resources.application()
library_work.show(app.library)
your_steps.hint()
who = your_steps.who(app)
index = your_steps.where(app)
questions = your_steps.what(app, index)
if who is None or index is None or questions is None:
    your_steps.not_yet()
    st.stop()
tried = your_steps.try_one(app, who, index, questions)
started = your_steps.sweep(app, who, index, questions, tried)
if started is not None:
    sweep_watch.watch(app.sweeps, started)
