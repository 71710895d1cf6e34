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
from pages.parts.sheet import Sheet

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

sheet = Sheet()
sheet.note(freezing.what(chosen.filters))
allocating.recommendation(sheet, found, chosen)
panel = allocating.surface(found)
share = st.container()
left, right = st.columns(2, gap="large")
with left:
    allocating.front(sheet, found, looks, chosen)
with right:
    sheet.note(f"Strategy and model looked at: {panel.group.name}.")
    allocating.walk(sheet, found, panel, looks, chosen)
allocating.path(sheet, found, panel)
allocating.same_quality(sheet, found, panel)
allocating.next_unit(sheet, found, panel)
allocating.wide_or_deep(sheet, found)
allocating.training(sheet, found)
judging.verdict(sheet, found, panel, looks, chosen)
judging.iterated(sheet, found)
judging.together(sheet, panel)
searching.every_search(sheet, panel, chosen)
with share:  # last, since what is published is what was drawn
    title = f"Budget allocation of {chosen.filters.sweep}"
    sharing.offer("budget-allocation", lambda _: sheet.blocks, title)
resources.keep_fresh()
