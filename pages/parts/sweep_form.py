"""A plan by form: what it offers comes from the application, what it returns is checked as a plan file is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from engine.errors import BudgetscapeError, InputError
from engine.figures.markdown import literal
from engine.strategies import STRATEGIES
from engine.sweeps.plan import Plan, read_plan
from engine.sweeps.quote import Quote
from engine.types import EFFORTS, Question
from pages.parts import guide, state
from pages.parts.controls import NARROWEST_PX, words

if TYPE_CHECKING:
    from budgetscape.sweep_runs import SweepRuns
    from budgetscape.wiring import App
    from engine.analysis.needed import Needed

FIRST: dict[str, Any] = {
    "sweep_strategies": ["closed_book", "single_retrieval", "corag"],
    "sweep_search": "0, 1, 2, 4",
    "sweep_think": "0, 32, 128",
    "sweep_search_mode": "cap",
    "sweep_think_mode": "cap",
}
"""What the form begins with, where nothing else was asked for."""
MODES = {"cap": "at most", "force": "all of it"}
KNOBS_HELP = "As in a plan file: [knobs.corag] and below it top_k = 3"
Body = dict[str, Any]


def begin(more: Needed, questions: str) -> None:
    """Have the form begin with the cells that an analysis asks for."""
    wanted = {
        "sweep_name": more.name,
        "sweep_questions": questions,
        "sweep_index": more.index,
        "sweep_strategies": [more.strategy],
        "sweep_models": [more.model],
        "sweep_search": ", ".join(map(str, more.search)),
        "sweep_think": ", ".join(map(str, more.think)),
        **{f"sweep_{axis}_mode": "force" for axis in more.force},
        "sweep_limit": more.questions,
    }
    state.session().planned = {key: value for key, value in wanted.items() if value}
    state.show_sweep(None)


def _begun(app: App) -> None:
    """First values of the form, before its fields are drawn: those asked for, as far as they are on offer."""
    wanted, state.session().planned = state.session().planned, {}
    taken = set(app.sweeps.names())
    free = (f"sweep-{n}" for n in range(1, len(taken) + 2))
    first = FIRST | {
        "sweep_name": next(name for name in free if name not in taken),
        "sweep_models": [app.default_model],
        "sweep_questions": app.default_questions,
        "sweep_index": app.default_index,
        "sweep_limit": 20,
    }
    offered = {
        "sweep_questions": app.question_sets(),
        "sweep_index": app.indexes(),
        "sweep_models": [*app.models(), *app.agents()],
        "sweep_strategies": list(STRATEGIES),
    }
    for key, value in wanted.items():
        several = value if isinstance(value, list) else [value]
        if key not in offered or set(several) <= set(offered[key]):
            st.session_state[key] = value
    for key, value in first.items():
        st.session_state.setdefault(key, value)
    questions = app.questions(st.session_state["sweep_questions"])
    st.session_state["sweep_limit"] = max(1, min(st.session_state["sweep_limit"], len(questions)))


def plan(app: App) -> Plan | None:
    """The plan that the form describes, or None and a line that says what is wrong with it."""
    body: Body = {}
    knobs = ""
    _begun(app)
    with st.container(border=True):
        _what(app, body)
        _grid(body)
        with st.expander("Questions, samples and knobs"):
            knobs = _more(app.questions(body["questions"]), body)
        _caps(body)
    try:
        made = read_plan(as_toml(body, knobs), "the form")
        if made.questions not in app.question_sets():
            raise InputError("the question set is gone; choose another")
    except BudgetscapeError as error:
        guide.trouble(InputError(re.sub(r"^the form(, line \d+)?: ", "", str(error))))
        return None
    return made


def _what(app: App, body: Body) -> None:
    grid = st.grid(3, min_column_width=NARROWEST_PX)
    body["name"] = grid.text_input("Name", max_chars=64, key="sweep_name")
    body["questions"] = grid.selectbox("Questions", app.question_sets(), key="sweep_questions")
    body["index"] = grid.selectbox("Index", app.indexes(), key="sweep_index")
    body["strategies"] = st.multiselect(
        "Strategies", list(STRATEGIES), format_func=words, key="sweep_strategies"
    )
    body["models"] = st.multiselect(
        "Models and agents", [*app.models(), *app.agents()], key="sweep_models"
    )


def _grid(body: Body) -> None:
    for axis, label in (
        ("search", "Search budgets, in queries"),
        ("think", "Reasoning budgets, in thinking tokens"),
    ):
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        body[axis] = _numbers(left.text_input(label, key=f"sweep_{axis}"))
        body[f"{axis}_mode"] = right.segmented_control(
            f"To be spent: {axis}",
            list(MODES),
            required=True,
            format_func=MODES.__getitem__,
            key=f"sweep_{axis}_mode",
            help="A budget is what a run may spend at most, or a dose that it is made to spend.",
        )


def _more(questions: Sequence[Question], body: Body) -> str:
    first = st.grid(3, min_column_width=NARROWEST_PX)
    strata: Body = {}
    for field in ("hops", "operations"):
        levels = sorted({v for q in questions if (v := getattr(q, field)) is not None})
        strata[field] = first.multiselect(
            field.capitalize(), levels, placeholder="All", key=f"sweep_{field}"
        )
    tags = sorted({t for q in questions for t in q.tags})
    strata["tags"] = first.multiselect("Tags", tags, placeholder="All", key="sweep_tags")
    second = st.grid(3, min_column_width=NARROWEST_PX)
    body["limit"] = second.number_input("Questions at most", min_value=1, key="sweep_limit")
    strata["each"] = second.number_input(
        "Of each stratum at most", min_value=1, value=None, placeholder="All", key="sweep_each"
    )
    strata["draw"] = second.number_input(
        "Seed to draw them by",
        min_value=0,
        value=None,
        placeholder="The first ones",
        key="sweep_draw",
    )
    body["effort"] = st.multiselect(
        "Effort levels, for models that take these in the place of thinking tokens",
        EFFORTS,
        placeholder="None",
        key="sweep_effort",
    )
    third = st.grid(3, min_column_width=NARROWEST_PX)
    body["seeds"] = _numbers(third.text_input("Seeds", value="0", key="sweep_seeds"))
    body["samples"] = third.number_input(
        "Samples of each", min_value=1, value=1, key="sweep_samples"
    )
    body["temperature"] = third.number_input(
        "Temperature", min_value=0.0, max_value=2.0, value=0.0, step=0.1, key="sweep_temperature"
    )
    body["strata"] = strata
    return st.text_area("Knobs", help=KNOBS_HELP, height=80, key="sweep_knobs") or ""


def _caps(body: Body) -> None:
    grid = st.grid(3, min_column_width=NARROWEST_PX)
    body["caps"] = {
        "cost": grid.number_input(
            "Cap on cost", min_value=0.0, value=None, placeholder="None", key="sweep_cost"
        ),
        "tokens": grid.number_input(
            "Cap on tokens", min_value=1, value=None, placeholder="None", key="sweep_tokens"
        ),
        "minutes": grid.number_input(
            "Cap on minutes", min_value=0.0, value=None, placeholder="None", key="sweep_minutes"
        ),
    }


def _numbers(text: str | None) -> list[int | str]:
    """Numbers as typed; what is none stays text, so that the plan's own check names it. "0, 1 x" -> [0, 1, "x"]"""
    parts = re.split(r"[\s,;]+", (text or "").strip())[:300]
    return [int(p) if re.fullmatch(r"-?\d{1,12}", p) else p[:40] for p in parts if p]


