"""Endpoints and agents on the page: added by address and the name of a variable, probed, deleted; never a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import streamlit as st

from engine.errors import BudgetscapeError
from engine.figures.markdown import literal
from pages.parts import guide, state
from pages.parts.controls import NARROWEST_PX
from pages.parts.library_work import attempt, delete

if TYPE_CHECKING:
    from budgetscape.library import EndpointRow, Library
    from budgetscape.wiring import App
    from engine.models.capabilities import Capabilities

PROBE_S = 120
MODEL, AGENT = "A model", "An agent of your own"
COMMAND = """\
[agents.mine]
command = ["python3", "agent.py"]     # started once for each run, without a shell
version = "1"                         # change it when the agent changes
"""
CONTROL = {
    "hard": "thinking is cut at the token",
    "effort": "thinking takes levels",
    "advisory": "thinking is only advised",
}


def show(app: App) -> None:
    """Those of one's own, how to add one, those on board."""
    rows = app.library.endpoints()
    own = [row for row in rows if not row.on_board]
    if not own:
        guide.no_endpoint()
    for row in own:
        _endpoint(app, row)
    st.subheader("Add an endpoint", anchor=False)
    what = st.segmented_control(
        "What",
        [MODEL, AGENT],
        default=MODEL,
        required=True,
        key="endpoint_what",
        bind="query-params",
        label_visibility="collapsed",
    )
    (_model if what != AGENT else _agent)(app.library)
    with st.expander(f"On board ({len(rows) - len(own)})", icon=":material/memory:"):
        for row in rows:
            if row.on_board:
                st.markdown(f"**{literal(row.name)}** · {able(row.able)}")


def _endpoint(app: App, row: EndpointRow) -> None:
    with st.container(border=True, key=f"endpoint {row.name}"):
        st.markdown(f"**{literal(row.name)}**")
        what = (
            f"agent{f' version {row.model}' if row.model else ''}"
            if row.kind == "agent"
            else row.model
        )
        st.caption(literal(f"{what} · {row.where} · key: {row.key} · prices: {row.prices}"))
        if row.kind == "model":
            st.markdown(able(row.able))
        with st.container(horizontal=True, vertical_alignment="center"):
            if row.kind == "model":
                st.button(
                    "Probe",
                    icon=":material/network_check:",
                    key=f"probe {row.name}",
                    help="About a dozen tiny calls find out what it can do.",
                    on_click=_probe,
                    args=(app, row.name),
                )
            st.button(
                "Delete",
                icon=":material/delete:",
                type="tertiary",
                key=f"delete endpoint {row.name}",
                on_click=delete,
                args=(app.library, "endpoint", row.name),
            )


def able(table: Capabilities | None) -> str:
    """What an endpoint can do, in words."""
    if table is None:
        return "Not probed yet: it is probed when it is first used, or now."
    has = {
        "seed": table.seed,
        "log-probabilities": table.logprobs,
        "token boundaries": bool(table.token_boundaries),
        "continues a turn": bool(table.prefix_continuation),
        "prompt log-probabilities": table.prompt_logprobs,
        "temperature": table.sampling,
        "reports usage": table.usage,
    }
    yes = ", ".join(word for word, is_so in has.items() if is_so) or "nothing else"
    no = ", ".join(word for word, is_so in has.items() if not is_so)
    lacks = f" · lacks: {no}" if no else ""
    return literal(f"{CONTROL[table.think_control]} · has: {yes}{lacks}")


def probe(app: App, name: str) -> None:
    """Ask an endpoint what it can do; BudgetscapeError when it cannot be asked."""
    from concurrent.futures import TimeoutError as TooLate

    try:
        app.loop.call(app.library.probe(name), PROBE_S)
    except TooLate as error:
        raise BudgetscapeError(
            f"{name} did not answer within {PROBE_S} s; is it overloaded?"
        ) from error


def _probe(app: App, name: str) -> None:
    with st.spinner(f"Probing {name}"):
        attempt(probe, app, name)


