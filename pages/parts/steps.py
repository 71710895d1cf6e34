"""A run on the page, live or stored: what it spends, its answer, its steps.

Nothing a model, a passage or a question says goes through Markdown: it is drawn by the trace component as text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import streamlit as st

from engine.figures import summary_words
from engine.figures.amounts import money, span
from engine.figures.markdown import literal
from engine.figures.trace import Event, Meters, Summary, markable, meters, summary, trace_info
from engine.run.books import Begun, Piece
from engine.run.budgets import doses
from engine.types import (
    Answer,
    Axis,
    Budget,
    Question,
    Run,
    RunConfig,
    Scores,
    Search,
    Spent,
    Stopped,
    StoppedBy,
    Trace,
    Usage,
)
from pages.parts import dials

if TYPE_CHECKING:
    from budgetscape.live import LiveRun, LiveRuns

POLL_S = 0.3
Price = Callable[[Usage], float | None]
DOSES: dict[Axis, str] = {"search": "all queries", "think": "all thinking"}


def unpriced(_: Usage) -> float | None:
    """Where no price is known."""
    return None


@dataclass(frozen=True, slots=True)
class Shown:
    """One run as a page shows it, whether it is under way, over or from the store."""

    id: str
    question: Question
    strategy: str
    model: str
    budget: Budget
    events: Sequence[Event]
    running: bool
    note: str = ""
    error: str = ""
    run: Run | None = None
    price: Price = unpriced
    currency: str = ""

    @classmethod
    def of_live(cls, live: LiveRun) -> Shown:
        asked = live.request
        running = live.state in ("starting", "running")  # read before the events: none is missed
        return cls(
            live.id,
            asked.question,
            asked.strategy,
            asked.model,
            asked.budget,
            live.events[: len(live.events)],
            running,
            live.note,
            live.error or "",
            live.run,
        )

    @classmethod
    def of_run(cls, run: Run) -> Shown:
        config = run.config
        return cls(
            run.id,
            run.question,
            config.strategy,
            config.model,
            config.budget,
            run.trace.steps,
            running=False,
            run=run,
        )

    @property
    def as_run(self) -> Run:
        """The run, or what there is of it so far."""
        return self.run or _so_far(self)

    @property
    def summary(self) -> Summary | None:
        return None if self.run is None else summary(self.run)


def _so_far(shown: Shown) -> Run:
    """A run that is under way, or was ended before its answer, from its finished steps."""
    done = [event for event in shown.events if not isinstance(event, Begun | Piece)]
    steps = tuple(sorted(done, key=lambda step: step.path))
    spent = meters(steps)
    by: StoppedBy = next((step.by for step in steps if isinstance(step, Stopped)), "user")
    tokens = {
        kind: sum(step.tokens for step in steps if isinstance(step, made))
        for kind, made in (("query", Search), ("answer", Answer))
    }
    usage = Usage(
        input_tokens=sum(step.input_tokens for step in steps),
        completion_tokens=spent.completion_tokens,
        queries=spent.queries,
    )
    trace = Trace(
        steps=steps,
        answer="".join(step.text for step in steps if isinstance(step, Answer)),
        stopped_by=by,
        cut_off=False,
        search=Spent(spent.queries, shown.budget.search),
        think=Spent(spent.thinking_tokens, shown.budget.think),
        thinking_tokens=spent.thinking_tokens,
        query_tokens=tokens["query"],
        answer_tokens=tokens["answer"],
        usage=usage,
        seconds=sum(step.seconds for step in steps),
        turns=spent.turns,
        well_formed=spent.well_formed,
    )
    config = RunConfig(shown.strategy, shown.model, None, shown.budget)
    return Run(shown.id, "", shown.question, config, trace, Scores(), None)


def show(shown: Shown) -> None:
    """Meters, what is going on, the answer and the steps."""
    head(shown)
    steps = trace_info(shown.events, shown.question.supporting_ids)
    sought = markable(shown.question.answers)
    dials.trace(steps, key="trace", running=shown.running, summary=shown.summary, marks=sought)


def head(shown: Shown) -> None:
    """Everything above the answer and the steps."""
    _heading(shown)
    _meters(shown)
    if shown.error:
        st.error("The run ended early:", icon=":material/error:")
        st.text(shown.error)
    elif shown.note:
        st.text(shown.note[:1].upper() + shown.note[1:])


def watch(live: LiveRuns, read: Callable[[str], Shown], run_id: str) -> None:
    """Show a live run until it is over, then draw the page once more with what it left."""

    @st.fragment(run_every=POLL_S)
    def poll() -> None:
        live.await_words(run_id, POLL_S)  # the first words do not wait for the next look
        shown = read(run_id)
        if not shown.running:
            st.rerun()
        st.button(
            "Stop", icon=":material/stop_circle:", key="stop", on_click=live.stop, args=(run_id,)
        )
        show(shown)

    poll()


def _heading(shown: Shown) -> None:
    st.text(shown.question.text)
    told = [shown.strategy.replace("_", " "), shown.model]
    if shown.question.hops is not None:
        told.append(difficulty(shown.question))
    told += [f"{DOSES[axis]} to be spent" for axis in sorted(doses(shown.budget))]
    st.caption(literal(" · ".join(told)))


def _meters(shown: Shown) -> None:
    spent = meters(shown.events)
    run = shown.run
    queries = run.trace.search.used if run else spent.queries
    thinking = run.trace.think.used if run else spent.thinking_tokens
    tokens = run.trace.usage.completion_tokens if run else spent.completion_tokens
    left, right = st.columns(2)
    left.progress(
        _share(queries, shown.budget.search), f"**{queries}** of {shown.budget.search} queries"
    )
    effort = shown.budget.effort
    right.progress(
        0.0 if effort else _share(thinking, shown.budget.think),
        f"**{thinking}** thinking tokens at {effort} effort"
        if effort
        else f"**{thinking}** of {shown.budget.think} thinking tokens",
    )
    read = run.trace.usage.input_tokens if run else spent.input_tokens
    cost = (
        run.cost
        if run
        else shown.price(Usage(input_tokens=read, completion_tokens=tokens, queries=queries))
    )
    told = [f"{tokens:,} tokens generated", f"{read:,} read"]
    told += [span(run.trace.seconds)] if run else []
    told += ["no price known" if cost is None else money(cost, shown.currency)]
    st.caption(literal(" · ".join([*told, *_form(run, spent)])))


def _form(run: Run | None, spent: Meters) -> list[str]:
    """How much of what the model said could be read; nothing where that is not known."""
    turns, formed = (
        (run.trace.turns, run.trace.well_formed) if run else (spent.turns, spent.well_formed)
    )
    return [f"{formed} of {turns} turns well-formed"] if turns else []


def _share(used: int, limit: int) -> float:
    return min(1.0, used / limit) if limit else 0.0


class Hard(Protocol):
    """Anything that says how hard a question is."""

    @property
    def hops(self) -> int | None: ...
    @property
    def operations(self) -> int | None: ...


def difficulty(question: Hard) -> str:
    """2 hops, 1 operation"""
    return summary_words.difficulty(question.hops, question.operations)
