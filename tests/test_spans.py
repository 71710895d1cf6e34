"""Runs as OpenInference spans, and sent to a receiver that speaks OTLP over HTTP: what arrives is what was measured."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from click.testing import CliRunner
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from budgetscape import otlp
from budgetscape.cli.main import cli
from budgetscape.otlp import send_sweep, traces_address
from engine.errors import EndpointError, InputError
from engine.spans import KIND, spans
from engine.types import Search, Stopped, Thought
from store.history import Store
from store.home import Home
from tests.store_fakes import CELLS, trajectory, write


class Receiver:
    """An OTLP collector as far as the protocol goes: it decodes what it gets, and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        """What comes first; then all is taken."""

    @property
    def spans(self):
        return [
            s
            for r in self.requests
            for rs in r.resource_spans
            for ss in rs.scope_spans
            for s in ss.spans
        ]


@contextmanager
def receiving() -> Iterator[tuple[str, Receiver]]:
    held = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, said = 200, {}, ExportTraceServiceResponse().SerializeToString()
            if (
                self.path != "/v1/traces"
                or self.headers["Content-Type"] != "application/x-protobuf"
            ):
                status, said = 404, b"no such path"
            elif held.answers:
                status, headers, said = held.answers.pop(0)
            if status == 200:
                held.requests.append(ExportTraceServiceRequest.FromString(body))
                held.headers.append(dict(self.headers))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(said))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", held
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    write(home, [trajectory(n) for n in range(3)])
    with Store.scratch(home) as made:
        yield made


def told(span) -> dict[str, object]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


def test_a_run_is_an_agent_with_an_llm_for_every_text_and_a_retriever_for_every_look_up():
    run = trajectory(1).runs[-1]
    assert run.config.budget.search == 2
    root, *rest = spans(run, "grid", 1000.0)
    assert root.attributes[KIND] == "AGENT" and root.parent is None
    assert [(s.name, s.attributes[KIND]) for s in rest] == [
        ("write query", "LLM"), ("search", "RETRIEVER"), ("write query", "LLM"), ("search", "RETRIEVER"),
        ("think", "LLM"), ("answer", "LLM"),
    ]  # fmt: skip
    assert {s.parent for s in rest} == {root.id} and len({s.id for s in rest}) == 6
    assert (root.attributes["input.value"], root.attributes["output.value"]) == (
        run.question.text,
        "Pirnby",
    )
    meta = json.loads(str(root.attributes["metadata"]))
    assert (meta["budget"]["search"], meta["budget"]["think"], meta["cost"]) == (2, 32, run.cost)
    scores = {
        root.attributes[f"annotations.{n}.annotation.name"]: root.attributes[
            f"annotations.{n}.annotation.score"
        ]
        for n in range(sum(key.endswith("annotation.name") for key in root.attributes))
    }
    assert scores["em"] == run.scores.em
    found = rest[1].attributes
    assert found["retrieval.documents.0.document.content"] == "Ships were built in Pirnby."
    completion = sum(int(s.attributes.get("llm.token_count.completion", 0)) for s in rest)
    assert (
        completion
        == root.attributes["llm.token_count.completion"]
        == run.trace.usage.completion_tokens
    )
    assert spans(run, "grid", 1000.0) == [root, *rest], "sent again it is the same trace"


def test_steps_follow_each_other_and_branches_run_side_by_side():
    run = trajectory(1).runs[-1]
    steps = (
        Thought((0,), 1, 1, 2.0, "a"),
        Search((1, 0, 0), 1, 1, 3.0, "left", 3),
        Search((1, 1, 0), 1, 1, 1.0, "right", 3),
        Search((1, 1, 1), 0, 0, 0.0, "too much", 3, refused=True),
        Thought((2,), 1, 1, 1.0, "b"),
        Thought((3,), refused=True),
        Stopped((4,)),
    )
    some = spans(replace(run, trace=replace(run.trace, steps=steps)), "grid", 100.0)[1:]
    assert [(s.start, s.end) for s in some] == [
        (100, 102),
        (102, 105),
        (102, 103),
        (103, 103),
        (105, 106),
    ]
    assert [s.error for s in some] == ["", "", "", "the search budget was spent", ""]


