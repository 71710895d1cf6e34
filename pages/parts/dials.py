"""Mounts the browser parts: surface, dials, map, trace, lanes and replay.

The parts are plain modules that know no Streamlit; the glue below hands them data and takes back what they tell. What a
browser sends is checked against the levels that were offered before anything is done with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import streamlit as st

from engine.figures.dials import DialsInfo, Forecast
from engine.figures.lanes import LanesInfo, Opened
from engine.figures.lanes_wire import asked_rows, chosen, first_rows, wire
from engine.figures.replay import ReplayInfo
from engine.figures.sheets import SurfaceInfo
from engine.figures.surface import described
from engine.figures.surface_plotly import surface_figure
from engine.figures.trace import StepInfo, Summary
from pages.parts import state
from pages.parts.assets import client_address, plotly_address
from pages.parts.state import Chosen

_GLUE = """
const leave = new WeakMap();
function dressed(address) {  // one sheet for all parts: within every message it would be most of it
  let sheet = document.getElementById("bs-sheet");
  if (!sheet) {
    sheet = Object.assign(document.createElement("link"), { id: "bs-sheet", rel: "stylesheet", href: address });
    document.head.append(sheet);
  }
  const ends = ["load", "error"];
  return sheet.sheet ? null : new Promise((done) => ends.forEach((end) => sheet.addEventListener(end, done)));
}
export default function ({ parentElement, data, setStateValue, setTriggerValue }) {
  const host = parentElement.querySelector(".bs-host");
  const emit = (name, value) => (name === "at" ? setStateValue : setTriggerValue)(name, value);
  let gone = false;
  const there = (address) => new URL(address, document.baseURI).href;
  Promise.all([import(there(data.module)), dressed(there(data.sheet))]).then(([part]) => {
    if (!gone) leave.set(host, part.mount(host, data, emit));
  });
  return () => {
    gone = true;
    leave.get(host)?.();
  };
}
"""


_LARGEST = 1e9
_FARTHEST = 100.0
"""Of a camera; Plotly's own are within 3."""


def _part(name: str) -> Any:
    return st.components.v2.component(
        f"budgetscape_{name}",
        html="<div class='bs-host'></div>",
        js=_GLUE,
        isolate_styles=False,  # Plotly puts its styles into the page
    )


_surface, _dials, _map, _trace, _lanes, _replay, _palette, _shared, _print, _address = (
    _part(name)
    for name in (
        "surface",
        "dials",
        "map",
        "trace",
        "lanes",
        "replay",
        "palette",
        "shared",
        "print",
        "address",
    )
)


def _ignore() -> None:
    """A component only reports what it has a callback for."""


def _data(module: str, **data: Any) -> dict[str, Any]:
    files = client_address()
    return {"module": f"{files}/{module}.js", "sheet": f"{files}/client.css", **data}


def surface(
    info: SurfaceInfo,
    dials: DialsInfo,
    at: tuple[int, int],
    *,
    group: str,
    signs: Sequence[tuple[str, str]] = (),
    name: str = "surface",
    camera: Sequence[float] = (),
    turned: Callable[[Sequence[float]], None] | None = None,
) -> Chosen | None:
    """The 3D surface; returns the cell that was just clicked. `turned` is told where the camera was left.

    `signs` say what its signs mean, `name` is what a saved picture is called.
    """
    data = _data(
        "surface",
        figure=surface_figure(info, camera),
        dials=asdict(dials),
        at=_at(at),
        group=group,
        plotly=plotly_address(),
        alt=described(info),
        reason=info.reason,
        keeps=turned is not None,
        key=[list(pair) for pair in signs],
        name=name,
    )
    result = _surface(
        key=f"{group}_surface", data=data, on_cell_change=_ignore, on_camera_change=_ignore
    )
    if turned is not None and (seen := looked(result.camera)):
        turned(seen)
    return picked(result.cell, dials)


def dials(
    info: DialsInfo,
    at: tuple[int, int],
    *,
    group: str,
    focus: Sequence[str] = (),
    note: str = "",
    told: Forecast | None = None,
    hidden: Sequence[str] = (),
) -> tuple[int, int]:
    """The dials and their read-outs, but those hidden; returns where they were let go: search, think."""
    said = None if told is None else asdict(told)
    data = _data(
        "dials",
        dials=asdict(info),
        at=_at(at),
        group=group,
        focus=list(focus),
        note=note,
        forecast=said,
        hidden=list(hidden),
    )
    key = f"{group}_dials" if "search" not in hidden else f"{group}_readings"
    result = _dials(key=key, data=data, default={"at": None}, on_at_change=_ignore)
    return snapped(result.at, info) or at


@st.fragment
def linked(info: DialsInfo, at: tuple[int, int], *, group: str) -> None:
    """The dials, remembered and put into the link when they are let go; nothing else of the page is drawn again.

    A cell that is chosen elsewhere moves them without a word: its own message would be lost between two.
    """
    held = state.session()
    data = _data(
        "dials", dials=asdict(info), at=_at(held.at.get(group, at)), group=group, echo=False
    )
    sent = _dials(key=f"{group}_dials", data=data, default={"at": None}, on_at_change=_ignore).at
    now = snapped(sent, info)
    if now is not None and sent.get("when") != held.let_go.get(group):
        held.let_go[group] = sent.get("when")
        held.at[group] = now
        state.link_at(now)