def as_toml(body: Body, knobs: str = "") -> str:
    """The form as a plan file."""
    import tomlkit

    said = {k: v for k, v in body.items() if v not in (None, [])}
    for table in ("strata", "caps"):
        said[table] = {k: v for k, v in body.get(table, {}).items() if v not in (None, [])}
        if not said[table]:
            del said[table]
    return f"{tomlkit.dumps(said)}\n{knobs}\n"


# ------------------------------------------------------------------------------------------- quote and start


def quote_and_start(sweeps: SweepRuns, made: Plan) -> None:
    """The quote on demand; only then can it be started."""
    key = made.hash + made.caps.model_dump_json()
    if st.button("Quote", icon=":material/request_quote:", type="primary", key="sweep_quote"):
        with st.spinner("Reading what was measured before"):
            try:
                state.session().quote = (key, *sweeps.quoted(made))
            except BudgetscapeError as error:
                guide.trouble(error)
    with st.expander("This plan as a file"):
        st.code(made.to_toml(), language="toml")
    kept = state.session().quote
    if kept is None or kept[0] != key:
        st.caption("Nothing is spent before you have seen the quote.")
        return
    _, given, done = kept
    show_quote(given, done)
    blind = len(given.blind)
    left, right = st.columns(2)
    left.button(
        "Run a pilot",
        icon=":material/experiment:",
        help="Two questions of every strategy and model that nothing is known of; they count towards the sweep.",
        disabled=not blind,
        width="stretch",
        key="sweep_pilot",
        on_click=_start,
        args=(sweeps, made, True),
    )
    right.button(
        "Start",
        icon=":material/play_arrow:",
        type="primary",
        disabled=bool(blind),
        width="stretch",
        key="sweep_start",
        on_click=_start,
        args=(sweeps, made, False),
    )
    if blind:
        st.caption("Some of it was never measured: let a pilot find out what it takes, then start.")


