"""Serves the metrics of a mesh: python -m mesh.observing --endpoint-url URL --port PORT."""

import signal
from argparse import ArgumentParser
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from emf_exporter.converter import Rules
from emf_exporter.exporter import Exporter
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from mesh.clients.aws import STACK, client
from mesh.observing.collectors import ComponentCollector, PollerCollector, QdrantCollector
from mesh.state import load_components

_SETTLE_SECONDS = 1  # both emulators have a line as soon as its invocation has ended

# What the template's functions write: docs/observability.md.
RULES = Rules(
    gauges={"OutboxAge", "OutboxSize"},
    labels={
        "status": {"Requests"},
        "tenant": {"EventsLeftToRelay", "Requests", "Searches", "Throttled", "UsersCreated"},
    },
    bounded={"tenant": 20},
)


def registry(endpoint_url: str) -> CollectorRegistry:
    """Return everything that can be scraped of the mesh in `.mesh/`."""
    found = CollectorRegistry()
    logs, cloudwatch = client("logs", endpoint_url), client("cloudwatch", endpoint_url)
    found.register(Exporter(logs, cloudwatch, f"{STACK}-", RULES, _SETTLE_SECONDS))
    found.register(ComponentCollector(load_components))
    found.register(QdrantCollector(_address("qdrant")))
    found.register(PollerCollector(_address("poller")))
    return found


def serve(port: int, scraped: CollectorRegistry) -> ThreadingHTTPServer:
    """Serve /metrics and /-/healthy on loopback, in a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = 200, "text/plain", b"healthy\n"
            if self.path == "/metrics":
                # As OpenMetrics for who asks for it, else in Prometheus' own text format.
                encode, kind = choose_encoder(self.headers.get("Accept", ""))
                body = encode(scraped)
            elif self.path != "/-/healthy":
                status, body = 404, b"only /metrics and /-/healthy are here\n"
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep scrapes out of the log."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    Thread(target=server.serve_forever, daemon=True, name="metrics").start()
    return server


def main() -> None:
    """Run until SIGTERM."""
    parser = ArgumentParser(prog="mesh.observing")
    parser.add_argument("--endpoint-url", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    stopped = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    server = serve(options.port, registry(options.endpoint_url))
    stopped.wait()
    server.shutdown()


def _address(name: str) -> Callable[[], str | None]:
    return lambda: next((each.address for each in load_components() if each.name == name), None)


if __name__ == "__main__":
    main()