def readings(
    info: DialsInfo, at: tuple[int, int], *, group: str, focus: Sequence[str] = ()
) -> None:
    """What every strategy and model reached where the dials stand."""
    dials(info, at, group=group, focus=focus, hidden=("search", "think"))


def cell_map(info: DialsInfo, at: tuple[int, int], *, group: str) -> Chosen | None:
    """The map of cells; returns the cell that was just chosen."""
    data = _data("map", dials=asdict(info), at=_at(at), group=group)
    result = _map(key=f"{group}_map", data=data, on_cell_change=_ignore)
    return picked(result.cell, info)


def trace(
    steps: Sequence[StepInfo],
    *,
    key: str,
    running: bool = False,
    summary: Summary | None = None,
    marks: Sequence[str] = (),
) -> None:
    """The steps of a run, `marks` marked in passages; all of it is drawn as text."""
    told = None if summary is None else asdict(summary)
    drawn = [asdict(step) for step in steps]
    data = _data("trace", steps=drawn, running=running, summary=told, marks=list(marks))
    _trace(key=key, data=data)


def replay(info: ReplayInfo, at: tuple[int, int], *, group: str) -> None:
    """A run, replayed where the dials of the group stand, with the strip of answers if stopped earlier."""
    _replay(key="replay", data=_data("replay", **asdict(info), group=group, at=_at(at)))


def lanes(
    info: LanesInfo, *, opened: Sequence[Opened], folded: bool, told: Callable[[], None] = _ignore
) -> None:
    """Runs side by side: the first rows, or those that were just asked for. `told` is called when steps were opened
    or closed, which `lanes_opened` then tells."""
    wanted = asked_rows(_sent("lanes", "rows")) or first_rows(info, folded)
    data = _data(
        "lanes",
        **wire(info, wanted),
        open=[f"{lane}:{step}" for lane, step in opened],
        folded=folded,
    )
    _lanes(key="lanes", data=data, on_open_change=told, on_rows_change=_ignore)


def lanes_opened() -> list[Opened] | None:
    """The open steps when one was just opened or closed."""
    sent = _sent("lanes", "open")
    if not isinstance(sent, list):
        return None
    said = (chosen(text) for text in sent)
    return [step for step in said if step is not None]


def _sent(key: str, name: str) -> Any:
    """What a component has just told, before it is drawn again."""
    held = st.session_state.get(key)
    return held.get(name) if isinstance(held, Mapping) else None


def shared(snapshot_id: str, told: Mapping[str, Any], blocks: Sequence[Mapping[str, Any]]) -> None:
    """A published view; it asks nothing of this server once it is there."""
    data = _data("shared", id=snapshot_id, **told, blocks=blocks, plotly=plotly_address())
    _shared(key="shared", data=data)


def looked(sent: Any) -> tuple[float, ...] | None:
    """What a browser sent as a camera: six numbers, or None."""
    if not isinstance(sent, list) or len(sent) != 6:
        return None
    found = [n for n in sent if isinstance(n, int | float) and abs(n) < _FARTHEST]
    return tuple(float(n) for n in found) if len(found) == 6 else None


def _at(at: tuple[int, int]) -> dict[str, int]:
    return {"search": at[0], "think": at[1]}


def snapped(sent: Any, info: DialsInfo) -> tuple[int, int] | None:
    """What a browser sent as the dials' place, on the nearest levels on offer; None when it is no such thing."""
    if not isinstance(sent, Mapping):
        return None
    search, think = _number(sent.get("search")), _number(sent.get("think"))
    if search is None or think is None:
        return None
    return nearest(info.search.levels, search), nearest(info.think.levels, think)


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and abs(value) < _LARGEST else None


def nearest(levels: Sequence[int], wanted: float) -> int:
    """nearest((0, 2, 8), 3) -> 2"""
    return min(levels, key=lambda level: abs(level - wanted))


def picked(sent: Any, info: DialsInfo) -> Chosen | None:
    """What a browser sent as a cell; None unless it is one that was drawn."""
    at = snapped(sent, info)
    key = sent.get("key") if isinstance(sent, Mapping) else None
    known = {reading.key for reading in info.readings}
    if at is None or not isinstance(key, list) or tuple(key) not in known:
        return None
    return Chosen(str(key[0]), str(key[1]), *at)


def palette(places: Sequence[tuple[str, str]], keys: Sequence[tuple[str, str]]) -> int | None:
    """Jump to anywhere, and the keys; returns the number of the place that was just chosen."""
    told = [{"label": label, "hint": hint} for label, hint in places]
    data = _data("palette", places=told, keys=list(keys))
    result = _palette(key="palette", data=data, on_go_change=_ignore, width="content")
    sent = result.go
    there = isinstance(sent, int) and not isinstance(sent, bool) and 0 <= sent < len(places)
    return sent if there else None


def address(kept: Sequence[str], longest: int, too_long: str) -> None:
    """The address in the browser with the choices that are kept, and a button that copies it; `too_long` in its stead
    where it has more than the longest number of characters."""
    _address(
        key="address", data=_data("address", kept=list(kept), longest=longest, tooLong=too_long)
    )


def printer() -> None:
    """A button that prints the page."""
    _print(key="print", data=_data("print", label="Print"), width="content")
