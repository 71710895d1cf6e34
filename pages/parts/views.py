"""Published views, as a visitor may use them: they need no application, and none is opened for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import streamlit as st

from budgetscape.access import SNAPSHOTS, through
from engine.client.one_file import one_file
from engine.errors import BudgetscapeError
from engine.figures.blocks import drawn
from engine.snapshot import Snapshot
from pages.parts import visitor
from pages.parts.assets import plotly_file
from store.home import Home
from store.snapshots import Snapshots


@dataclass(frozen=True, slots=True)
class Entry:
    """A published view in a list."""

    id: str
    title: str
    published: date


def snapshots() -> Snapshots:
    """All that is published."""
    return through(Snapshots(Home.find().snapshots), visitor.role(), SNAPSHOTS)


def snapshot(snapshot_id: str) -> Snapshot:
    """Read anew, so that a withdrawn one is gone at once, and checked once."""
    return _snapshot(snapshot_id, snapshots().read(snapshot_id))


@st.cache_resource(max_entries=8, show_spinner=False)
def _snapshot(snapshot_id: str, _data: bytes) -> Snapshot:
    return Snapshot.from_bytes(_data, snapshot_id)


@st.cache_resource(max_entries=8, show_spinner=False)
def drawn_blocks(snapshot_id: str) -> list[dict[str, Any]]:
    """The blocks of a snapshot as the browser draws them."""
    return [drawn(block) for block in snapshot(snapshot_id).blocks]


@st.cache_resource(max_entries=4, show_spinner="Writing the file")
def saved_file(snapshot_id: str) -> bytes:
    """A snapshot as one file that needs no network."""
    return one_file(snapshot(snapshot_id), snapshot_id, plotly_file().read_text(encoding="utf-8"))


def published() -> list[Entry]:
    """All views that can be opened, the newest first."""
    return [entry for name in snapshots().names() if (entry := _entry(name)) is not None]


@st.cache_data(max_entries=500, show_spinner=False)
def _entry(snapshot_id: str) -> Entry | None:
    try:
        found = snapshots().open(snapshot_id)
    except BudgetscapeError:
        return None
    return Entry(snapshot_id, found.title, found.published)
