"""Trace compare: two to six runs in lanes, where they part, what each saw, and what each extra unit bought."""

from __future__ import annotations

import streamlit as st

from pages.parts import comparing, guide, resources, state

with st.spinner("Opening the store"):
    sweeps = resources.sweeps()
    lanes = resources.lanes(state.lanes())

if sweeps or lanes:
    comparing.choose(sweeps, lanes)
if not sweeps and not lanes:
    guide.nothing_to_compare()
elif len(lanes) < comparing.FEWEST:
    guide.compare_hint(len(lanes))
else:
    comparing.side_by_side(lanes, resources.looks())
