"""Bundles on the page: a sweep out as one file, a sweep in from one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from engine.errors import BudgetscapeError
from engine.figures.markdown import literal
from pages.parts import guide, resources, uploading

if TYPE_CHECKING:
    from budgetscape.wiring import App

PLACE = "bundle_file"


def show(app: App) -> None:
    """Every sweep that has runs can be taken away; another's can be taken in."""
    from store.bundle_zip import zip_bytes

    st.caption(
        "A bundle is a sweep that travels: all its runs with their traces, checked by hash when it is taken in. "
        "Whoever gets it sees the same surface."
    )
    rows = [row for row in app.store.sweeps() if row.runs and row.name not in resources.BESIDE]
    if not rows:
        guide.nothing_measured()
    for row in rows:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{literal(row.name)}**", width="content")
            st.caption(f"{row.runs:,} runs of {row.questions:,} questions", width="stretch")
            st.download_button(
                "Take it away",
                data=partial(zip_bytes, app.store, row.name),
                file_name=f"{row.name}.zip",
                mime="application/zip",
                icon=":material/download:",
                key=f"bundle {row.name}",
                on_click="ignore",
            )
    st.subheader("Take a bundle in", anchor=False)
    held = uploading.files(
        app.library, PLACE, "A bundle", (".zip",), "A file that was taken away like this."
    )
    if held is None:
        return
    if st.button("Take it in", icon=":material/upload:", type="primary", key="bundle_take"):
        try:
            for path in held.paths[:1]:
                app.library.take_bundle(path, held.folder)
        except BudgetscapeError as error:
            guide.trouble(error)
            return
        uploading.taken(PLACE)
        st.rerun()
