"""Files from the browser: kept aside under harmless names, looked into by a child, taken in on demand."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from engine.errors import BudgetscapeError, InputError
from pages.parts import guide, state
from pages.parts.state import Held

if TYPE_CHECKING:
    from budgetscape.library import Library


def files(
    library: Library, place: str, label: str, endings: Sequence[str], help: str
) -> Held | None:
    """What this tab has given to a place on the page; None while it has given nothing."""
    from budgetscape.jobs import keep_upload

    session = state.session()
    given = st.file_uploader(
        label,
        type=[ending.removeprefix(".") for ending in endings],
        accept_multiple_files=True,
        key=f"{place} {session.given.get(place, 0)}",
        help=help,
    )
    ids = tuple(one.file_id for one in given or ())
    held = session.held.get(place)
    if held is not None and held.ids != ids:
        shutil.rmtree(held.folder, ignore_errors=True)
        session.held.pop(place)
        held = None
    if held is None and ids:
        with st.spinner("Keeping the files"):
            folder, paths = keep_upload(library.home, [(f.name, f.getvalue()) for f in given])
        held = session.held[place] = Held(ids, folder, paths)
    return held


def look(library: Library, held: Held, words: Sequence[str]) -> dict[str, Any] | None:
    """What the files hold, asked with these words; None after saying what is wrong with them."""
    asked = tuple(words)
    if asked not in held.looks:
        with st.spinner("Looking into the files"):
            try:
                held.looks[asked] = library.look(list(words))
            except BudgetscapeError as error:
                held.looks[asked] = str(error)
    found = held.looks[asked]
    if isinstance(found, str):
        guide.trouble(InputError(found))
        return None
    return found


def taken(place: str) -> None:
    """The files of a place belong to a job now; the place is empty again."""
    session = state.session()
    session.held.pop(place, None)
    session.given[place] = session.given.get(place, 0) + 1