def _model(library: Library) -> None:
    with st.form("endpoint", border=False):
        grid = st.grid(2, min_column_width=2 * NARROWEST_PX)
        name = grid.text_input("Name here", max_chars=64, key="endpoint_name", placeholder="big")
        url = grid.text_input(
            "Base URL", key="endpoint_url", placeholder="http://127.0.0.1:8000/v1"
        )
        model = grid.text_input("The server's name for the model", key="endpoint_model")
        key = grid.text_input(
            "Variable that holds the key",
            key="endpoint_key",
            placeholder="EXAMPLE_API_KEY, or empty",
            help="The NAME of an environment variable, never the key itself. Set it before the app is started.",
        )
        more = st.grid(3, min_column_width=NARROWEST_PX)
        prices = {
            word: more.number_input(
                f"Price of {label}",
                min_value=0.0,
                value=None,
                placeholder="unknown",
                key=f"endpoint_{word}",
                help="Per million tokens, in USD. What is unknown stays unknown, never zero.",
            )
            for word, label in (
                ("input", "input"),
                ("cached_input", "cached input"),
                ("output", "output"),
            )
        }
        at_once = more.number_input("Calls at once, at most", 1, 1024, 8, key="endpoint_at_once")
        added = st.form_submit_button(
            "Add it", icon=":material/add:", type="primary", on_click=_keep_names_only
        )
    if added:
        fields = {
            "base_url": (url or "").strip(),
            "model": (model or "").strip(),
            "api_key_env": _taken(key),
            "max_concurrency": int(at_once),
            "prices": prices,
        }
        _added(lambda: library.add_model((name or "").strip(), fields))


def _agent(library: Library) -> None:
    st.caption(
        "A search system that you already have, at an address that streams its steps as JSON lines. It runs as the "
        "strategy external, under the same budgets as every other."
    )
    with st.form("agent", border=False):
        grid = st.grid(2, min_column_width=2 * NARROWEST_PX)
        name = grid.text_input("Name here", max_chars=64, key="agent_name", placeholder="mine")
        url = grid.text_input("Address", key="agent_url", placeholder="http://127.0.0.1:9000/run")
        version = grid.text_input(
            "Version", key="agent_version", help="Your word for which agent this is."
        )
        key = grid.text_input(
            "Variable that holds its key", key="agent_key", placeholder="or empty"
        )
        added = st.form_submit_button(
            "Add it", icon=":material/add:", type="primary", on_click=_keep_names_only
        )
    if added:
        _added(
            lambda: library.add_agent(
                (name or "").strip(),
                (url or "").strip(),
                (version or "").strip(),
                _taken(key),
            )
        )
    st.markdown(
        "**An agent that is a program** is named in `endpoints.toml` in the data folder, by hand: a page does not "
        "decide what this machine runs. `docs/external.md` tells what it hears and says."
    )
    st.code(COMMAND, language="toml")
    st.button(
        "Read the file again",
        icon=":material/refresh:",
        key="endpoints_again",
        on_click=attempt,
        args=(library.read_again,),
    )


NOT_A_NAME = "not the name of a variable"


def _keep_names_only() -> None:
    """What was typed for a variable's name and cannot be one, perhaps a key, is not kept in the page for a moment."""
    from budgetscape.endpoints_edit import is_variable

    for field in ("endpoint_key", "agent_key"):
        typed = str(st.session_state.get(field) or "").strip()
        if typed and not is_variable(typed):
            st.session_state[field] = ""
            state.session().wrong_key = True


def _taken(key: str | None) -> str | None:
    """The name that was typed; what was none stands for something that the file refuses."""
    wrong, state.session().wrong_key = state.session().wrong_key, False
    return NOT_A_NAME if wrong else (key or "").strip() or None


def _added(add: Any) -> None:
    """What is wrong is said here; what was typed stays, but for a key that went into the wrong field."""
    try:
        add()
    except BudgetscapeError as error:
        guide.trouble(error)
        return
    st.rerun()
