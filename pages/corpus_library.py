"""Corpus library: what there is to search, to ask and to be asked: added, probed, deleted and brought back."""

from __future__ import annotations

import streamlit as st

from pages.parts import (
    library_bundles,
    library_corpora,
    library_endpoints,
    library_questions,
    library_runs,
    library_work,
    resources,
)

PARTS = {
    "Corpora": library_corpora.show,
    "Questions": library_questions.show,
    "Endpoints": library_endpoints.show,
    "Runs": library_runs.show,
    "Bundles": library_bundles.show,
}

with st.spinner("Opening models and store"):
    app = resources.application()
library_work.show(app.library)
tabs = st.tabs(list(PARTS), key="part", bind="query-params", on_change="rerun")
for tab, draw in zip(tabs, PARTS.values(), strict=True):
    if tab.open:
        with tab:
            draw(app)
library_work.recently_deleted(app.library)
