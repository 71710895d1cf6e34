"""Every search of a surface on the page: new, validating or repeat, and the evidence that it was the first to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from engine.analysis.looks import Sent, by_hops, by_place, by_think
from engine.figures.looks import labels_info, looks_rows
from engine.figures.markdown import literal
from pages.parts import resources, weighing
from pages.parts.allocating import chart

if TYPE_CHECKING:
    from engine.analysis.panel import Group, Panel
    from pages.parts.filtering import Spending
    from store.values import Slice


def every_search(panel: Panel, chosen: Spending) -> None:
    """Read from the runs themselves, so only when asked for."""
    st.subheader("What every search was", anchor=False)
    st.caption(
        "New: it showed a passage that the run had not seen. Validating: other words, nothing new. Repeat: the same "
        "words once more. Counted at the largest search budget."
    )
    asked = st.toggle("Read every search", key="every_search", bind="query-params")
    if not asked:
        return
    found = _searches(resources.version(), weighing.slice_of(chosen), panel.group)
    if not any(run.labels for run in found):
        st.info(literal(f"No run of {panel.group.name} sent a search."))
        return
    left, right = st.columns(2, gap="large")
    with left:
        chart(labels_info(by_think(found)), "labels", "What searches were, by reasoning budget")
    with right:
        for what, rows in (("hops", by_hops(found)), ("search of the run", by_place(found))):
            frame = pd.DataFrame(looks_rows(rows, what))
            st.dataframe(frame, hide_index=True, key=f"looks {what}")


@st.cache_resource(max_entries=16, show_spinner=False)
def _searches(
    as_of: str,  # noqa: ARG001  (the key of the cache)
    where: Slice,
    group: Group,
) -> tuple[Sent, ...]:
    from budgetscape.searched import searches

    bar = st.progress(0.0, "Reading every search")
    try:
        return searches(
            resources.application().store, where, group, lambda share: _tell(bar, share)
        )
    finally:
        bar.empty()


def _tell(bar: st.delta_generator.DeltaGenerator, share: float) -> None:
    bar.progress(min(1.0, share), "Reading every search")
