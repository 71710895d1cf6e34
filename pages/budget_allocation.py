"""Budget allocation: where the next unit of compute goes, between searching and thinking."""

from __future__ import annotations

import streamlit as st

from engine.figures.palette import shortened
from pages.parts import (
    allocating,
    filtering,
    freezing,
    guide,
    judging,
    resources,
    searching,
    sharing,
    weighing,
)

with st.spinner("Opening the store"):
    sweeps = resources.sweeps()
if not sweeps:
    guide.nothing_measured()
    st.stop()

chosen = filtering.spending(sweeps, resources.choices())
found = weighing.spending(chosen)
if not found.panels:
    st.info("No run with this score lies under these filters.", icon=":material/filter_alt_off:")
    st.stop()
groups = (panel.group for panel in found.panels)
looks = shortened(resources.looks(), ((group.strategy, group.model) for group in groups))

allocating.recommendation(found, chosen)
panel = allocating.surface(found)
sharing.offer(
    "budget-allocation",
    lambda _: freezing.allocation(found, panel, looks, chosen),
    f"Budget allocation of {chosen.filters.sweep}",
)
left, right = st.columns(2, gap="large")
with left:
    allocating.front(found, looks, chosen)
with right:
    allocating.walk(found, panel, looks, chosen)
allocating.path(found, panel)
allocating.same_quality(found, panel)
allocating.next_unit(found, panel)
allocating.wide_or_deep(found)
allocating.training(found)
judging.verdict(found, panel, looks, chosen)
judging.iterated(found)
judging.together(panel)
searching.every_search(panel, chosen)
resources.keep_fresh()
