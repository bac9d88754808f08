"""GET /healthz: what the pollers are doing, as JSON."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from kafka_esm.errors import ConfigurationError
from kafka_esm.mapping import Mapping
from kafka_esm.poller import Status


def report(pollers: Sequence[tuple[Mapping, Status]]) -> tuple[HTTPStatus, dict[str, Any]]:
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


def serve(port: int, read: Callable[[], Sequence[tuple[Mapping, Status]]]) -> ThreadingHTTPServer:
    """Serve health on a port of the loopback interface, in a thread of its own.

    Raises:
        ConfigurationError: the port cannot be had.

    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/healthz":
                self._answer(HTTPStatus.NOT_FOUND, {"error": "only /healthz is here"})
                return
            self._answer(*report(read()))

        def _answer(self, status: HTTPStatus, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Keep requests for health out of the log."""

    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except (OSError, OverflowError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not a port"
        raise ConfigurationError(f"--health-port {port}: {reason}") from None
    threading.Thread(target=server.serve_forever, daemon=True, name="health").start()
    return server
