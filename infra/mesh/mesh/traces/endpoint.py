"""An OTLP endpoint, and the traces that it was given, as routes of a Starlette application.

POST /v1/traces      an export request, in JSON
GET  /traces         the last hundred traces, the newest first
GET  /traces/{id}    the spans of a trace, and of those that link to it
"""

import json
import zlib
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mesh.traces.kept import Traces
from mesh.traces.span import Span, read

_LISTED = 100
_MOST_BYTES = 16 * 2**20
_GZIP = 16 + zlib.MAX_WBITS
_NO_EXPORT = (AttributeError, IndexError, KeyError, TypeError, ValueError, zlib.error)

Came = Callable[[list[Span]], None]


class Endpoint:
    """Takes exports into `traces`, and tells `came` of the spans of each."""

    def __init__(self, came: Came = lambda _: None) -> None:
        self.traces = Traces()
        self._came = came

    @property
    def routes(self) -> list[Route]:
        """What an application is to serve."""
        return [
            Route("/v1/traces", self._export, methods=["POST"]),
            Route("/traces", self._list),
            Route("/traces/{trace_id}", self._show),
        ]

    def take(self, export: bytes) -> None:
        """Keep the spans of an export request; AttributeError to ValueError if it is none."""
        spans = list(read(json.loads(export)))
        self.traces.add(spans)
        self._came(spans)

    async def _export(self, request: Request) -> JSONResponse:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return _problem(415, "Set OTEL_EXPORTER_OTLP_PROTOCOL=http/json.")
        try:
            body = await _body(request)
            if len(body) > _MOST_BYTES:
                return _problem(413, f"An export has {_MOST_BYTES} bytes at most.")
            self.take(body)
        except _NO_EXPORT:
            return _problem(400, "This is no export request of OTLP in JSON.")
        return JSONResponse({})

    async def _list(self, _: Request) -> JSONResponse:
        return JSONResponse({"traces": [summary(each) for each in self.traces.last(_LISTED)]})

    async def _show(self, request: Request) -> JSONResponse:
        if spans := self.traces.way(request.path_params["trace_id"]):
            return JSONResponse({"spans": [shown(span) for span in spans]})
        return _problem(404, "There is no such trace, or no more.")


def summary(spans: list[Span]) -> dict[str, Any]:
    """Return what a list says of a trace, by the first of its spans."""
    first = min(spans, key=lambda span: (span.start, -span.end))
    return {
        "traceId": first.trace_id,
        "name": first.name,
        "service": first.service,
        "startTimeUnixNano": str(first.start),
        "milliseconds": (max(span.end for span in spans) - first.start) / 1e6,
        "spans": len(spans),
        "failed": any(span.failed for span in spans),
    }


def shown(span: Span) -> dict[str, Any]:
    """Return a span as JSON has it."""
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_id,
        "name": span.name,
        "kind": span.kind,
        "service": span.service,
        "startTimeUnixNano": str(span.start),
        "milliseconds": (span.end - span.start) / 1e6,
        "attributes": span.attributes,
        "links": [{"traceId": link.trace_id, "spanId": link.span_id} for link in span.links],
        "failed": span.failed,
    }


async def _body(request: Request) -> bytes:
    """Return the body unpacked, or a little more than is allowed of one that is too large."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > _MOST_BYTES:
            return bytes(received)
    if request.headers.get("content-encoding") != "gzip":
        return bytes(received)
    unpacking = zlib.decompressobj(_GZIP)
    unpacked = unpacking.decompress(received, _MOST_BYTES + 1)
    if not unpacking.eof and len(unpacked) <= _MOST_BYTES:
        raise ValueError("it ends too early")
    return unpacked


def _problem(status: int, message: str) -> JSONResponse:
    return JSONResponse({"message": message}, status)
