"""Signing in at a real OpenID Connect provider on this machine: each gets the role of their mail address."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, LocatorAssertions, Page, expect

from budgetscape.access import FILE
from budgetscape.returning import COOKIE
from tests.browser.conftest import visiting
from tests.messages import Visitor, said, widget_ids
from tests.serving import answering, free_port, serving

SETTINGS = """
[sign_in]
server_metadata_url = "http://127.0.0.1:{provider}/.well-known/openid-configuration"
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
client_id = "budgetscape"
client_secret_env = "SIGN_IN_SECRET"
cookie_secret_env = "SIGN_IN_COOKIE"
[roles]
editors = ["ann@b.org"]
viewers = ["*@b.org"]
"""
PEOPLE = {"ann": "ann@b.org", "bob": "bob@b.org", "eve": "eve@b.org.evil.org"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("signed")


@pytest.fixture(scope="module")
def provider() -> Iterator[int]:
    """The port of a provider that knows these people, as a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    for sub, mail in PEOPLE.items():
        command += ["--user-claims", json.dumps({"sub": sub, "email": mail})]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            answering(f"http://127.0.0.1:{port}/.well-known/openid-configuration", process)
            yield port
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def address(home: Path, provider: int) -> Iterator[str]:
    port = free_port()
    (home / FILE).write_text(SETTINGS.format(provider=provider, port=port))
    env = {"SIGN_IN_SECRET": "of the client", "SIGN_IN_COOKIE": "c" * 40}
    with serving("kept", port=port, BUDGETSCAPE_HOME=str(home), **env) as (where, _):
        yield where


def signed_in(page: Page, address: str, name: str, wanted: str = "/quality-surface") -> Page:
    page.set_viewport_size({"width": 1700, "height": 900})  # else some pages are behind a button
    page.goto(address + wanted)
    expect(page.get_by_text("Sign in to go on.")).to_be_visible()
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_url(address + "/**")
    return page


def link(page: Page, name: str) -> LocatorAssertions:
    return expect(page.get_by_role("link", name=name))


def carried(context: BrowserContext, address: str) -> Visitor:
    """A visitor by hand who has the cookies of a browser."""
    cookies = {c["name"]: c["value"] for c in context.cookies()}
    line = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return Visitor(address, {"Cookie": line}, (cookies["_streamlit_xsrf"],))


def test_an_editor_may_ask_and_can_sign_out(blind: Browser, address: str):
    with visiting(blind) as found:
        page = signed_in(found.page, address, "ann", "/")
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
        link(page, "Sweep runs").not_to_have_count(0)
        link(page, "Quality surface").not_to_have_count(0)
        page.get_by_role("button", name="Sign out").click()
        page.get_by_role("button", name="End session").click()
        expect(page.get_by_text("Sign in to go on.")).to_be_visible()


def test_a_viewer_reads_and_their_messages_spend_nothing(blind: Browser, address: str, home: Path):
    with visiting(blind) as found:
        wanted = "/budget-allocation?unit=seconds&margin=10&x=//evil.org"
        page = signed_in(found.page, address, "bob", wanted)
        expect(page.get_by_role("heading", name="Budget allocation")).to_be_visible()
        expect(page.get_by_text("margin 10 points")).to_be_visible()
        assert "evil" not in page.url
        assert {c["name"] for c in page.context.cookies()}.isdisjoint({COOKIE})
        link(page, "Quality surface").not_to_have_count(0)
        link(page, "Sweep runs").to_have_count(0)
        with carried(page.context, address) as visitor:
            assert "Signed in as bob" in said(visitor.visit("quality-surface"))
            ids = widget_ids(visitor.heard)
            assert "Publish" not in ids and "Run" not in ids
            visitor.visit("live-query")
            assert "Spend all of" not in said(visitor.heard)
        assert not list((home / "snapshots").iterdir())
        page.goto(address)
        expect(page.get_by_role("heading", name="Summary")).to_be_visible()


def test_somebody_without_a_role_is_told_so_and_shown_nothing(blind: Browser, address: str):
    with visiting(blind) as found:
        page = signed_in(found.page, address, "eve")
        expect(page.get_by_text("has no role here")).to_be_visible()
        link(page, "Quality surface").to_have_count(0)
        page.goto(address + "/quality-surface")
        expect(page.get_by_text("has no role here")).to_be_visible()


@pytest.mark.parametrize(
    "cookie", ["", "_streamlit_user=eyJlbWFpbCI6ImFubkBiLm9yZyJ9", "_streamlit_user=x"]
)
def test_without_a_signed_cookie_no_message_gets_in(address: str, cookie: str):
    headers = {"Cookie": f"{cookie}; _streamlit_xsrf=2|a|b|1"} if cookie else {}
    tokens = ("2|a|b|1",) if cookie else ()
    with Visitor(address, headers, tokens) as visitor:
        for page in ("", "quality-surface", "shared-view", "live-query"):
            told = said(visitor.visit(page))
            assert "Sign in to go on." in told and "grid" not in told
