"""Published results: the papers' own figures to search and to plot, their curves laid over ours, never pooled."""

from __future__ import annotations

import streamlit as st

from pages.parts import publishing, sharing
from pages.parts.sheet import Sheet

figures = publishing.figures()
if not figures:
    st.info("No published figures are installed: sample_runs/published is missing.")
    st.stop()

st.caption(
    f"{len(figures):,} figures from papers and repositories, each with its source and how it was read. Values are per "
    "cent unless the metric says otherwise; a blank budget means that the source gives none."
)
found = publishing.search(figures)
share, sheet = st.container(), Sheet()
curves_tab, table_tab = st.tabs(["Curves", "Figures"], key="below", bind="query-params")
with curves_tab:
    publishing.curves(sheet, found)
with table_tab:
    publishing.table(sheet, found)
with share:  # last, since what is published is what was drawn
    sharing.offer("published-results", lambda _: sheet.blocks, "Published results")
