"""Trace compare: two to six runs in lanes, where they part, what each saw, and what each extra unit bought."""

from __future__ import annotations

import streamlit as st

from engine.analysis.traces import FEWEST
from pages.parts import choosing, comparing, freezing, guide, resources, sharing, state

with st.spinner("Opening the store"):
    sweeps = resources.sweeps()
    lanes = comparing.runs(state.lanes())

if sweeps or lanes:
    choosing.choose(sweeps, lanes)
if not sweeps and not lanes:
    guide.nothing_to_compare()
elif len(lanes) < FEWEST:
    guide.compare_hint(len(lanes))
else:
    looks = resources.looks()
    if not any(lane.running for lane in lanes):
        sharing.offer("trace-compare", lambda _: freezing.lanes(lanes, looks), "Runs side by side")
    comparing.side_by_side(lanes, looks)
