"""The OTLP endpoint, and the traces that it was given.

python -m mesh.traces.server --port PORT

POST /v1/traces      an export request, in JSON
GET  /traces         the last hundred traces, the newest first
GET  /traces/{id}    the spans of a trace, and of those that link to it
GET  /health
"""

import gzip
import json
from argparse import ArgumentParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mesh.traces.kept import Traces
from mesh.traces.span import Span, read

_LOOPBACK = "127.0.0.1"
_LISTED = 100
_MOST_BYTES = 16 * 2**20


class TracesServer(ThreadingHTTPServer):
    """Serves `traces`, to which it adds what it is sent; port 0 is any that is free."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__((_LOOPBACK, port), _Handler)
        self.traces = Traces()

    @property
    def url(self) -> str:
        """What OtlpEndpoint is to be."""
        return f"http://{_LOOPBACK}:{self.server_port}"

    def take(self, export: bytes) -> None:
        """Keep the spans of an export request; KeyError, TypeError or ValueError if it is none."""
        self.traces.add(list(read(json.loads(export))))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: in two, the second waits 40 ms for the first to be acknowledged
    server: TracesServer

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > _MOST_BYTES:
            self.close_connection = True
            return self._answer(413, {"message": f"An export has {_MOST_BYTES} bytes at most."})
        body = self.rfile.read(length)
        if self.path != "/v1/traces":
            return self._answer(404, {"message": "Traces are sent to /v1/traces."})
        if self.headers.get_content_type() != "application/json":
            return self._answer(415, {"message": "Set OTEL_EXPORTER_OTLP_PROTOCOL=http/json."})
        try:
            self.server.take(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, OSError, EOFError):
            return self._answer(400, {"message": "This is no export request of OTLP in JSON."})
        return self._answer(200, {})

    def do_GET(self) -> None:
        match self.path.strip("/").split("/"):
            case ["health"]:
                self._answer(200, {"status": "OK"})
            case ["traces"]:
                self._answer(200, {"traces": [_summary(each) for each in self.server.traces.last(_LISTED)]})
            case ["traces", trace_id] if spans := self.server.traces.way(trace_id):
                self._answer(200, {"spans": [_shown(span) for span in spans]})
            case _:
                self._answer(404, {"message": "There is no such trace, or no more."})

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: there is a line for each export."""


def _summary(spans: list[Span]) -> dict[str, Any]:
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


def _shown(span: Span) -> dict[str, Any]:
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


def main() -> None:
    """Serve until SIGTERM."""
    parser = ArgumentParser(prog="mesh.traces.server")
    parser.add_argument("--port", type=int, required=True)
    TracesServer(parser.parse_args().port).serve_forever()


if __name__ == "__main__":
    main()
