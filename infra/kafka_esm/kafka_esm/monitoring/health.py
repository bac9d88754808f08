"""GET /healthz: what the pollers are doing, as JSON; GET /metrics: the same and more, for Prometheus."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest

from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.mapping import Mapping
from kafka_esm.monitoring.status import Status

Polled = tuple[Mapping, Status]


def report(pollers: Sequence[Polled]) -> tuple[HTTPStatus, dict[str, Any]]:
    """Return the status and body of an answer: 200 once every mapping polls."""
    states = [status.state for _, status in pollers]
    state = next((s for s in ("draining", "connecting") if s in states), "polling")
    mappings = []
    for mapping, status in pollers:
        details = asdict(status)
        del details["state"]
        mappings.append(
            {"function": mapping.target.name, "topic": mapping.topic, "group": mapping.group, **details}
        )
    code = HTTPStatus.OK if state == "polling" else HTTPStatus.SERVICE_UNAVAILABLE
    return code, {"state": state, "mappings": mappings}


def serve(
    host: str, port: int, read: Callable[[], Sequence[Polled]], registry: CollectorRegistry
) -> ThreadingHTTPServer:
    """Serve health and metrics, in a thread of its own.

    Raises:
        ConfigurationError: the address or the port cannot be had.

    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(HTTPStatus.OK, generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4)
                return
            status, body = HTTPStatus.NOT_FOUND, {"error": "only /healthz and /metrics are here"}
            if self.path == "/healthz":
                status, body = report(read())
            self._answer(status, json.dumps(body).encode(), "application/json")

        def _answer(self, status: HTTPStatus, content: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Keep requests for health out of the log."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except (OSError, OverflowError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not a port"
        raise ConfigurationError(f"--health-host {host} --health-port {port}: {reason}") from None
    threading.Thread(target=server.serve_forever, daemon=True, name="health").start()
    return server
