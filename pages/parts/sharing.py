"""Sharing what a page shows: its link, published as a snapshot, or saved as one file; and the snapshots themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from engine.errors import BudgetscapeError
from engine.figures.blocks import Block
from engine.figures.markdown import literal
from engine.snapshot import LONGEST_NOTES, LONGEST_TITLE, Snapshot
from engine.view import LONGEST_LINK, PAGES, View
from pages.parts import dials, guide, state, views, visitor

PAGE = str(Path(__file__).parents[1] / "shared_view.py")
Progress = Callable[[float, str], None]
Freeze = Callable[[Progress], Sequence[Block]]
"""Gathers all that a page shows, saying how far it is."""
_PUBLISHED, _WITHDRAWN = "share_published", "share_withdrawn"


def offer(page: str, freeze: Freeze, title: str) -> None:
    """The button Share: everything a person needs to pass on what this page shows."""

    @st.fragment
    def drawn() -> None:
        with st.popover(
            "Share", icon=":material/share:", help="As a link, published, or as a file"
        ):
            st.caption("This page as a link, for those who can open this dashboard:")
            dials.address(
                PAGES[page], LONGEST_LINK, "This view has more choices than a link holds."
            )
            if visitor.role() == "editor":
                _publish(page, freeze, title)

    drawn()


def _publish(page: str, freeze: Freeze, title: str) -> None:
    try:
        view = View.of(page, state.query())
    except (
        BudgetscapeError
    ) as error:  # more choices than a link holds: the page itself is none the worse
        guide.trouble(error)
        return
    st.caption(
        "Published, it stays as it is now, whatever is measured later. Whoever has its link can open it, and save it "
        "as a file that needs no network."
    )
    name = st.text_input("Title", title, max_chars=LONGEST_TITLE, key="share_title")
    notes = st.text_area(
        "Notes",
        max_chars=LONGEST_NOTES,
        key="share_notes",
        placeholder="What should others see in it?",
    )
    if st.button("Publish", type="primary", icon=":material/publish:", key="share_publish"):
        bar = st.progress(0.0, "Gathering what is shown")
        try:
            blocks = freeze(lambda share, what: _tell(bar, share, what))
            made = views.snapshots().publish(Snapshot.of(view, name or "", notes or "", blocks))
            st.session_state[_PUBLISHED] = (view, made)
        except BudgetscapeError as error:
            guide.trouble(error)
        bar.empty()
    shown, made = st.session_state.get(_PUBLISHED, (None, ""))
    if made and shown == view:
        st.success("Published. Its link:", icon=":material/check:")
        link = state.address(View.of("shared-view", {"id": [made]}))
        st.code(link, language=None, wrap_lines=True)
        with st.container(horizontal=True, vertical_alignment="center"):
            query = {"id": made}
            st.page_link(PAGE, label="Open it", icon=":material/open_in_new:", query_params=query)
            _save(made)


def _tell(bar: st.delta_generator.DeltaGenerator, share: float, what: str) -> None:
    bar.progress(min(1.0, share), what)


# ------------------------------------------------------------------------------------------- shared views


def listed() -> None:
    """What was published here, with the ways to open and to withdraw it."""
    if visitor.role() != "editor":
        visitor.arrive_by_link()
        return
    found = views.published()
    if not found:
        guide.nothing_shared()
    for one in found:
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{literal(one.title)}** · {one.published.isoformat()}", width="stretch")
            query = {"id": one.id}
            st.page_link(PAGE, label="Open", icon=":material/open_in_new:", query_params=query)
            if st.button("Withdraw", key=f"withdraw_{one.id}", icon=":material/link_off:"):
                views.snapshots().withdraw(one.id)
                st.session_state[_WITHDRAWN] = one.id
                st.rerun()
    if _WITHDRAWN in st.session_state:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Withdrawn: its link opens nothing any more.")
            if st.button("Undo", key="share_undo", icon=":material/undo:"):
                views.snapshots().restore(st.session_state.pop(_WITHDRAWN))
                st.rerun()


def show(snapshot_id: str) -> None:
    """A published view, as it was."""
    with st.spinner("Opening the view"):
        snapshot = views.snapshot(snapshot_id)
        blocks = views.drawn_blocks(snapshot_id)
    told = {
        "title": snapshot.title,
        "notes": snapshot.notes,
        "published": snapshot.published.isoformat(),
    }
    with st.container(horizontal=True, horizontal_alignment="right"):
        _save(snapshot_id)
    dials.shared(snapshot_id, told, blocks)


def _save(snapshot_id: str) -> None:
    st.download_button(
        "Save as one file",
        lambda: views.saved_file(snapshot_id),
        file_name=file_name(views.snapshot(snapshot_id).title),
        mime="text/html",
        icon=":material/download:",
        help="One HTML file that works without this server and without a network",
        key="share_save",
        on_click="ignore",
    )


def file_name(title: str) -> str:
    """A name that every system keeps: 'Búdget: <b>' -> 'B-dget-b.html'"""
    return (re.sub(r"[^A-Za-z0-9]+", "-", title).strip("-")[:60] or "shared-view") + ".html"
