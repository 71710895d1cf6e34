"""Who is visiting: the role of this session, the way in for those who have none, and where they arrive."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st

from budgetscape.access import Access, Role
from engine.figures.markdown import literal
from store.home import Home

SHARED = """
**Open the link you were sent.** Each published view has its own; they are listed for nobody.
"""


def access() -> Access:
    """How this server lets people in; read once."""
    return _access(Home.find().root)


@cache
def _access(root: Path) -> Access:
    return Access.of(root)


def role() -> Role | None:
    """What this visitor may do, asked anew each time; None for those who may do nothing."""
    found = access()
    if found.sign_in is None:
        return found.role(None)
    return found.role(st.user.to_dict() if st.user.is_logged_in else None)


def sharing_only() -> bool:
    """Nothing but published views is served here."""
    return access().mode == "share"


def arrive() -> None:
    """The first page of those who may not ask: what was summed up for them, or the word to open their link."""
    if sharing_only():
        arrive_by_link()
    else:
        st.switch_page(str(Path(__file__).parents[1] / "summary.py"))


def arrive_by_link() -> None:
    """Views are opened by those who have their links; nobody else is told which there are."""
    with st.container(border=True):
        st.markdown(SHARED)


def way_in() -> None:
    """For those without a role: sign in, or ask for one."""
    with st.container(border=True):
        if not st.user.is_logged_in:
            st.markdown("**Sign in to go on.** You will be led back to this page.")
            st.button("Sign in", type="primary", icon=":material/login:", on_click=st.login)
            return
        name = literal(str(st.user.get("email") or "this account"))
        st.markdown(f"**{name} has no role here.** Ask whoever runs this server for one.")
        st.button("Sign out", icon=":material/logout:", on_click=st.logout, key="sign_out")


def way_out() -> None:
    """The button that ends a session which was begun by signing in."""
    if access().sign_in is not None:
        told = f"Signed in as {st.user.get('email')}"
        st.button(
            "Sign out",
            type="tertiary",
            icon=":material/logout:",
            help=literal(told),
            on_click=st.logout,
            key="sign_out",
        )
