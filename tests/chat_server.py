"""A real HTTP server that speaks chat completions, streamed or whole: its words come from a function of the request.

    with ChatServer(lambda body: "Pirnby") as server:
        server.url, server.seen, server.keys       # its address, the bodies it was sent, and their authorization

`turns`: "continue" goes on with a last turn of the assistant, "echo" too and sends it back where it does not stream,
as llama.cpp does, "begin" takes it as finished and begins a new one,
"refuse" refuses such a prompt (400). `thinks(body)` hidden thinking tokens are reported before the text, and a level
that is not among `levels` is refused.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from engine.models.scripted import speak


class ChatServer:
    def __init__(self, say, turns="continue", thinks=None, levels=("low", "medium", "high")):
        self.say, self.turns, self.thinks, self.levels = say, turns, thinks, levels
        self.seen: list[dict[str, Any]] = []
        self.keys: list[str] = []
        handler = type("Handler", (_Handler,), {"chat": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def refuses(self, body):
        own_turn = body["messages"][-1]["role"] == "assistant"
        level = body.get("reasoning_effort")
        return (own_turn and self.turns == "refuse") or (
            level is not None and (self.thinks is None or level not in self.levels)
        )

    def words(self, body):
        """What is said; a word cut in its middle is completed only by a server that continues turns."""
        last = body["messages"][-1]
        if last["role"] == "assistant" and last["content"].endswith("bravo char"):
            return "lie" if self.turns in ("continue", "echo") else "alpha bravo charlie delta echo"
        return self.say(body)


class _Handler(BaseHTTPRequestHandler):
    chat: ChatServer
    protocol_version = "HTTP/1.0"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.chat.seen.append(body)
        self.chat.keys.append(self.headers.get("authorization", ""))
        if self.chat.refuses(body):
            self._send(400, json.dumps({"error": {"message": "not taken here"}}))
            return
        cap = body.get("max_tokens") or body.get("max_completion_tokens") or 16
        hidden = min(cap, self.chat.thinks(body)) if self.chat.thinks else 0
        said = speak(self.chat.words(body), cap - hidden, tuple(body.get("stop") or ()))
        finish = "stop" if said.stopped else "length"
        usage = {
            "prompt_tokens": 7,
            "completion_tokens": hidden + len(said.pieces),
            "completion_tokens_details": {"reasoning_tokens": hidden},
        }
        if body.get("stream"):
            self._stream(said.pieces, finish, usage)
        else:
            last = body["messages"][-1]
            own = (
                last["content"] if self.chat.turns == "echo" and last["role"] == "assistant" else ""
            )
            message = {"role": "assistant", "content": own + "".join(said.pieces)}
            choice = {"index": 0, "message": message, "finish_reason": finish}
            whole = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
            self._send(200, json.dumps({**whole, "choices": [choice], "usage": usage}))

    def _stream(self, pieces, finish, usage):
        chunks = [_chunk({"content": piece}, None) for piece in pieces if piece]
        chunks += [_chunk({}, finish), {**_chunk({}, None), "choices": [], "usage": usage}]
        lines = "".join(f"data: {json.dumps(c)}\n\n" for c in chunks)
        self._send(200, lines + "data: [DONE]\n\n", "text/event-stream")

    def _send(self, status, text, kind="application/json"):
        data = text.encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Quiet."""


def _chunk(delta, finish):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    head = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    return {**head, "choices": [choice]}
