"""The steps of the guided path: who answers, where it searches, what is asked, one question, a first small sweep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from engine.errors import BudgetscapeError, InputError
from engine.figures.markdown import literal
from engine.strategies import knobs_of
from engine.sweeps.plan import Plan, read_plan
from engine.types import Budget, Question
from pages.parts import guide, resources, state, steps, sweep_form
from pages.parts.controls import NARROWEST_PX, place
from pages.parts.library_endpoints import able
from pages.parts.library_work import attempt

if TYPE_CHECKING:
    from budgetscape.library import EndpointRow
    from budgetscape.wiring import App

PAGES = Path(__file__).parents[1]
LIBRARY = str(PAGES / "corpus_library.py")
LIVE = str(PAGES / "live_query.py")
HOW = (
    "Five steps put your own system on the map: the same questions at small and large budgets, every step kept, and a "
    "first surface that shows what searching and thinking buy **you**. Nothing is spent before you have seen a quote."
)
SEARCH, THINK = (0, 1, 2), (0, 64)
"""The budgets of the first sweep: few, small, and both axes."""
TRY = Budget(2, 64)
FIRST_QUESTIONS = 6
FIRST_MINUTES = 30.0
MOST_OFFERED = 200
AGENT, MODEL = "external", ("closed_book", "single_retrieval", "iterative")


def hint() -> None:
    st.markdown(HOW)
    guide.runs_elsewhere()


def not_yet() -> None:
    st.caption(
        "The last two steps, one question and a first small sweep, follow when these three are chosen."
    )


@contextmanager
def _step(number: int, title: str, done: bool) -> Iterator[None]:
    with st.container(border=True, key=f"step {number}"):
        mark = ":material/check_circle:" if done else f"{number}."
        st.subheader(f"{mark} {title}", anchor=False)
        yield


# ------------------------------------------------------------------------------------- the choices


def who(app: App) -> EndpointRow | None:
    """The agent or endpoint that is to be put on the map; one's own first."""
    rows = app.library.endpoints()
    own = [row.name for row in rows if not row.on_board]
    names = [row.name for row in rows]
    first = place(names, own[0] if own else app.default_model)
    with _step(1, "Who answers", bool(own)):
        if not own:
            st.markdown(
                "A search system of your own joins as an **agent**: a program or an address that tells its steps. A "
                "model joins as an **endpoint**. Until one is added, the small model on board stands in."
            )
        picked = st.selectbox(
            "Agent or model",
            names,
            index=first,
            format_func=lambda name: _called(next(r for r in rows if r.name == name)),
            key="who",
            bind="query-params",
        )
        row = next((r for r in rows if r.name == picked), None)
        if row is not None:
            _about(app, row)
        _to_library("Endpoints", "Add an agent or an endpoint")
    return row


def _called(row: EndpointRow) -> str:
    kind = "your agent" if row.kind == "agent" else "on board" if row.on_board else "your endpoint"
    return f"{row.name} ({kind})"


def _about(app: App, row: EndpointRow) -> None:
    if row.key.endswith("not set here"):
        st.warning(
            literal(f"{row.key}: set the variable and start the app again, or it cannot answer."),
            icon=":material/key_off:",
        )
    if row.kind == "agent":
        st.caption(
            "It runs as the strategy external: its searches and thoughts are counted like everybody's."
        )
        return
    st.caption(able(row.able))
    if row.able is None:
        st.button(
            "Probe it",
            icon=":material/network_check:",
            key="your_probe",
            on_click=_probe,
            args=(app, row.name),
        )


def _probe(app: App, name: str) -> None:
    from pages.parts.library_endpoints import probe

    with st.spinner(f"Probing {name}"):
        attempt(probe, app, name)


def where(app: App) -> str | None:
    """The index it searches."""
    shelves = {s.name: s for s in app.library.shelves() if s.report is not None}
    own = [name for name in shelves if name != app.default_index]
    with _step(2, "Where it searches", bool(own)):
        picked = None
        if shelves:
            picked = st.selectbox(
                "Index",
                list(shelves),
                index=place(list(shelves), next(iter(own), app.default_index)),
                key="corpus",
                bind="query-params",
            )
        else:
            st.markdown("There is no index yet. Add files of your own, or attach a Chroma server.")
        if picked in shelves and (report := shelves[picked].report) is not None:
            st.caption(literal(str(report)))
        _to_library("Corpora", "Add a corpus")
    return picked if picked in shelves else None


def what(app: App, index: str | None) -> str | None:
    """The questions that are asked, and how far they can be scored."""
    sets = {row.name: row for row in app.library.sets() if not row.trouble}
    made_for = [name for name, row in sets.items() if index is not None and row.corpus == index]
    first = next(iter([*made_for, *sets]), None)
    with _step(3, "What is asked", bool(made_for)):
        picked = None
        if sets:
            picked = st.selectbox(
                "Questions",
                list(sets),
                index=place(list(sets), first),
                key="set",
                bind="query-params",
            )
        row = sets.get(picked or "")
        if row is None:
            st.markdown(
                "There is no question set yet. Twenty questions with their answers are a good beginning."
            )
        else:
            st.caption(
                f"{row.count:,} questions, {row.answers:,} with gold answers, {row.evidence:,} with evidence."
            )
            if row.corpus != index:
                st.info(
                    literal(_elsewhere(row.corpus, index)),
                    icon=":material/info:",
                )
            if not row.answers:
                st.warning(
                    "No question has a gold answer: runs can be watched and priced, but not scored.",
                    icon=":material/warning:",
                )
        _to_library("Questions", "Add questions")
    return picked if row is not None else None


