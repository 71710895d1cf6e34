"""Roles, modes and the door: a viewer reads what is named, an editor does everything, and nobody else gets in."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budgetscape import access
from budgetscape.access import (
    APPLICATION,
    SNAPSHOTS,
    Access,
    Reader,
    Refused,
    Roles,
    SignIn,
    through,
)
from budgetscape.live import LiveRuns
from budgetscape.sweep_runs import SweepRuns
from budgetscape.wiring import App
from engine.errors import InputError
from pages.parts import resources, views, visitor
from store.history import Store
from store.snapshots import Snapshots
from tests.dashboard_fakes import FakeApp, all_runs
from tests.test_pages import PATIENCE_S, ROUTER, SURFACE, opened, sent, visit

SIGN_IN = SignIn(
    server_metadata_url="https://id.invalid/.well-known/openid-configuration",
    redirect_uri="https://here.invalid/oauth2callback",
    client_id="here",
    client_secret_env="A_SECRET",
    cookie_secret_env="A_COOKIE",
)
ROLES = Roles(editors=("Ann@b.org",), viewers=("*@b.org", "carl@c.org"))
FILE = """
[sign_in]
server_metadata_url = "https://id.invalid/.well-known/openid-configuration"
redirect_uri = "https://here.invalid/oauth2callback"
client_id = "here"
client_secret_env = "A_SECRET"
cookie_secret_env = "A_COOKIE"
[roles]
editors = ["Ann@b.org"]
viewers = ["*@b.org", "carl@c.org"]
"""

# ----------------------------------------------------------------------------------------------- the door


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeApp]:
    fake = FakeApp(tmp_path_factory.mktemp("home"), all_runs())
    yield fake
    fake.close()


@pytest.fixture
def reading(
    measured: FakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[FakeApp]:
    """The pages as viewers get them."""
    monkeypatch.setenv("BUDGETSCAPE_MODE", "read")
    monkeypatch.setenv("BUDGETSCAPE_HOME", str(tmp_path))
    visitor._access.cache_clear()
    yield from opened(measured)
    visitor._access.cache_clear()


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def test_what_a_viewer_may_call_is_there_and_everything_else_is_refused(measured):
    reader = through(measured, "viewer", APPLICATION)
    kinds = {"": App, "store": Store, "live": LiveRuns, "sweeps": SweepRuns}
    for part, kind in kinds.items():
        held = getattr(reader, part) if part else reader
        may = APPLICATION[part] if part else APPLICATION
        assert isinstance(held, Reader) and may is not None
        named = {name for name in may if name not in kinds}
        assert named <= public(kind) | {"default_model"}, named - public(kind)
        for name in public(kind) - set(may) | {"_db", "_held_by_nobody", "home", "registry"}:
            with pytest.raises(Refused, match="needs an editor"):
                getattr(held, name)


@pytest.mark.parametrize(
    ("part", "names"),
    [
        (
            "",
            {
                "save",
                "model",
                "retriever",
                "loop",
                "close",
                "aclose",
                "warm_up",
                "home",
                "registry",
            },
        ),
        ("live", {"start", "stop"}),
        ("sweeps", {"start", "give", "resume", "close"}),
        ("store", {"ingest", "close", "open", "scratch"}),
    ],
)
def test_nothing_that_spends_or_writes_is_among_what_a_viewer_may_call(part, names):
    may = APPLICATION[part] if part else APPLICATION
    assert may is not None and not names & set(may)


def test_of_the_published_views_a_viewer_may_open_those_they_can_name(tmp_path):
    reader = through(Snapshots(tmp_path), "viewer", SNAPSHOTS)
    for name in public(Snapshots) - {"open", "read"} | {"folder"}:
        with pytest.raises(Refused):
            getattr(reader, name)


def test_an_editor_gets_the_thing_itself_and_nobody_else_anything(measured):
    assert through(measured, "editor", APPLICATION) is measured
    with pytest.raises(Refused, match="sign in"):
        through(measured, None, APPLICATION)


def test_pages_reach_what_is_kept_through_the_door_alone():
    """No page opens a data folder, an application or a store of its own: resources does, and views for what is
    published, which both ask the door."""
    closed = {"held_application", "wiring", "open_app", "Journal", "Snapshots", "_opened"}
    opens = {
        "resources.py": closed - {"Journal", "Snapshots"},
        "views.py": {"Snapshots"},
    }
    for path in sorted((Path(__file__).parents[1] / "pages").rglob("*.py")):
        names = {
            getattr(node, "attr", None) or getattr(node, "id", None) or getattr(node, "name", None)
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
        }
        kept = closed - opens.get(path.name, set())
        assert not names & kept, (path, names & kept)
    assert "through(held_application(), visitor.role()" in inspect.getsource(resources.application)
    assert "through(Snapshots(" in inspect.getsource(views.snapshots)


def test_a_viewer_arrives_at_the_summary_and_finds_every_reading_page(reading):
    at = visit()
    assert at.title[0].value == "Summary"
    for page in ("quality_surface", "trace_compare", "budget_allocation", "published_results"):
        at = visit(
            str(ROUTER.parents[1] / f"{page}.py"), lane=["run-corag-2-32-q1", "run-corag-4-128-q1"]
        )
        assert not at.error, (page, at.error)


def test_a_viewer_passes_on_links_and_publishes_nothing(reading, tmp_path):
    at = visit(SURFACE)
    assert "sweep" in sent(at, "address")["kept"]
    assert not [b for b in at.button if b.key == "share_publish"]
    assert (
        "they are listed for nobody"
        in visit(str(ROUTER.parents[1] / "shared_view.py")).markdown[0].value
    )
    assert not (tmp_path / "snapshots").exists()


@pytest.mark.parametrize(
    "page", ["live_query.py", "sweep_runs.py", "corpus_library.py", "your_system.py"]
)
def test_a_page_that_spends_is_refused_even_when_its_script_is_run(reading, page):
    """As if it had been put among the pages by mistake."""
    from streamlit.testing.v1 import AppTest

    before = (len(reading.live.recent()), reading.sweeps.names())
    at = AppTest.from_file(str(ROUTER.parents[1] / page), default_timeout=PATIENCE_S).run()
    for button in at.button:
        button.click()
    at.run()
    assert (len(reading.live.recent()), reading.sweeps.names()) == before


# ------------------------------------------------------------------------------------------ modes and roles


@pytest.mark.parametrize(
    ("claims", "role"),
    [
        ({"email": "ann@B.org"}, "editor"),
        ({"email": "bob@b.org", "email_verified": True}, "viewer"),
        ({"email": "carl@c.org"}, "viewer"),
        ({"email": "ann@b.org", "email_verified": False}, None),
        ({"email": "ann@b.org.evil.org"}, None),
        ({"email": "ann@b.org@evil.org"}, None),
        ({"email": "x@y@b.org"}, None),
        ({"email": "@b.org"}, None),
        ({"email": "an n@b.org"}, None),
        ({"email": ["ann@b.org"]}, None),
        ({"name": "ann@b.org"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_role_is_given_by_the_whole_mail_address(claims, role):
    assert Access("", SIGN_IN, ROLES).role(claims) == role
    viewing = "viewer" if role else None
    assert Access("read", SIGN_IN, ROLES).role(claims) == viewing
    assert Access("share", SIGN_IN, ROLES).role(claims) == viewing


@given(st.text())
def test_whoever_was_not_named_has_no_role(text):
    assert Access("", SIGN_IN, Roles(editors=("ann@b.org",))).role({"email": text}) in (
        None,
        "editor",
    )
    if text.casefold() != "ann@b.org":
        assert Access("", SIGN_IN, Roles(editors=("ann@b.org",))).role({"email": text}) is None


def test_without_sign_in_the_mode_decides():
    assert [Access(mode).role(None) for mode in ("", "read", "share")] == [
        "editor",
        "viewer",
        "viewer",
    ]


def test_the_file_is_read_and_its_secrets_come_from_the_environment(tmp_path):
    (tmp_path / access.FILE).write_text(FILE)
    found = Access.of(tmp_path, {"BUDGETSCAPE_MODE": "read"})
    assert found == Access("read", SIGN_IN, ROLES)
    told = found.secrets({"A_SECRET": "s", "A_COOKIE": "c" * 32})["auth"]
    assert (told["client_secret"], told["cookie_secret"]) == ("s", "c" * 32)
    with pytest.raises(InputError, match="too short"):
        found.secrets({"A_SECRET": "s", "A_COOKIE": "c" * 31})
    with pytest.raises(InputError, match="A_COOKIE"):
        found.secrets({"A_SECRET": "s"})
    assert Access.of(tmp_path / "none", {}) == Access() and Access().secrets() == {}


@pytest.mark.parametrize(
    "text",
    [
        "x = ",
        FILE.replace("client_id", "client_key"),
        FILE.replace("[roles]", "[rolls]"),
        FILE.replace('"Ann@b.org"', '"Ann"'),
        FILE.replace('"*@b.org"', '"*@*"'),
        FILE.replace("https://id", "file://id"),
        FILE + 'client_secret = "written down"\n',
        "[roles]\neditors = ['*']\n",
        "\x00",
    ],
)
def test_a_file_that_cannot_be_used_lets_nobody_in(tmp_path, text):
    (tmp_path / access.FILE).write_text(text)
    with pytest.raises(InputError) as told:
        Access.of(tmp_path, {})
    assert len(str(told.value).splitlines()) == 1 and "written down" not in str(told.value)


def test_an_unknown_mode_is_refused():
    with pytest.raises(InputError, match="read or share"):
        Access.of(Path("none"), {"BUDGETSCAPE_MODE": "shared"})


def test_only_named_sites_may_hold_the_page_in_a_frame():
    assert access.embedders({"BUDGETSCAPE_EMBED_IN": "https://a.b:8 http://c"}) == (
        "https://a.b:8",
        "http://c",
    )
    assert access.embedders({}) == ()
    for wrong in ("*", "https://a.b; script-src *", "javascript:x", "https://a b/c", "https://*.b"):
        with pytest.raises(InputError):
            access.embedders({"BUDGETSCAPE_EMBED_IN": wrong})
