"""Where signing in leads back to: the page that was wanted, kept in a cookie until then, and never another site's.

Streamlit leads everybody to the root. What is kept is read as a link to a view, so whatever stands in the cookie, it is
one of our pages with choices that this page knows, or the root.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.errors import InputError
from engine.view import PAGES, View

COOKIE, SIGNED = "budgetscape_wanted", "_streamlit_user"
LONGEST = 3_000
"""Of the cookie; browsers keep 4,096 bytes of one. A longer link is not kept."""
FOR_S = 900
ROOT = "live-query"
CALLBACK = "/oauth2callback"


class WayBack:
    """Keeps which page somebody without a sign-in asked for, and leads there from the provider's answer."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self.app = app
        self.flags = "; Path=/; HttpOnly; SameSite=Lax" + "; Secure" * secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope) if scope["type"] == "http" else None
        if request is None or request.method != "GET":
            await self.app(scope, receive, send)
            return
        kept, value = request.cookies.get(COOKIE, ""), wanted(request)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"].endswith(CALLBACK) and kept and "location" in headers:
                    headers["location"] = headers["location"].rstrip("/") + address(kept)
                    headers.append("set-cookie", f"{COOKIE}=; Max-Age=0{self.flags}")
                elif value:
                    headers.append("set-cookie", f"{COOKIE}={value}; Max-Age={FOR_S}{self.flags}")
            await send(message)

        await self.app(scope, receive, told)


def wanted(request: Request) -> str:
    """What to keep of a request: the page it is for, where that is one and nobody is signed in; empty otherwise."""
    if SIGNED in request.cookies or "text/html" not in request.headers.get("accept", ""):
        return ""
    path, query = request.scope["path"].strip("/"), request.scope["query_string"].decode("latin-1")
    if path not in ("", *PAGES):
        return ""
    kept = quote(f"{path}?{query}", safe="")
    return kept if len(kept) <= LONGEST else ""


def address(kept: str) -> str:
    """address(quote("summary?sweep=mine&x=1", safe="")) -> "/summary?sweep=mine"; the root for what is no page"""
    try:
        link = View.from_link(unquote(kept)).link
    except InputError:
        return "/"
    page, mark, query = link.partition("?")
    return "/" + ("" if page == ROOT else page) + mark + query
