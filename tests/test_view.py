"""A view is equal to its link; any other text is a refusal or a view that a page could show."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InputError
from engine.view import LONGEST_LINK, MOST_VALUES, PAGES, View, clean, numbers

LINK = "quality-surface?sweep=mine&hops=1&hops=2&spacing=log&at=2%2C128&cell=corag&cell=m&cell=2&cell=128"
ASKED = st.dictionaries(
    st.sampled_from(sorted({name for names in PAGES.values() for name in names} | {"embed", "x"})),
    st.lists(st.text(), max_size=4),
)


def test_a_view_is_read_from_its_link_and_written_back():
    view = View.from_link(LINK)
    assert view.page == "quality-surface" and view.get("hops") == ("1", "2")
    assert view.link == LINK
    assert View.from_link("https://host.invalid:8501/" + LINK) == view
    assert View.from_link("/").page == "live-query"


@given(st.sampled_from(sorted(PAGES)), ASKED)
def test_what_a_page_makes_of_any_query_is_equal_to_its_link(page, found):
    view = View.of(page, found)
    assert View.from_link(view.link) == view == View(view.page, view.choices)
    assert {name for name, _ in view.choices} <= set(PAGES[page])


@given(st.one_of(st.text(), st.binary().map(lambda b: b.decode("latin-1")), ASKED.map(str)))
def test_any_text_is_a_view_or_one_line_of_refusal(text):
    try:
        view = View.from_link(text)
    except InputError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert View.from_link(view.link) == view


@given(st.text())
def test_no_link_holds_what_nobody_sees(text):
    kept = View.of("published-results", {"words": [text]}).get("words")
    assert kept in ((), (text,)) and all(clean(value) == value for value in kept)


@pytest.mark.parametrize(
    "link",
    [
        "../../etc/passwd",
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "//evil.invalid/quality-surface/../healthz",
        "quality-surface\x00",
        "http://[::1",
        "summary?" + "sweep=x&" * 1000,
        "x" * (LONGEST_LINK + 1),
    ],
)
def test_what_is_no_link_to_a_page_is_refused(link):
    with pytest.raises(InputError):
        View.from_link(link)


def test_what_a_page_does_not_know_is_left_out_and_too_much_is_cut():
    view = View.from_link("trace-compare?lane=a&lane=a%00b&lane=a%E2%80%AEb&embed=true&sql=drop")
    assert view.choices == (("lane", ("a",)),)
    many = View.of("trace-compare", {"lane": [str(n) for n in range(1000)]})
    assert len(many.get("lane")) == MOST_VALUES
    assert View.of("summary", {"sweep": ["x" * 201]}).choices == ()


@pytest.mark.parametrize(
    "choices", [(("sweep", ()),), (("x", ("1",)),), (("hops", ("1",)), ("sweep", ("a",)))]
)
def test_a_view_that_its_link_would_not_keep_cannot_be_made(choices):
    with pytest.raises(InputError):
        View("summary", choices)


def test_numbers_of_a_link_are_plain_and_few():
    assert numbers("1,-2.5", 2) == (1.0, -2.5)
    for text in ("", "1", "1,2,3", "1,nan", "1,1e9", "1,٣", "1, 2", "1,9999"):
        assert numbers(text, 2) is None


def test_nothing_chosen_is_a_choice_where_something_is_usual():
    view = View.of("quality-surface", {"over": [""]})
    assert view.link == "quality-surface?over=" and View.from_link(view.link) == view


def test_every_page_is_one_whose_link_can_be_read():
    pages = (Path(__file__).parents[1] / "pages").glob("[a-z]*.py")
    assert {page.stem.replace("_", "-") for page in pages} == set(PAGES)


def test_every_choice_of_a_page_that_can_be_shared_is_one_that_a_view_keeps():
    """Read from the sources: the names of the widgets that stand in the address."""
    known = {name for names in PAGES.values() for name in names}
    parts = Path(__file__).parents[1] / "pages" / "parts"
    found = set()
    sources = (
        "allocating.py",
        "controls.py",
        "filtering.py",
        "comparing.py",
        "publishing.py",
        "searching.py",
        "drill.py",
        "summarising.py",
    )
    for name in sources:
        for node in ast.walk(ast.parse((parts / name).read_text("utf-8"))):
            told = {k.arg: k.value for k in getattr(node, "keywords", ())}
            key = told.get("key")
            if "bind" in told and isinstance(key, ast.Constant):
                found.add(key.value)
    assert {"sweep", "metric", "hops"} <= found <= known