def test_a_receiver_gets_every_run_of_a_sweep_once(store, monkeypatch):
    monkeypatch.setattr(otlp, "BATCH", 7)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
    said = []
    with receiving() as (address, got):
        assert send_sweep(store, "grid", address, tell=lambda *a: said.append(a)) == 3 * len(CELLS)
    assert said[-1] == (18, 18) and len(got.requests) == 3
    assert {h["authorization"] for h in got.headers} == {"Bearer abc"}
    roots = [s for s in got.spans if not s.parent_span_id]
    assert len({s.trace_id for s in roots}) == len(roots) == 18
    runs = {json.loads(told(s)["metadata"])["run"] for s in roots}
    assert runs == {run.id for n in range(3) for run in trajectory(n).runs}
    assert all(s.end_time_unix_nano >= s.start_time_unix_nano > 1.6e18 for s in got.spans)
    first = roots[0]
    assert told(first)["llm.token_count.total"] == sum(
        told(first)[f"llm.token_count.{k}"] for k in ("prompt", "completion")
    )
    resource = got.requests[0].resource_spans[0].resource
    assert {a.key: a.value.string_value for a in resource.attributes} == {
        "service.name": "budgetscape"
    }


def test_what_a_collector_cannot_take_now_is_sent_again(store, monkeypatch):
    waits = []
    monkeypatch.setattr(otlp.time, "sleep", waits.append)
    with receiving() as (address, got):
        got.answers = [(503, {}, b""), (429, {"Retry-After": "7"}, b"")]
        assert send_sweep(store, "grid", address, limit=2) == 2
    assert len(got.requests) == 1 and len(waits) == 2 and 5 < waits[1] < 9


def test_what_a_collector_refuses_is_said_in_one_line(store, monkeypatch):
    monkeypatch.setattr(otlp.time, "sleep", lambda _: None)
    partly = ExportTraceServiceResponse()
    partly.partial_success.rejected_spans, partly.partial_success.error_message = 3, "too\nlong"
    answers = {
        "refused the traces with 401: no key": (401, {}, b"no key"),
        "refused the traces with 503": (503, {}, b""),
        "left out 3 spans: too long": (200, {}, partly.SerializeToString()),
        "is no OTLP collector": (200, {}, b"<html>hello</html>"),
    }
    with receiving() as (address, got):
        for why, answer in answers.items():
            got.answers = [answer] * otlp.TRIES
            with pytest.raises(EndpointError, match=why) as raised:
                send_sweep(store, "grid", address)
            assert "\n" not in str(raised.value)
            got.answers = []
    with pytest.raises(EndpointError, match="cannot be reached"):
        send_sweep(store, "grid", address)
    with pytest.raises(InputError, match="has no runs"):
        send_sweep(store, "nothing", address)


@pytest.mark.parametrize(
    "address", ["", "localhost:4318", "ftp://x", "http://a:b@c", "http://x:99999", "file:///etc"]
)
def test_other_addresses_are_refused(address):
    with pytest.raises(InputError, match="must look like"):
        traces_address(address)
    assert traces_address("http://h:4318/") == "http://h:4318/v1/traces"
    assert traces_address("https://h/otlp/v1/traces") == "https://h/otlp/v1/traces"


def test_the_command_sends_a_sweep(home: Home):
    write(home, [trajectory(0)])
    with receiving() as (address, got):
        done = CliRunner().invoke(
            cli, ["store", "traces", "grid", "--otlp", address], catch_exceptions=False
        )
    assert f"{len(CELLS)} runs of grid sent as traces" in done.output
    assert sum(not s.parent_span_id for s in got.spans) == len(CELLS)
