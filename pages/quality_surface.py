"""Quality surface: what every pair of budgets bought, from the surface down to the single run."""

from __future__ import annotations

import streamlit as st

from engine.figures.dials import dials_info
from engine.figures.surface import surface_info
from pages.parts import controls, dials, drill, freezing, guide, resources, sharing, state

GROUP = "quality"

with st.spinner("Opening the store"):
    sweeps = resources.sweeps()
if not sweeps:
    guide.nothing_measured()
    st.stop()

chosen = controls.filters(sweeps, resources.choices())
found = resources.cells(chosen)
cells = found.rows
looks = resources.looks()
info = surface_info(cells, chosen.metric, looks, chosen.scale)
readings = dials_info(cells, looks, info.search, info.think, info.quality, info.top)
if info.reason:
    st.info(info.reason, icon=":material/filter_alt_off:")
    st.stop()

at = state.session().at.get(GROUP) or state.linked_at() or resources.start(info)
sharing.offer(
    "quality-surface",
    lambda progress: freezing.surface(chosen, found, info, readings, GROUP, progress),
    f"Quality surface of {chosen.sweep}",
)
left, right = st.columns([7, 5], gap="large")
with left:
    clicked = dials.surface(
        info, readings, at, group=GROUP, camera=state.camera(), turned=state.link_camera
    )
with right:
    dials.linked(readings, at, group=GROUP)
    st.caption(guide.SMALL_MODEL)

if said := guide.doses(cells):
    st.caption(said)
if found.left_out:
    st.caption(guide.left_out(found.left_out))
map_tab, table_tab = st.tabs(["Map", "Table"])
with map_tab:
    clicked = dials.cell_map(readings, at, group=GROUP) or clicked
with table_tab:
    drill.table_of(cells, info.quality)

if clicked is not None:
    state.session().at[GROUP] = (clicked.search, clicked.think)
    state.link_at((clicked.search, clicked.think))
    state.choose_cell(clicked)
cell = state.chosen_cell()
if cell is None:
    st.caption("Choose a cell on the surface or the map to see its questions.")
else:
    drill.questions(chosen, cell, found)
resources.keep_fresh()
