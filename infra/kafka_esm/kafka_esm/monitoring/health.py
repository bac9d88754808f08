"""What orchestrators ask: /livez, /readyz, /healthz as JSON, and /metrics for Prometheus."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.mapping import Mapping
from kafka_esm.monitoring.status import Status

Polled = tuple[Mapping, Status]


def report(pollers: Sequence[Polled]) -> tuple[HTTPStatus, dict[str, Any]]:
    """Return the status and body of an answer: 200 once every mapping polls, or stands by to."""
    states = [status.state for _, status in pollers]
    state = next((s for s in ("draining", "connecting", "polling", "standby") if s in states), "polling")
    mappings = []
    for mapping, status in pollers:
        names = {"function": mapping.target.name, "topic": mapping.topic, "group": mapping.group}
        mappings.append(names | asdict(status))
    code = HTTPStatus.OK if state in ("polling", "standby") else HTTPStatus.SERVICE_UNAVAILABLE
    return code, {"state": state, "mappings": mappings}


def serve(
    host: str,
    port: int,
    read: Callable[[], Sequence[Polled]],
    alive: Callable[[], bool],
    registry: CollectorRegistry,
) -> ThreadingHTTPServer:
    """Serve health and metrics, in a thread of its own.

    `alive` says whether a restart would be of no use: it is no trouble of Kafka or the endpoint.

    Raises:
        ConfigurationError: the address or the port cannot be had.

    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                # As OpenMetrics for who asks for it, else in Prometheus' own text format.
                encode, kind = choose_encoder(self.headers.get("Accept", ""))
                self._answer(HTTPStatus.OK, encode(registry), kind)
                return
            body: dict[str, Any] = {"error": "only /livez, /readyz, /healthz and /metrics are here"}
            status = HTTPStatus.NOT_FOUND
            if self.path in ("/healthz", "/readyz"):
                status, body = report(read())
            elif self.path == "/livez":
                well = alive()
                status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
                body = {"alive": well}
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
