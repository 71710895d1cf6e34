"""A sweep that was started: how far it is, what it spends, what fails, and the buttons that steer it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from engine.errors import BudgetscapeError, InputError
from engine.figures.markdown import literal
from pages.parts import guide, state
from pages.parts.controls import words

if TYPE_CHECKING:
    from budgetscape.sweep_control import Status
    from budgetscape.sweep_runs import SweepRuns

SURFACE = str(Path(__file__).parents[1] / "quality_surface.py")
POLL_S = 1.0
NEW = "New sweep"
SAID = {
    "starting": "is starting",
    "running": "is running",
    "paused": "is paused: no call is made until it is resumed",
    "quoted": "is quoted: start it to go on",
    "done": "is done",
    "stopped": "was stopped; it can be resumed",
    "failed": "failed; it can be resumed",
    "interrupted": "was interrupted; it can be resumed",
}
FAULTS = "Calls that failed and were made again"
FAILURES = "Cells without an answer"


def choose(names: Sequence[str]) -> str | None:
    """The sweep that the link or the reader names; None for a new one."""
    if trouble := state.session().trouble:
        state.session().trouble = ""
        guide.trouble(InputError(trouble))
    linked = state.shown_sweep()
    if linked and linked not in names:
        guide.trouble(
            InputError(f"there is no sweep '{linked[:80]}' here; choose one or plan a new one")
        )
        linked = None
    options = [NEW, *names]
    picked = st.selectbox(
        "Sweep", options, index=options.index(linked) if linked else 0, key=f"sweep of {linked}"
    )
    name = None if picked == NEW else picked
    if name != linked:
        state.show_sweep(name)
        st.rerun()
    return name


def watch(sweeps: SweepRuns, name: str) -> None:
    """Show a sweep, again and again while it runs."""
    first = sweeps.status(name)
    if first is None:
        st.info("This sweep has not said anything yet.")
        st.button("Start", key="sweep_resume", on_click=_try, args=(sweeps.resume, name))
        return
    if first.over:
        show(sweeps, first)
        return

    @st.fragment(run_every=POLL_S)
    def poll() -> None:
        status = sweeps.status(name)
        if status is None or status.over:
            st.rerun()
        show(sweeps, status)

    poll()


def show(sweeps: SweepRuns, status: Status) -> None:
    note = f": {status.note}" if status.note else ""
    st.subheader(literal(f"{status.name} {SAID[status.state]}"), anchor=False)
    if note:
        st.text(status.note)
    part = status.runs_done / status.runs if status.runs else 0.0
    st.progress(min(1.0, part), text=f"{status.runs_done:,} of {status.runs:,} runs")
    _amounts(status)
    _buttons(sweeps, status)
    _troubles(status)
    _beside_quote(status)
    if status.runs_done:
        st.page_link(
            SURFACE,
            label="See its surface",
            icon=":material/landscape:",
            query_params={"sweep": status.name},
        )


def _amounts(status: Status) -> None:
    columns = st.columns(4)
    going = not status.over
    columns[0].metric("Runs a minute", f"{status.rate:,.0f}" if going else "–")
    left = "–" if status.left_s is None or not going else _duration(status.left_s)
    columns[1].metric("Time left", left)
    columns[2].metric("Tokens spent", f"{status.tokens:,}", help=_cap(status, "tokens"))
    cost = "unknown" if status.cost is None else f"{status.cost:,.4g}"
    columns[3].metric("Cost", cost, help=_cap(status, "cost"))
    caps = [f"{word} {amount:,.6g}" for word, amount in status.caps.items() if amount is not None]
    told = [
        f"{status.seconds / 60:,.1f} minutes of running",
        f"{status.calls:,} calls",
        f"{status.queries:,} queries",
    ]
    if status.paid_tokens and status.charged_tokens:
        share = status.paid_tokens / status.charged_tokens
        told.append(f"this start paid {share:.0%} of what its runs would take alone")
    if caps:
        told.append(f"caps: {', '.join(caps)}")
    if going and status.places:
        told.append("calls at once: " + ", ".join(f"{m} {n}" for m, n in status.places.items()))
    st.caption(literal(" · ".join(told)))


def _cap(status: Status, word: str) -> str | None:
    amount = status.caps.get(word)
    return None if amount is None else f"It wraps up before {amount:,.6g}."


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _buttons(sweeps: SweepRuns, status: Status) -> None:
    name = status.name
    columns = st.columns(4)
    if status.state == "running":
        columns[0].button(
            "Pause",
            icon=":material/pause:",
            key="sweep_pause",
            on_click=_give,
            args=(sweeps, name, "pause"),
        )
    if status.state == "paused" or (status.over and status.state != "done"):
        label = "Start" if status.state == "quoted" else "Resume"
        columns[0].button(
            label,
            icon=":material/play_arrow:",
            type="primary",
            key="sweep_resume",
            on_click=_try,
            args=(sweeps.resume, name),
        )
    if status.state in ("running", "paused"):
        columns[1].button(
            "Cancel",
            icon=":material/stop_circle:",
            help="No further call is made. What is recorded stays, and it can be resumed.",
            key="sweep_cancel",
            on_click=_give,
            args=(sweeps, name, "cancel"),
        )


def _give(sweeps: SweepRuns, name: str, order: str) -> None:
    _try(lambda it: sweeps.give(it, order), name)  # type: ignore[arg-type]


def _try(action: Callable[[str], None], name: str) -> None:
    try:
        action(name)
    except BudgetscapeError as error:
        state.session().trouble = str(error)


def _troubles(status: Status) -> None:
    for what, counts in ((FAILURES, status.failures), (FAULTS, status.faults)):
        if counts:
            shown = ", ".join(f"{n} {kind}" for kind, n in sorted(counts.items()))
            st.caption(literal(f"{what}: {shown}"))
    if status.reason:
        st.caption(literal(f"The last one because: {status.reason}"))


def _beside_quote(status: Status) -> None:
    """Tables: all of it, and each strategy on each model."""
    from budgetscape.sweep_outcome import by_part, in_all

    rows = [
        {"what": word, "so far": b.real, "quoted P50": b.p50, "quoted P90": b.p90}
        for word, b in in_all(status).items()
        if b.told
    ]
    if not rows:
        return
    st.markdown("**Spent since the quote, and what was quoted for all of it**")
    _table(rows, "sweep_beside")
    parts = [
        {"strategy": words(part.strategy), "model": part.model}
        | {
            f"{word}{end}": value
            for word, b in part.amounts.items()
            if b.told
            for end, value in ((" so far", b.real), (", P50", b.p50), (", P90", b.p90))
        }
        for part in by_part(status)
    ]
    if parts:
        _table(parts, "sweep_beside_parts")


def _table(rows: Sequence[Mapping[str, object]], key: str) -> None:
    frame = pd.DataFrame(rows)
    number = st.column_config.NumberColumn(format="%.4g")
    numbers = {name: number for name in frame.columns if frame[name].dtype.kind in "if"}
    st.dataframe(frame, hide_index=True, column_config=numbers, key=key)
