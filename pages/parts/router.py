"""The navigation script, run at every visit and rerun: the frame around all pages."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from engine.errors import BudgetscapeError
from pages.parts import guide, jumping, state, tour, visitor
from pages.parts.assets import CLIENT

PAGES = Path(__file__).parents[1]
ICON = CLIENT / "icon.svg"

role = visitor.role()
editor = role == "editor"
alone = st.context.is_embedded or visitor.sharing_only()
"""A view without the frame around it."""

live_query = st.Page(
    PAGES / "live_query.py",
    title="Live query",
    icon=":material/bolt:",
    default=editor,
    help="Ask a question at a budget of your choice and watch the answer being found",
)
quality_surface = st.Page(
    PAGES / "quality_surface.py",
    title="Quality surface",
    icon=":material/landscape:",
    url_path="quality-surface",
    help="Measured quality over both budgets, down to the single run",
)

trace_compare = st.Page(
    PAGES / "trace_compare.py",
    title="Trace compare",
    icon=":material/compare_arrows:",
    url_path="trace-compare",
    help="Runs side by side: where they part and what each extra unit bought",
)
sweep_runs = st.Page(
    PAGES / "sweep_runs.py",
    title="Sweep runs",
    icon=":material/grid_on:",
    url_path="sweep-runs",
    help="Plan a sweep, see its quote, start it, watch it, pause, resume or cancel it",
)

budget_allocation = st.Page(
    PAGES / "budget_allocation.py",
    title="Budget allocation",
    icon=":material/balance:",
    url_path="budget-allocation",
    help="Where the next unit goes, what is worth its price, and whether search scales like reasoning",
)

summary = st.Page(
    PAGES / "summary.py",
    title="Summary",
    icon=":material/summarize:",
    url_path="summary",
    help="A sweep in a minute: what to run, what it rests on, and what to be careful with",
)

corpus_library = st.Page(
    PAGES / "corpus_library.py",
    title="Corpus library",
    icon=":material/library_books:",
    url_path="corpus-library",
    help="Corpora, question sets, endpoints, runs and bundles: add, probe, import, delete, bring back",
)

your_system = st.Page(
    PAGES / "your_system.py",
    title="Your system",
    icon=":material/rocket_launch:",
    url_path="your-system",
    help="Five steps put your own agent or endpoint, corpus and questions on the map",
)

published_results = st.Page(
    PAGES / "published_results.py",
    title="Published results",
    icon=":material/menu_book:",
    url_path="published-results",
    help="The papers' own figures, searchable, their curves laid over ours",
)

shared_view = st.Page(
    PAGES / "shared_view.py",
    title="Shared view",
    icon=":material/share:",
    url_path="shared-view",
    help="What was published here: views that stay as they were, for anyone with their link",
)

arrival = st.Page(visitor.arrive, title="Budgetscape", default=True, visibility="hidden")

st.set_page_config(
    page_icon=ICON, layout="wide"
)  # before the pages: their icons would be fetched from elsewhere
PLACES = [
    live_query,
    trace_compare,
    quality_surface,
    budget_allocation,
    summary,
    sweep_runs,
    corpus_library,
    your_system,
    published_results,
    shared_view,
]
if not editor:
    PLACES = [
        place
        for place in PLACES
        if place not in (live_query, sweep_runs, corpus_library, your_system)
    ]
if visitor.sharing_only():
    PLACES = [shared_view]
page = st.navigation(
    PLACES if editor else [arrival, *PLACES],
    position="hidden" if alone or role is None else "top",
)
opened = page.url_path == shared_view.url_path and state.shown_snapshot() is not None
st.set_page_config(page_title=f"{page.title} · Budgetscape", page_icon=ICON)
if role is None:
    st.title("Budgetscape", anchor=False)
    visitor.way_in()
    st.stop()
if not alone:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.title("" if opened else page.title, anchor=False, width="stretch")
        jumping.bar(PLACES, quality_surface, trace_compare)
        visitor.way_out()
if editor:
    tour.card(page, PLACES)
try:
    page.run()
except BudgetscapeError as error:
    guide.trouble(error)
