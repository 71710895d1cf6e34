"""Signing in leads back to a page of ours, whatever the cookie says that it was."""

from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from budgetscape.returning import LONGEST, SIGNED, address, wanted
from engine.view import PAGES


def request(path: str, query: str = "", cookie: str = "", accept: str = "text/html,*/*") -> Request:
    headers = [(b"accept", accept.encode()), (b"cookie", cookie.encode()), (b"host", b"here.org")]
    return Request(
        {
            "type": "http",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "query_string": query.encode(),
            "headers": headers,
        }
    )


@pytest.mark.parametrize(
    ("asked", "led"),
    [
        (("/summary", "sweep=mine&margin=5"), "/summary?sweep=mine&margin=5"),
        (("/shared-view", "id=s0&embed=true"), "/shared-view?id=s0"),
        (("/", "run=r1&next=//evil.org"), "/?run=r1"),
        (("/your-system", "who=mine&corpus=notes&x=1"), "/your-system?who=mine&corpus=notes"),
        (("/summary", "sweep=%0d%0aSet-Cookie:x"), "/summary"),
    ],
)
def test_a_page_that_was_wanted_is_where_signing_in_leads(asked, led):
    assert address(wanted(request(*asked))) == led


def test_what_is_no_page_or_already_signed_in_is_not_kept():
    assert wanted(request("/static/js/x.js")) == wanted(request("//evil.org")) == ""
    assert wanted(request("/summary", accept="*/*")) == ""
    assert wanted(request("/summary", cookie=f"{SIGNED}=x")) == ""
    assert wanted(request("/summary", "sweep=" + "x" * LONGEST)) == ""


@given(
    st.one_of(
        st.text(max_size=200),
        st.sampled_from(
            ["//evil.org", "https://evil.org/summary", "\\\\evil.org", "javascript:alert(1)"]
        ),
    )
)
def test_whatever_a_cookie_says_it_leads_to_this_server(kept):
    for said in (kept, quote(kept, safe="")):
        led = urlsplit(address(said))
        assert (led.scheme, led.netloc) == ("", "") and led.path.strip("/") in ("", *PAGES)
        assert "\r" not in address(said) and "\n" not in address(said)
