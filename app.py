"""The server: Streamlit as an ASGI application with security headers, health and the browser files.

    python app.py --port 8501 --mode share        streamlit run app.py        uvicorn app:app

It serves pages/parts/router.py, so that any address, also a deep link to a fresh server, gets the frame. Nothing heavy
is imported before the first page is out: models and indexes warm up on a thread of their own.
"""

from __future__ import annotations

import argparse
import base64
import gc
import hashlib
import logging
import os
import re
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from budgetscape.access import Access, embedders
from budgetscape.returning import WayBack
from engine.errors import BudgetscapeError
from engine.figures.markdown import OVERRIDES
from pages.parts.assets import CLIENT, CLIENT_FILES, client_address, plotly_address, plotly_file
from pages.parts.visitor import access
from store.home import Home

HERE = Path(__file__).parent
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
HOST = "127.0.0.1"
READING = ("GET", "HEAD", "OPTIONS")


def inline_scripts(page: str) -> list[str]:
    """Content-policy sources for the scripts inside Streamlit's own frame page, by their hash."""
    bodies = re.findall(r"<script>(.*?)</script>", page, flags=re.DOTALL)
    digests = (hashlib.sha256(body.encode()).digest() for body in bodies)
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def content_policy() -> str:
    """Only this server's files; blob: carries the glue of the browser components. No eval, no other host."""
    frame = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    scripts = " ".join(["'self'", "blob:", *inline_scripts(frame)])
    around = " ".join(["'self'", *embedders()])
    return (
        f"default-src 'self'; script-src {scripts}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws: wss:; "
        "worker-src 'self' blob:; object-src 'none'; base-uri 'self'; form-action 'self'; "
        f"frame-ancestors {around}"
    )


class SecurityHeaders:
    """Adds the headers to every HTTP response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.headers = [
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
            (b"content-security-policy", content_policy().encode()),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self.headers]
            await send(message)

        await self.app(scope, receive, with_headers)


class Gate:
    """Where everybody is a viewer, nothing is taken in by HTTP either: no upload, no deletion; and the counts of this
    process are for those who run it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app: ASGIApp = self.app
        if scope["type"] == "http" and access() != Access():
            if scope["path"].endswith("/_stcore/metrics"):
                app = JSONResponse({"error": "no such page"}, status_code=404)
            elif scope["method"] not in READING and access().mode:
                app = JSONResponse({"error": "this server is read-only"}, status_code=405)
        await app(scope, receive, send)


class Named:
    """Refuses an upload whose name is not what it looks like: it holds a null byte, which Streamlit takes and then can
    run no page of that visitor, or turns the direction of the text."""

    HEAD_END, MOST_HEAD = b"\r\n\r\n", 64 * 1024
    UNSEEN = (b"\0", *(chr(code).encode() for code in OVERRIDES))

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or "/_stcore/upload_file/" not in scope["path"]:
            await self.app(scope, receive, send)
            return
        begun, head, more = list[Message](), b"", True
        while more and self.HEAD_END not in head and len(head) < self.MOST_HEAD:
            begun.append(await receive())
            head += begun[-1].get("body", b"")
            more = begun[-1].get("more_body", False)
        head = head.partition(self.HEAD_END)[0]

        async def all_of_it() -> Message:
            return begun.pop(0) if begun else await receive()

        refused = any(unseen in head for unseen in self.UNSEEN)
        told = JSONResponse({"error": "a file of this name is not taken"}, status_code=400)
        await (told if refused else self.app)(scope, all_of_it, send)


async def health(_: Request) -> Response:
    return JSONResponse({"ok": True})


async def plotly_js(_: Request) -> Response:
    return FileResponse(plotly_file(), media_type="text/javascript", headers=FOR_EVER)


async def client_js(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in CLIENT_FILES:
        return JSONResponse({"error": "no such file"}, status_code=404)
    kind = "text/css" if name.endswith(".css") else "text/javascript"
    return FileResponse(CLIENT / name, media_type=kind, headers=FOR_EVER)


def warm_up() -> None:
    """Open what the pages need while the first one is being painted; a page that needs it sooner simply waits.

    What is there afterwards stays, and is not looked through again by every collection: that took .2 s each time.
    """
    from pages.parts.resources import held_application

    try:
        held_application().warm_up()
    except Exception:
        logging.getLogger("budgetscape").exception("warming up failed; the pages will say why")
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    if access().mode != "share":
        threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
    try:
        yield
    finally:
        from pages.parts.resources import close_application

        close_application()


def way_back(found: Access) -> list[Middleware]:
    """Where people sign in, they are led to the page that they wanted."""
    if found.sign_in is None:
        return []
    return [Middleware(WayBack, secure=found.sign_in.redirect_uri.startswith("https:"))]


def built() -> st.App:
    """The application; raises InputError where `access.toml` or the environment cannot be used.

    `streamlit run` serves this file as an application since it finds the name `app` given to one somewhere in its text.
    """
    found = Access.of(Home.find().root, {})
    app = st.App(
        HERE / "pages" / "parts" / "router.py",
        routes=[
            Route("/healthz", health),
            Route(plotly_address(), plotly_js),
            Route(client_address() + "/{name}", client_js),
        ],
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(Gate),
            Middleware(Named),
            *way_back(found),
        ],
        lifespan=lifespan,
        secrets=found.secrets(),
    )
    return app


try:
    app = built()
except (
    BudgetscapeError
) as error:  # whoever serves it: nobody is let in by a file that cannot be read
    sys.exit(f"error: {error}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def announce(port: int, patience_s: float = 60) -> None:
    """Print the address once the server answers there."""
    address = f"http://{HOST}:{port}"
    until = time.monotonic() + patience_s
    while time.monotonic() < until:
        with suppress(OSError), urllib.request.urlopen(f"{address}/healthz", timeout=1):
            print(f"Budgetscape is at {address}", flush=True)
            return
        time.sleep(0.05)


def main(arguments: list[str] | None = None) -> None:
    """Serve on a loopback port until stopped."""
    parser = argparse.ArgumentParser(description="The Budgetscape dashboard.")
    parser.add_argument("--port", type=int, default=0, help="a free one is chosen when left out")
    modes = ("read", "share")
    parser.add_argument(
        "--mode",
        choices=modes,
        help="read: all may look and none may change; share: published views only",
    )
    asked = parser.parse_args(arguments)
    if asked.mode:
        os.environ["BUDGETSCAPE_MODE"] = asked.mode
    port = asked.port or free_port()
    threading.Thread(target=announce, args=(port,), name="announce", daemon=True).start()
    sys.argv = [str(HERE / "app.py")]  # Streamlit looks for its configuration beside this file
    app.run(config={"server.port": port})


if __name__ == "__main__":
    main()