def _elsewhere(corpus: str | None, index: str | None) -> str:
    if corpus is None:
        return f"It is not known whether {index} holds what these questions ask for."
    return f"These questions were made for corpus {corpus}: {index} may not hold what they ask for."


def _to_library(part: str, label: str) -> None:
    st.page_link(LIBRARY, label=label, icon=":material/add:", query_params={"part": part})


# --------------------------------------------------------------------------------------- one question


def try_one(app: App, row: EndpointRow, index: str, questions: str) -> bool:
    """One question at one budget, live, before anything is planned; whether one was answered."""
    shown = resources.shown_run(state.shown_run())
    tried = shown is not None and shown.run is not None
    with _step(4, "Try one question", tried):
        offered = _offered(app.questions(questions))
        picked = st.selectbox("Question", [q.text for q in offered], key="your_question")
        question = next((q for q in offered if q.text == picked), offered[0])
        st.caption(f"With at most {TRY.search} searches and {TRY.think} thinking tokens.")
        if st.button("Try it", icon=":material/play_arrow:", type="primary", key="your_try"):
            try:
                state.show_run(app.live.start(_request(row, index, question)))
                st.rerun()
            except BudgetscapeError as error:
                guide.trouble(error)
        if shown is not None and shown.running:
            steps.watch(app.live, resources.live_run, shown.id)
        elif shown is not None:
            resources.keep_link(shown)
            steps.show(shown)
    return tried


def _offered(every: Sequence[Question]) -> list[Question]:
    """The first questions, each text once."""
    return list({q.text: q for q in every[:MOST_OFFERED]}.values())


def _request(row: EndpointRow, index: str, question: Question) -> Any:
    from budgetscape.live import LiveRequest

    strategy = AGENT if row.kind == "agent" else MODEL[-1]
    searches = min(TRY.search, knobs_of(strategy).most_searches)
    return LiveRequest(question, strategy, row.name, index, Budget(searches, TRY.think))


# ------------------------------------------------------------------------------------- a first sweep


def sweep(app: App, row: EndpointRow, index: str, questions: str, tried: bool) -> str | None:
    """A small plan, its quote, its start; the name of the sweep that was started here."""
    started = state.shown_sweep()
    running = started is not None and started in app.sweeps.names()
    with _step(5, "A first small sweep", running):
        if running:
            st.markdown("It runs on its own: close the page, and this link finds it again.")
            return started
        if not tried:
            st.caption("Better after one question has been answered above.")
        plan = _plan(app, row, index, questions)
        if plan is not None:
            sweep_form.quote_and_start(app.sweeps, plan)
    return None


def _plan(app: App, row: EndpointRow, index: str, questions: str) -> Plan | None:
    count = len(app.questions(questions))
    grid = st.grid(3, min_column_width=NARROWEST_PX)
    limit = grid.number_input(
        "Questions", 1, min(100, count), min(FIRST_QUESTIONS, count), key="your_limit"
    )
    minutes = grid.number_input(
        "At most minutes", 1.0, 600.0, FIRST_MINUTES, 5.0, key="your_minutes"
    )
    beside = row.kind == "agent" and grid.toggle(
        f"Beside it, {app.default_model}",
        value=False,
        key="your_beside",
        help="The same questions, answered from memory and after one look-up by the default model.",
    )
    body: dict[str, Any] = {
        "name": _free(app, row.name),
        "strategies": [AGENT] if row.kind == "agent" else list(MODEL),
        "models": [row.name],
        "index": index,
        "questions": questions,
        "search": list(SEARCH),
        "think": list(THINK),
        "limit": int(limit),
        "caps": {"minutes": float(minutes)},
    }
    if beside:
        body["strategies"] += MODEL[:2]
        body["models"].append(app.default_model)
    st.caption(
        f"{int(limit)} questions at {len(SEARCH)} search budgets ({', '.join(map(str, SEARCH))}) and "
        f"{len(THINK)} reasoning budgets ({', '.join(map(str, THINK))}). Sweep runs plans larger ones."
    )
    try:
        return read_plan(sweep_form.as_toml(body), "the form")
    except BudgetscapeError as error:
        guide.trouble(InputError(str(error).removeprefix("the form: ")))
        return None


def _free(app: App, name: str) -> str:
    """A name for the sweep that is not taken: first-NAME, first-NAME-2, ..."""
    plain = "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:48]
    taken = set(app.sweeps.names())
    names = (f"first-{plain}{'' if n == 1 else f'-{n}'}" for n in range(1, len(taken) + 2))
    return next(name for name in names if name not in taken)
