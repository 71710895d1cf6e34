"""Traces to an OpenTelemetry collector over OTLP/HTTP: encoded by OpenTelemetry's own encoder, sent in batches.

What a collector refuses for now is sent again; what it refuses for good, or takes in part only, is said. Headers, such
as a key, come from the environment as OpenTelemetry names them, and are never printed.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode
from opentelemetry.util.re import parse_env_headers

from engine.errors import EndpointError, InputError
from engine.spans import Span, spans
from store.history import Slice, Store

BATCH = 50
"""Runs of one request."""
AGAIN = (429, 502, 503, 504)
"""What the protocol says may be sent again."""
TRIES, FIRST_WAIT_S, LONGEST_WAIT_S = 5, 0.5, 30.0
TIMEOUT_S = 30.0
HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
Tell = Callable[[int, int], object]
"""Told how many runs are sent, of how many."""


def send_sweep(
    store: Store, sweep: str, address: str, limit: int | None = None, tell: Tell = lambda *_: None
) -> int:
    """Send the runs of a sweep as traces; how many. InputError where there are none, EndpointError for a refusal."""
    url = traces_address(address)
    places = store.places(Slice(sweeps=(sweep,)))[:limit]
    if not places:
        raise InputError(f"sweep '{sweep[:80]}' has no runs to send")
    starts = _starts(store, sweep)
    made = (spans(store.run(run), sweep, starts[trajectory]) for _, trajectory, run in places)
    sent = 0
    with httpx2.Client(timeout=TIMEOUT_S, headers=_headers(os.environ)) as client:
        while batch := list(islice(made, BATCH)):
            _post(client, url, _encoded(span for run in batch for span in run))
            sent += len(batch)
            tell(sent, len(places))
    return sent


def traces_address(address: str) -> str:
    """http://host:4318 -> http://host:4318/v1/traces; a whole path stays. InputError for what is no address."""
    try:
        url = urlsplit(address)
        fine = url.scheme in ("http", "https") and bool(url.hostname) and url.username is None
        _ = url.port
    except ValueError:
        fine = False
    if not fine:
        raise InputError("the address of a collector must look like http://host:4318")
    return address if url.path.strip("/") else f"{address.rstrip('/')}/v1/traces"


def _headers(env: Mapping[str, str]) -> dict[str, str]:
    found = next((env[name] for name in HEADERS if env.get(name)), "")
    return dict(parse_env_headers(found, liberal=True))


def _starts(store: Store, sweep: str) -> dict[str, float]:
    """When the journal of each trajectory was begun: what is nearest to known."""
    frame = store.frame("SELECT id, file FROM trajectories WHERE sweep = ?", [sweep])
    begun = {file: _begun(store.home.journals / file) for file in set(frame["file"])}
    return {id: begun[file] for id, file in zip(frame["id"], frame["file"], strict=True)}


def _begun(path: Path) -> float:
    """From the stamp in a journal's name; of one that came as a bundle or a log, when it was written here."""
    try:
        stamp = path.name.partition("-")[0]
        return datetime.strptime(stamp, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return path.stat().st_mtime


# ------------------------------------------------------------------------------------------- the wire


def _encoded(some: Iterable[Span]) -> bytes:
    body: bytes = encode_spans(list(_readable(some))).SerializeToString()
    return body


def _readable(some: Iterable[Span]) -> Iterator[ReadableSpan]:
    resource = Resource({"service.name": "budgetscape"})
    scope = InstrumentationScope("budgetscape")
    for span in some:
        yield ReadableSpan(
            name=span.name,
            context=_context(span.trace_id, span.id),
            parent=None if span.parent is None else _context(span.trace_id, span.parent),
            resource=resource,
            attributes=dict(span.attributes),
            kind=SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(StatusCode.OK),
            start_time=int(span.start * 1e9),
            end_time=int(span.end * 1e9),
            instrumentation_scope=scope,
        )


def _context(trace_id: int, id: int) -> SpanContext:
    return SpanContext(trace_id, id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _post(client: httpx2.Client, url: str, body: bytes) -> None:
    where = urlsplit(url).netloc
    for left in reversed(range(TRIES)):
        try:
            reply = client.post(
                url, content=body, headers={"Content-Type": "application/x-protobuf"}
            )
        except httpx2.HTTPError as error:
            if not left:
                raise EndpointError(
                    f"the collector at {where} cannot be reached: {_line(str(error))}"
                ) from error
            _wait(TRIES - left, None)
            continue
        if reply.status_code in AGAIN and left:
            _wait(TRIES - left, reply.headers.get("Retry-After"))
            continue
        _check(reply, where)
        return


def _wait(tries: int, asked: str | None) -> None:
    """As long as the collector asks for, else twice as long each time, with jitter."""
    seconds = float(asked) if asked and asked.isdigit() else FIRST_WAIT_S * 2 ** (tries - 1)
    time.sleep(min(LONGEST_WAIT_S, seconds) * random.uniform(0.8, 1.2))


def _check(reply: httpx2.Response, where: str) -> None:
    if not reply.is_success:
        why = _line(reply.text)
        raise EndpointError(
            f"the collector at {where} refused the traces with {reply.status_code}: {why}"
        )
    try:
        said = ExportTraceServiceResponse.FromString(reply.content)
    except DecodeError as error:
        raise EndpointError(
            f"what answers at {where} is no OTLP collector; is the address right?"
        ) from error
    if lost := said.partial_success.rejected_spans:
        why = _line(said.partial_success.error_message)
        raise EndpointError(f"the collector at {where} left out {lost} spans: {why}")


def _line(text: str) -> str:
    return " ".join(text.split())[:200] or "it gave no reason"