def _start(sweeps: SweepRuns, made: Plan, only_quote: bool) -> None:
    try:
        sweeps.start(made, only_quote)
        state.show_sweep(made.name)
    except BudgetscapeError as error:
        state.session().trouble = str(error)


def show_quote(given: Quote, done: int) -> None:
    """What is still to come, by strategy and model."""
    if not given.trajectories:
        st.success(f"All {done} trajectories are recorded: starting it again costs nothing.")
        return
    columns = st.columns(4)
    columns[0].metric("Runs to do", f"{given.runs:,}")
    columns[1].metric("Calls, P50", f"{given.calls_p50:,.0f}", help=f"P90 {given.calls_p90:,.0f}")
    columns[2].metric(
        "Tokens, P50", f"{given.tokens_p50:,.0f}", help=f"P90 {given.tokens_p90:,.0f}"
    )
    columns[3].metric(
        "Minutes, P50", f"{given.seconds_p50 / 60:,.1f}", help=f"P90 {given.seconds_p90 / 60:,.1f}"
    )
    rows = [
        {
            "strategy": words(p.strategy),
            "model": p.model,
            "runs": p.runs,
            **{
                f"{word} {which}": None if spread is None else getattr(spread, which.lower()) / per
                for word, spread, per in (
                    ("calls", p.calls, 1),
                    ("tokens", p.tokens, 1),
                    ("cost", p.cost, 1),
                    ("minutes", p.seconds, 60),
                )
                for which in ("P50", "P90")
            },
            "measured": p.measured,
        }
        for p in given.parts
    ]
    frame = pd.DataFrame(rows).dropna(axis="columns", how="all")
    number = st.column_config.NumberColumn
    small = {c: number(format="%.3g") for c in frame.columns if c.startswith(("cost", "minutes"))}
    whole = {c: number(format="%.0f") for c in frame.columns if c.startswith(("calls", "tokens"))}
    st.dataframe(frame, hide_index=True, column_config=small | whole, key="sweep_quote_parts")
    cost = (
        "unknown"
        if given.cost_p50 is None
        else f"{given.cost_p50:,.4g} (P90 {given.cost_p90:,.4g})"
    )
    st.caption(
        literal(
            f"Cost: {cost}. From {given.from_trajectories} measured trajectories; {done} are recorded."
        )
    )
