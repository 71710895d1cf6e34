"""What the page of published results shows: the search, one source's curves with ours over them, the figures."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from engine.analysis.published import (
    GRADES,
    Figure,
    PublishedCurve,
    cautions,
    published_curves,
    searched,
)
from engine.figures.markdown import literal
from engine.figures.published import label, overlay_info, source_info
from engine.figures.surface import METRICS
from pages.parts import resources
from pages.parts.sheet import Sheet

MOST_CURVES = 6
LONGEST_SEARCH = 200


@st.cache_data(max_entries=1, show_spinner="Reading the published figures")
def figures() -> tuple[Figure, ...]:
    from budgetscape.wiring import samples_folder
    from store.published import read_published

    return read_published(samples_folder() / "published")


def search(every: Sequence[Figure]) -> list[Figure]:
    """The figures under the filters, which the link keeps."""
    words = st.text_input(
        "Search",
        key="words",
        bind="query-params",
        placeholder="words in any column, such as: CoRAG MuSiQue F1",
        max_chars=LONGEST_SEARCH,
    )
    columns = st.columns(3)
    picked = {
        name: columns[i].multiselect(
            title,
            sorted({str(getattr(f, name)) for f in every}),
            key=name,
            bind="query-params",
            placeholder="All",
        )
        for i, (name, title) in enumerate(
            (("dataset", "Data sets"), ("metric", "Metrics"), ("evidence", "Evidence"))
        )
    }
    found = searched(every, words or "")
    return [
        f for f in found if all(not some or getattr(f, n) in some for n, some in picked.items())
    ]


def table(sheet: Sheet, found: Sequence[Figure]) -> None:
    """All figures that were found; the source stands beside each number."""
    sheet.quiet(f"{len(found):,} figures")
    if not found:
        st.info("No figure has all of these words. Try fewer.")
        return
    frame = pd.DataFrame(found, columns=Figure._fields)
    sheet.table("The figures", frame, "figures", folded=True)
    with st.expander("What the grades of evidence mean", icon=":material/rule:"):
        for grade, meaning in GRADES.items():
            st.markdown(f"- **{grade}**: {literal(meaning)}")


def curves(sheet: Sheet, found: Sequence[Figure]) -> None:
    """Curves of one source, one unit and one metric: as published, and over ours."""
    every = published_curves(found)
    if not every:
        st.info(
            "No curve of at least three budgets is among these figures. The table has them one by one."
        )
        return
    axes = sorted({_axis(c) for c in every}, key=lambda a: (-sum(_axis(c) == a for c in every), a))
    axis = st.selectbox(
        "Source, metric and axis",
        axes,
        format_func=lambda a: " · ".join(a).replace("_", " "),
        key="source",
        bind="query-params",
        help="One source at a time: figures of different papers never share an axis",
    )
    here = [c for c in every if _axis(c) == (axis or axes[0])]
    offered = [label(c) for c in here]
    if not set(st.session_state.get("curves", ())) & set(offered):
        st.session_state.pop("curves", None)  # they were of another source
    names = st.multiselect(
        f"Curves (at most {MOST_CURVES})",
        offered,
        default=offered[:MOST_CURVES],
        max_selections=MOST_CURVES,
        key="curves",
        bind="query-params",
    )
    chosen = [c for c in here if label(c) in names]
    left, right = st.columns(2, gap="large")
    with left:
        sheet.heading("As published")
        what = "The curves of this source as published"
        sheet.chart(source_info(chosen), "published", what)
    with right:
        sheet.heading("Laid over ours")
        _overlay(sheet, chosen)
    _beware(sheet, chosen, found)


def _axis(curve: PublishedCurve) -> tuple[str, str, str]:
    return curve.source, curve.metric, curve.unit


def _overlay(sheet: Sheet, chosen: Sequence[PublishedCurve]) -> None:
    metric = st.selectbox(
        "Our quality",
        list(METRICS),
        format_func=METRICS.__getitem__,
        key="ours",
        bind="query-params",
    )
    cells = resources.default_cells(metric)
    sheet.chart(
        overlay_info(chosen, cells, resources.looks()),
        "overlay",
        "Published curves and ours, each over its own best",
    )
    sheet.quiet(
        "Each curve is divided by its own best score and its own largest budget, so shapes can be compared and levels "
        "cannot. Ours are dotted: the largest sweep, the other budget at its largest. Budget 0 has no place on a "
        "logarithmic axis."
    )


def _beware(sheet: Sheet, chosen: Sequence[PublishedCurve], found: Sequence[Figure]) -> None:
    """The source under the plot, and the cautions that apply to what is drawn."""
    if not chosen:
        return
    sheet.quiet(f"Source: {chosen[0].source}.")
    same = [f for f in found if f.source == chosen[0].source and f.metric == chosen[0].metric]
    drawn = dict.fromkeys(text for c in chosen for text in c.cautions)
    for text in drawn:
        sheet.warning(text)
    others = [text for text in cautions(same) if text not in drawn]
    if others:
        with st.expander("More cautions about this source", icon=":material/info:"):
            for text in others:
                st.markdown(f"- {literal(text)}")
