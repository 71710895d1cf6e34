"""A browser tab as far as the server can tell: it speaks to a page by socket and messages, and drags its dials."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

LARGEST = 64 * 2**20
PATIENCE_S = 120.0


@dataclass
class Visitor:
    """One browser tab, as far as the server can tell."""

    socket: ClientConnection
    page: str
    """Its address on the server."""
    dials: str
    """The key of the dials on it."""
    id: str = ""
    fragment: str = ""
    """What the dials are called, and the part of the page that a drag draws again; empty for all of it."""
    levels: tuple[list[int], list[int]] = ([], [])
    held: set[str] = field(default_factory=set)
    """Hashes of the messages that need not be sent again."""
    errors: list[str] = field(default_factory=list)

    async def rerun(self, at: tuple[int, int] | None = None) -> float:
        """Let go of the dials there, or open the page; seconds until it is drawn."""
        message = BackMsg()
        asked = message.rerun_script
        asked.page_name = self.page
        asked.cached_message_hashes.extend(self.held)
        if at is not None:
            state = asked.widget_states.widgets.add()
            state.id = self.id
            asked.fragment_id = self.fragment
            let_go = {"search": at[0], "think": at[1], "when": time.time()}
            state.json_value = json.dumps({"at": let_go})
        began = time.perf_counter()
        await self.socket.send(message.SerializeToString())
        async with asyncio.timeout(PATIENCE_S):
            while not self._heard(ForwardMsg.FromString(await self.socket.recv(decode=False))):
                pass
        return time.perf_counter() - began

    def _heard(self, message: ForwardMsg) -> bool:
        """Whether this was the last message of a rerun."""
        if message.metadata.cacheable and message.hash:
            self.held.add(message.hash)
        element = message.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "exception":
            self.errors.append(element.exception.message)
        if kind == "bidi_component" and self.dials in element.bidi_component.id:
            self._learn(element.bidi_component, message.delta.fragment_id)
        return message.WhichOneof("type") == "script_finished"

    def _learn(self, component: Any, fragment: str) -> None:
        told = json.loads(component.json)["dials"]
        self.id, self.fragment = component.id, fragment
        self.levels = (told["search"]["levels"], told["think"]["levels"])


async def visit(address: str, page: str, dials: str) -> Visitor:
    """A visitor who has the page before her."""
    url = address.replace("http", "ws", 1) + "/_stcore/stream"
    socket = await connect(
        url, subprotocols=["streamlit"], max_size=LARGEST, open_timeout=PATIENCE_S
    )  # type: ignore[list-item]
    visitor = Visitor(socket, page, dials)
    await visitor.rerun()
    assert visitor.id, "the page has no dials"
    return visitor
