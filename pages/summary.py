"""Summary: a sweep in a minute, for those who decide: what to run, what it rests on, and what to be careful with."""

from __future__ import annotations

import streamlit as st

from pages.parts import filtering, freezing, guide, resources, sharing, summarising

with st.spinner("Opening the store"):
    sweeps = resources.sweeps()
if not sweeps:
    guide.nothing_measured()
    st.stop()

with st.expander("Sweep, filters and margin", icon=":material/tune:"):
    chosen = filtering.spending(sweeps, resources.choices())
info = summarising.summary_of(chosen)
summarising.heading(info)
if info.reason:
    st.info(info.reason, icon=":material/filter_alt_off:")
    st.stop()
sharing.offer("summary", lambda _: freezing.summary(info), f"Summary of {chosen.filters.sweep}")
left, right = st.columns([6, 5], gap="large")
with left:
    summarising.surface(info)
with right:
    summarising.card(info)
    summarising.answers(info)
summarising.examples(info)
summarising.caveats(info)
summarising.files(info)
resources.keep_fresh()
