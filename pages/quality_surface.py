"""Quality surface: what every pair of budgets bought, from the surface down to the single run."""

from __future__ import annotations

import streamlit as st

from engine.figures.palette import shortened
from pages.parts import dials, drill, filtering, freezing, guide, picture, resources, sharing, state
from pages.parts.sheet import Sheet

GROUP = "quality"

with st.spinner("Opening the store"):
    sweeps = resources.sweeps()
if not sweeps:
    guide.nothing_measured()
    st.stop()

chosen = filtering.filters(sweeps, resources.choices())
found = resources.cells(chosen)
cells = found.rows
looks = shortened(resources.looks(), ((c.strategy, c.model) for c in cells))
seen = picture.picture(chosen, found, filtering.drawing(looks), looks)
info, readings = seen.info, seen.readings
if info.reason:
    st.info(info.reason, icon=":material/filter_alt_off:")
    st.stop()

at = state.session().at.get(GROUP) or state.linked_at() or resources.start(info)
share, sheet = st.container(), Sheet()
name = f"{chosen.sweep}-{chosen.metric}"
left, right = st.columns([7, 5], gap="large")
with left:
    clicked = dials.surface(
        info,
        readings,
        at,
        group=GROUP,
        signs=seen.signs,
        name=name,
        camera=state.camera(),
        turned=state.link_camera,
    )
with right:
    dials.linked(readings, at, group=GROUP)
    for said in guide.small_model(cells, resources.application().on_board()):
        st.caption(said)

for said in (*info.notes, *guide.remarks(cells, found.left_out)):
    sheet.quiet(said)
map_tab, table_tab = st.tabs(["Map", "Table"], key="below", bind="query-params")
with map_tab:
    clicked = dials.cell_map(readings, at, group=GROUP) or clicked
with table_tab:
    drill.table(sheet, seen, cells, name)

if clicked is not None:
    state.session().at[GROUP] = (clicked.search, clicked.think)
    state.link_at((clicked.search, clicked.think))
    state.choose_cell(clicked)
with share:  # last, since what is published is what was drawn
    sharing.offer(
        "quality-surface",
        lambda progress: freezing.surface(chosen, found, seen, GROUP, sheet, progress),
        f"Quality surface of {chosen.sweep}",
    )
cell = state.chosen_cell()
if cell is None:
    st.caption("Choose a cell on the surface or the map to see its questions.")
else:
    drill.questions(chosen, cell, found)
resources.keep_fresh()
