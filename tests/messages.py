"""A visitor without a browser: the messages that one sends to the server, made by hand, and all that comes back."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlencode

from streamlit.proto.BackMsg_pb2 import BackendOperationRequest, BackMsg
from streamlit.proto.ForwardMsg_pb2 import BackendOperationResponse, ForwardMsg
from websockets.sync.client import ClientConnection, connect

PATIENCE_S = 180.0
GOES_ON = (ForwardMsg.FINISHED_EARLY_FOR_RERUN, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


@dataclass
class Visitor:
    """One session; everything that the server has sent is in `heard`."""

    address: str
    headers: Mapping[str, str] = field(default_factory=dict)
    tokens: tuple[str, ...] = ()
    """What a browser sends beside its cookies to show that the page is the server's own."""
    heard: list[ForwardMsg] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._open = connect(
            self.address.replace("http", "ws", 1) + "/_stcore/stream",
            subprotocols=["streamlit", *self.tokens],  # type: ignore[list-item]
            origin=self.address,  # type: ignore[arg-type]
            additional_headers=self.headers,
            max_size=None,
            proxy=None,
            open_timeout=PATIENCE_S,
            ping_interval=None,  # a server that is busy for long is no dead one
        )
        self._line: ClientConnection = self._open.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.__exit__(None, None, None)

    def send(self, **message: Any) -> None:
        self.send_bytes(BackMsg(**message).SerializeToString())

    def send_bytes(self, data: bytes) -> None:
        self._line.send(data)

    def visit(
        self, page: str = "", widgets: Mapping[str, Any] | None = None, **query: Any
    ) -> list[ForwardMsg]:
        """Run the script of a page, with values for widgets by their whole id; what came back."""
        before = len(self.heard)
        message = BackMsg()
        asked = message.rerun_script
        asked.page_name, asked.query_string = page, urlencode(query, doseq=True)
        for name, value in (widgets or {}).items():
            _put(asked.widget_states.widgets.add(id=name), value)
        self.send_bytes(message.SerializeToString())
        self.listen()
        return self.heard[before:]

    def ask(self, **operation: Any) -> BackendOperationResponse:
        """One of the operations that a page's parts ask of the server beside its script."""
        begun = next(m.new_session for m in self.heard if m.WhichOneof("type") == "new_session")
        request = BackendOperationRequest(
            request_id="1", session_id=begun.initialize.session_id, **operation
        )
        self.send(backend_operation_request=request)
        return self.listen("backend_operation_response").backend_operation_response

    def listen(self, until: str = "script_finished") -> ForwardMsg:
        """Take what comes until a message of this kind; a script that runs once more at once is not finished."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            data = self._line.recv(timeout=PATIENCE_S)
            assert isinstance(data, bytes)
            said = ForwardMsg.FromString(data)
            self.heard.append(said)
            if said.WhichOneof("type") == until and said.script_finished not in GOES_ON:
                return said
        raise AssertionError(f"no {until} came")


def _put(state: Any, value: Any) -> None:
    """`True` is a press of a button; text, numbers and lists of text as widgets keep them."""
    if value is True:
        state.trigger_value = True
    elif isinstance(value, str):
        state.string_value = value
    elif isinstance(value, list):
        state.string_array_value.data.extend(value)
    elif isinstance(value, dict):
        state.json_trigger_value = json.dumps(value)
    else:
        state.int_value = value


def said(messages: list[ForwardMsg]) -> str:
    """All text that came, in any form."""
    return "\n".join(str(message) for message in messages)


def widget_ids(messages: list[ForwardMsg]) -> dict[str, str]:
    """The ids of the widgets that were drawn, by their keys or labels."""
    found = {}
    for message in messages:
        if message.WhichOneof("type") == "delta":
            element = message.delta.new_element
            kind = element.WhichOneof("type")
            drawn = getattr(element, kind) if kind else None
            name = getattr(drawn, "id", "") if drawn is not None else ""
            if isinstance(name, str) and name.startswith("$$"):
                found[name.rpartition("-")[2]] = name
                found[getattr(drawn, "label", "") or name] = name
    return found


def link_of(messages: list[ForwardMsg]) -> dict[str, list[str]]:
    """What the page's link says, as it was last changed."""
    links = [m.page_info_changed.query_string for m in messages if m.HasField("page_info_changed")]
    return parse_qs(links[-1]) if links else {}


def fetched(
    address: str, path: str, method: str = "GET", body: bytes | None = None
) -> tuple[int, bytes]:
    """Status and content of any path, sent as it is."""
    request = urllib.request.Request(address + path, data=body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as reply:
            return reply.status, reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
