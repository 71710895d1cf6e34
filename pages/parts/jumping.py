"""Jump to anywhere, and the keys: in the frame of every page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from pages.parts import dials, guide, resources, state

MOST_SWEEPS = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere to go."""

    label: str
    hint: str
    page: Any
    """What `st.navigation` was given."""
    query: dict[str, str | list[str]]


def bar(pages: Sequence[Any], surface: Any, compare: Any) -> None:
    """The two buttons and their dialogs; goes where was chosen."""
    places = places_of(pages, surface, compare)
    chosen = dials.palette([(p.label, p.hint) for p in places], guide.KEYS)
    if chosen is not None:
        st.switch_page(places[chosen].page, query_params=places[chosen].query)


def places_of(pages: Sequence[Any], surface: Any, compare: Any) -> list[Place]:
    """All pages, the runs this tab has pinned, and the sweeps; what others asked is nobody's to jump to."""
    found = [Place(page.title, page.help or "", page, {}) for page in pages]
    lanes = state.lanes()
    if lanes:
        told = f"{len(lanes)} pinned run{'s' * (len(lanes) != 1)}"
        found.append(Place("Compare pinned runs", told, compare, {"lane": lanes}))
    names = [name for name in resources.known_sweeps() if name not in resources.BESIDE]
    return found + [
        Place(f"Surface of {name}", "sweep", surface, {"sweep": name})
        for name in names[:MOST_SWEEPS]
    ]
