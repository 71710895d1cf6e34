"""What a session remembers beside its widgets, typed, and the few links that widgets cannot keep themselves.

The classes live here, in an imported module, because a class inside a page script is a new one at every rerun.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin

import streamlit as st

from engine.analysis.traces import MOST
from engine.figures.lanes import Opened
from engine.figures.lanes_wire import chosen
from engine.sweeps.quote import Quote
from engine.view import View, numbers

_KEY = "budgetscape"
_SWEEP = "sweep"
_RUN, _CELL, _LANE, _OPEN = "run", "cell", "lane", "open"
_AT, _CAMERA, _SNAPSHOT = "at", "camera", "id"
_LONGEST_ID = 100
_MOST_OPEN = 40


@dataclass(frozen=True, slots=True)
class Chosen:
    """One cell of one strategy and model, as the reader picked it on the surface or the map."""

    strategy: str
    model: str
    search: int
    think: int

    def to_link(self) -> list[str]:
        return [self.strategy, self.model, str(self.search), str(self.think)]

    @classmethod
    def from_link(cls, parts: Sequence[str]) -> Chosen | None:
        """None for anything that is not a cell."""
        if len(parts) != 4 or not (parts[2].isdigit() and parts[3].isdigit()):
            return None
        return cls(parts[0][:200], parts[1][:200], int(parts[2][:9]), int(parts[3][:9]))


@dataclass(slots=True)
class Held:
    """Files that this tab sent and that are not taken in yet."""

    ids: tuple[str, ...]
    folder: Path
    paths: list[Path]
    looks: dict[tuple[str, ...], dict[str, Any] | str] = field(default_factory=dict)
    """What was found in them, by the words that asked; a text is what is wrong with them."""


@dataclass(slots=True)
class Session:
    """One browser tab's memory."""

    at: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Where the dials of each page were last let go: search, think."""
    let_go: dict[str, Any] = field(default_factory=dict)
    """When that was, as the browser says; only ever compared."""
    pressed: bool = False
    """Run was pressed and no script has got as far as starting it. A button's own value is gone when its rerun
    is cut short by the next one."""

    several: bool = False
    """What was pressed asks for several runs at once."""
    tour: int | None = None
    """The step of the tour that is next; None when nobody is on it."""
    lanes: list[str] = field(default_factory=list)
    """The runs that were pinned or chosen to be compared."""
    lanes_before: list[str] = field(default_factory=list)
    """The lanes before the last time that a run was taken out of them; empty when there is nothing to undo."""

    quote: tuple[str, Quote, int] | None = None
    """The last quote of a sweep: of which plan and caps, what it says, and how many trajectories are recorded."""
    held: dict[str, Held] = field(default_factory=dict)
    """Uploads by the place on the page that they were given to."""
    given: dict[str, int] = field(default_factory=dict)
    """How often an upload of that place was taken in; the next one starts empty."""
    wrong_key: bool = False
    """Something that is no name was typed where the name of a variable belongs; it was forgotten at once."""
    undo: tuple[str, str] | None = None
    """The id of what this tab deleted last, and what it was."""
    planned: dict[str, Any] = field(default_factory=dict)
    """First values of the form for a sweep, as an analysis asked for them."""
    trouble: str = ""
    """What a button could not do, to be said by the run of the script that follows."""


def session() -> Session:
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Session()
    remembered: Session = st.session_state[_KEY]
    return remembered


def press() -> None:
    """Run was pressed: called before the script runs, so it holds however often that is cut short."""
    session().pressed = True


def press_several() -> None:
    """Several runs were asked for."""
    press()
    session().several = True


def taken() -> None:
    """What was pressed has been seen to."""
    session().pressed = session().several = False


def shown_run() -> str | None:
    """The run that the link names."""
    return st.query_params.get(_RUN)


def show_run(run_id: str | None) -> None:
    if run_id is None:
        st.query_params.pop(_RUN, None)
    elif st.query_params.get(_RUN) != run_id:
        st.query_params[_RUN] = run_id


def shown_sweep() -> str | None:
    """The sweep that the link names."""
    return st.query_params.get(_SWEEP)


def show_sweep(name: str | None) -> None:
    if name is None:
        st.query_params.pop(_SWEEP, None)
    else:
        st.query_params[_SWEEP] = name


def chosen_cell() -> Chosen | None:
    return Chosen.from_link(st.query_params.get_all(_CELL))


def choose_cell(cell: Chosen) -> None:
    st.query_params[_CELL] = cell.to_link()
    show_run(None)


def lanes() -> list[str]:
    """The runs to compare, from the link where it names some, else those pinned before."""
    named = [run_id[:_LONGEST_ID] for run_id in st.query_params.get_all(_LANE) if run_id]
    if named:
        session().lanes = list(dict.fromkeys(named))[:MOST]
    return list(session().lanes)


def set_lanes(run_ids: Sequence[str]) -> None:
    """Keep the runs to compare for every page of this tab, and in the link."""
    kept = list(dict.fromkeys(run_ids))[:MOST]
    if len(kept) < len(session().lanes):
        session().lanes_before = session().lanes
    if kept != session().lanes:
        st.query_params.pop(_OPEN, None)
    session().lanes = kept
    _put(_LANE, kept)


def linked_at() -> tuple[int, int] | None:
    """Where the link says the dials stand: search, think."""
    found = numbers(st.query_params.get(_AT, ""), 2)
    return None if found is None else (int(found[0]), int(found[1]))


def link_at(at: tuple[int, int]) -> None:
    st.query_params[_AT] = f"{at[0]},{at[1]}"


def camera() -> tuple[float, ...]:
    """Eye and centre of the camera in the link; empty for the usual view."""
    return numbers(st.query_params.get(_CAMERA, ""), 6) or ()


def link_camera(camera: Sequence[float]) -> None:
    st.query_params[_CAMERA] = ",".join(f"{number:.2f}" for number in camera)


def shown_snapshot() -> str | None:
    """The published view that the link names."""
    return st.query_params.get(_SNAPSHOT)


def query() -> dict[str, list[str]]:
    """All that the link says; of what was emptied, that it is empty."""
    return {name: st.query_params.get_all(name) or [""] for name in st.query_params}


def address(view: View) -> str:
    """The whole address of a view on this server."""
    return urljoin(st.context.url or "", view.link)


def lanes_taken_out() -> int:
    """How many runs an undo would put back."""
    return len(set(session().lanes_before) - set(session().lanes))


def undo_lanes() -> None:
    """Put back what was last taken out of the lanes."""
    before, session().lanes_before = session().lanes_before, []
    set_lanes([*before, *session().lanes])


def link() -> str:
    """The address that opens this page as it is."""
    said = [(name, value) for name in st.query_params for value in st.query_params.get_all(name)]
    return f"{st.context.url or ''}?{urlencode(said)}"


def opened() -> list[Opened]:
    """The steps that the link says are open in the lanes."""
    said = (chosen(text) for text in st.query_params.get_all(_OPEN)[:_MOST_OPEN])
    return [step for step in said if step is not None]


def set_opened(steps: Sequence[Opened]) -> None:
    _put(_OPEN, [f"{lane}:{step}" for lane, step in steps[:_MOST_OPEN]])


def _put(name: str, values: Sequence[str]) -> None:
    if values == st.query_params.get_all(name):
        return
    if values:
        st.query_params[name] = list(values)
    else:
        st.query_params.pop(name, None)
