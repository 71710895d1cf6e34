"""What a session remembers beside its widgets, typed, and the few links that widgets cannot keep themselves.

The classes live here, in an imported module, because a class inside a page script is a new one at every rerun.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import streamlit as st

_KEY = "budgetscape"
_RUN, _CELL = "run", "cell"


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
class Session:
    """One browser tab's memory."""

    at: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Where the dials of each page were last let go: search, think."""
    pressed: bool = False
    """Run was pressed and no script has got as far as starting it. A button's own value is gone when its rerun
    is cut short by the next one."""


def session() -> Session:
    if _KEY not in st.session_state:
        st.session_state[_KEY] = Session()
    remembered: Session = st.session_state[_KEY]
    return remembered


def press() -> None:
    """Run was pressed: called before the script runs, so it holds however often that is cut short."""
    session().pressed = True


def taken() -> None:
    """What was pressed has been seen to."""
    session().pressed = False


def shown_run() -> str | None:
    """The run that the link names."""
    return st.query_params.get(_RUN)


def show_run(run_id: str | None) -> None:
    if run_id is None:
        st.query_params.pop(_RUN, None)
    elif st.query_params.get(_RUN) != run_id:
        st.query_params[_RUN] = run_id


def chosen_cell() -> Chosen | None:
    return Chosen.from_link(st.query_params.get_all(_CELL))


def choose_cell(cell: Chosen) -> None:
    st.query_params[_CELL] = cell.to_link()
    show_run(None)
