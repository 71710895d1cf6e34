"""Every search of a surface on the page: new, validating or repeat, and the evidence that it was the first to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from engine.analysis.looks import Sent, by_hops, by_place, by_think
from engine.figures.blocks import Words
from engine.figures.looks import labels_info, looks_rows
from pages.parts import resources, weighing

if TYPE_CHECKING:
    from engine.analysis.panel import Group, Panel
    from pages.parts.filtering import Spending
    from pages.parts.sheet import Sheet
    from store.values import Slice


TITLE = "What every search was"
MEANT = (
    "New: it showed a passage that the run had not seen. Validating: other words, nothing new. Repeat: the same words "
    "once more. Counted at the largest search budget."
)


def every_search(sheet: Sheet, panel: Panel, chosen: Spending) -> None:
    """Read from the runs themselves, so only when asked for; published only when it was."""
    st.subheader(TITLE, anchor=False)
    st.caption(MEANT)
    if not st.toggle("Read every search", key="every_search", bind="query-params"):
        return
    sheet.blocks += [Words(TITLE, "heading"), Words(MEANT, "quiet")]
    found = _searches(resources.version(), weighing.slice_of(chosen), panel.group)
    if not any(run.labels for run in found):
        sheet.reason(f"No run of {panel.group.name} sent a search.")
        return
    left, right = st.columns(2, gap="large")
    with left:
        sheet.chart(
            labels_info(by_think(found)), "labels", "What searches were, by reasoning budget"
        )
    with right:
        for what, rows in (("hops", by_hops(found)), ("search of the run", by_place(found))):
            frame = pd.DataFrame(looks_rows(rows, what))
            sheet.table(f"What searches found, by {what}", frame, f"looks {what}")


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
