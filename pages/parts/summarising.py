"""What the summary page shows, from one frozen value: nothing here asks the store for anything else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from engine.figures.markdown import literal, on_one_line
from engine.figures.summary import Shown, Side, SummaryInfo
from engine.figures.summary_export import as_markdown
from pages.parts import dials, resources, state, tables, weighing

if TYPE_CHECKING:
    from engine.figures.palette import Identity
    from pages.parts.filtering import Spending
    from store.history import Slice

PAGES = Path(__file__).parents[1]
GROUP = "summary"


def summary_of(chosen: Spending) -> SummaryInfo:
    return _summary(
        resources.version(),
        chosen.filters.sweep,
        weighing.slice_of(chosen),
        chosen.metric,
        chosen.unit,
        chosen.margin,
    )


@st.cache_resource(max_entries=16, show_spinner="Summing up")
def _summary(
    as_of: str,  # noqa: ARG001  (the key of the cache)
    sweep: str,
    where: Slice,
    metric: str,
    unit: str,
    margin: float,
) -> SummaryInfo:
    from budgetscape.summarising import Wanted, summary

    app = resources.application()
    wanted = Wanted(sweep, where, metric, unit, margin)
    return summary(app.store, wanted, resources.looks(), app.on_board())


def heading(info: SummaryInfo) -> None:
    """What was asked and what was measured."""
    st.subheader(literal(info.question), anchor=False)
    st.caption(literal(f"Sweep {info.sweep}. {info.measured}"))


def surface(info: SummaryInfo) -> None:
    """The surface as it was measured; a click goes to its cell."""
    at = info.at or resources.start(info.surface)
    clicked = dials.surface(info.surface, info.dials, at, group=GROUP)
    st.markdown(" · ".join(_name(r.look) for r in info.dials.readings))
    st.caption(drawn(info))
    page = str(PAGES / "quality_surface.py")
    if clicked is not None:
        st.switch_page(page, query_params={**_query(), "cell": clicked.to_link()})
    st.page_link(page, label="Open the surface", icon=":material/landscape:", query_params=_query())


def drawn(info: SummaryInfo) -> str:
    """What the signs of the surface mean."""
    marked = "; the line marks the recommended budgets" if info.at else ""
    return f"Points with 95 % intervals are measured, the sheets between drawn through{marked}."


def _name(look: Identity) -> str:
    """A strategy and model in their colour."""
    return f':color[{look.glyph}]{{foreground="{look.colour}"}} {literal(look.label)}'


def card(info: SummaryInfo) -> None:
    """The recommendation, its evidence one click away."""
    held = info.card
    with st.container(border=True):
        st.markdown("**Recommendation**")
        st.markdown(literal(held.sentence))
        if held.facts:
            _evidence(info)
        st.page_link(
            str(PAGES / "budget_allocation.py"),
            label="Weigh it yourself",
            icon=":material/balance:",
            query_params=_query(),
        )


def _evidence(info: SummaryInfo) -> None:
    grid = st.grid(2, min_column_width=150)
    for fact in info.card.facts:
        grid.metric(fact.name, fact.value, help=literal(fact.meaning) or None)
    st.caption(literal(info.card.note))
    with st.expander("Evidence: every setting against the best", icon=":material/table:"):
        tables.table(standings(info), "summary_standings")


def standings(info: SummaryInfo) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "setting": s.setting,
            info.unit: s.spend,
            info.quality: s.quality,
            "difference": s.difference,
            "low": s.low,
            "high": s.high,
            "within the margin": s.state + (", tied" if s.tied else ""),
        }
        for s in info.card.standings
    )


def answers(info: SummaryInfo) -> None:
    """The questions that people have next."""
    for one in info.said:
        st.markdown(f"**{literal(one.question)}** {literal(one.answer)}")


def examples(info: SummaryInfo) -> None:
    """What more of each budget bought, each example with its traces."""
    st.subheader("What more of each budget bought", anchor=False, help=literal(info.rule))
    st.caption(literal(f"{info.examples_of}. {info.rule}"))
    for column, one in zip(st.columns(len(info.examples)), info.examples, strict=True):
        with column, st.container(border=True):
            _example(one)


def _example(one: Shown) -> None:
    st.markdown(f"**{literal(one.title)}**")
    if one.step:
        st.caption(literal(f"{one.step}."))
    st.markdown(literal(one.bought))
    if one.before is None or one.after is None:
        return
    st.text(one.question)
    told = [one.difficulty] * bool(one.difficulty) + [f"right answer: {one.gold}"] * bool(one.gold)
    st.caption(on_one_line(" · ".join(told)))
    for side in (one.before, one.after):
        _side(side)
    st.page_link(
        str(PAGES / "trace_compare.py"),
        label="Compare the two traces",
        icon=":material/compare_arrows:",
        query_params={"lane": list(one.run_ids)},
    )


def _side(side: Side) -> None:
    mark = {True: ":green[✓]", False: ":red[✗]", None: ""}[side.right]
    st.markdown(f"{mark} **{literal(side.budget)}**: {literal(side.verdict) or 'no gold known'}")
    st.text(side.answer or "no answer")
    st.caption(literal(f"{side.used}."))


def caveats(info: SummaryInfo) -> None:
    st.subheader("Before quoting a number", anchor=False)
    st.markdown("\n".join(f"- {literal(text)}" for text in info.caveats))


def files(info: SummaryInfo) -> None:
    """The summary as a document."""
    link = state.link()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Markdown",
            lambda: as_markdown(info, link),
            file_name=f"summary-{info.sweep}.md",
            mime="text/markdown",
            icon=":material/download:",
            key="summary_markdown",
            on_click="ignore",
        )
        dials.printer()


def _query() -> dict[str, list[str]]:
    """The filters of this page, for another one with the same controls."""
    kept = (
        "sweep",
        "also",
        "metric",
        "unit",
        "margin",
        "strategies",
        "models",
        "hops",
        "operations",
    )
    found = {name: st.query_params.get_all(name) for name in kept}
    return {name: values for name, values in found.items() if values}
