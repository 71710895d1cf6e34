"""The library's work under way, what went wrong, and the way back from a deletion."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import streamlit as st

from engine.errors import BudgetscapeError, InputError
from engine.figures.markdown import literal
from pages.parts import guide, state

if TYPE_CHECKING:
    from budgetscape.jobs import Job
    from budgetscape.library import Library

POLL_S = 1.0
LONG_S = 90


def show(library: Library) -> None:
    """Above the page: an undo, an error that a button left, and the jobs."""
    if trouble := state.session().trouble:
        state.session().trouble = ""
        guide.trouble(InputError(trouble))
    _undo(library)
    running = [job for job in library.jobs.all() if job.state == "running"]

    @st.fragment(run_every=POLL_S if running else None)
    def work() -> None:
        jobs = library.jobs.all()
        if running and not any(job.state == "running" for job in jobs):
            st.rerun()
        for job in jobs:
            _job(library, job)

    work()


def _job(library: Library, job: Job) -> None:
    with st.container(border=True, key=f"job {job.id}"):
        left, right = st.columns([5, 1], vertical_alignment="center")
        if job.state == "running":
            left.progress(job.done / job.of if job.of else 0.0, text=literal(_under_way(job)))
            right.button(
                "Cancel", key=f"cancel {job.id}", on_click=library.jobs.cancel, args=(job.id,)
            )
            return
        with left:
            if job.state == "failed":
                guide.trouble(InputError(f"{job.title}: {job.note}"))
            elif job.state == "cancelled":
                st.info(
                    literal(
                        f"{job.title} was cancelled. What was embedded is kept and not embedded again."
                    ),
                    icon=":material/cancel:",
                )
            else:
                said = job.note or "done"
                st.success(
                    literal(f"{job.title} is ready after {span(job.seconds)}. {said}"),
                    icon=":material/check:",
                )
        right.button(
            "Dismiss", key=f"dismiss {job.id}", on_click=library.jobs.dismiss, args=(job.id,)
        )


def _under_way(job: Job) -> str:
    """Corpus mine: embedding 128 of 994, about 40 s left."""
    part = f"{job.done // 2 if job.what == 'embedding' else job.done - job.of // 2:,} of {job.of // 2:,}"
    left = f", about {span(job.left_s)} left" if job.left_s is not None else ""
    return f"{job.title}: {job.what} {part if job.of else ''}{left}"


def span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < LONG_S else f"{seconds / 60:.0f} min"


def attempt(action: Callable[..., Any], *arguments: Any) -> None:
    """A button's action; what is wrong is said by the run of the script that follows."""
    try:
        action(*arguments)
    except BudgetscapeError as error:
        state.session().trouble = str(error)


# ---------------------------------------------------------------------------------------- deleting


def delete(library: Library, kind: str, name: str) -> None:
    """Delete and offer the way back."""
    try:
        gone = library.delete(kind, name)
        state.session().undo = (gone.id, f"{kind} {name}")
    except BudgetscapeError as error:
        state.session().trouble = str(error)


def _undo(library: Library) -> None:
    last = state.session().undo
    if last is None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="undo_bar"):
        st.markdown(f"Deleted {literal(last[1])}.", width="content")
        st.button(
            "Undo", icon=":material/undo:", key="undo", on_click=_back, args=(library, last[0])
        )


def _back(library: Library, id: str) -> None:
    undo = state.session().undo
    if undo is not None and undo[0] == id:
        state.session().undo = None
    attempt(library.restore, id)


def recently_deleted(library: Library) -> None:
    """Below the page: all that can still be brought back."""
    gone = library.deleted()
    if not gone:
        return
    with st.expander(f"Recently deleted ({len(gone)})", icon=":material/delete:"):
        st.caption(
            "Kept for 30 days. Runs are never deleted here. The shipped sample returns when the app is started again."
        )
        for one in gone:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(f"{one.kind.capitalize()} **{literal(one.name)}**", width="content")
                st.caption(_when(one.when), width="stretch")
                st.button(
                    "Bring back", key=f"restore {one.id}", on_click=_back, args=(library, one.id)
                )


def _when(said: str) -> str:
    """A moment ago, minutes, hours or days; empty where it cannot be read."""
    try:
        gone = (datetime.now(UTC) - datetime.fromisoformat(said)).total_seconds()
    except (ValueError, TypeError):
        return ""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if gone >= length:
            count = int(gone // length)
            return f"{count} {unit}{'s' * (count != 1)} ago"
    return "a moment ago"
