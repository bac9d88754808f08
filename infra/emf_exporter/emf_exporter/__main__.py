"""python -m emf_exporter: serve the metrics of functions' logs to Prometheus."""

import signal
from argparse import ArgumentParser, ArgumentTypeError
from threading import Event

import boto3
from botocore.exceptions import BotoCoreError
from prometheus_client import CollectorRegistry, start_http_server

from emf_exporter.converter import Rules
from emf_exporter.exporter import Exporter


def parser() -> ArgumentParser:
    """Return the command line."""
    found = ArgumentParser(prog="emf_exporter", description=__doc__)
    found.add_argument("--functions", required=True, metavar="PREFIX", help="how their names begin")
    found.add_argument("--endpoint-url", help="an emulator's; AWS's own if left out")
    found.add_argument("--host", default="127.0.0.1")
    found.add_argument("--port", type=int, default=9465)
    found.add_argument("--settle-seconds", type=float, default=10, help="how late a log line may come (10)")
    found.add_argument("--gauge", action="append", default=[], metavar="METRIC", help="the last value counts")
    found.add_argument(
        "--label",
        action="append",
        default=[],
        type=_label,
        metavar="PROPERTY=METRIC,…",
        help="make a property of the documents a label of these metrics",
    )
    found.add_argument(
        "--most",
        action="append",
        default=[],
        type=_most,
        metavar="PROPERTY=N",
        help="only the N commonest values of a label's property by name, the others as _other",
    )
    return found


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    options = parser().parse_args()
    rules = Rules(frozenset(options.gauge), dict(options.label), dict(options.most))
    try:
        logs = boto3.client("logs", endpoint_url=options.endpoint_url)
        cloudwatch = boto3.client("cloudwatch", endpoint_url=options.endpoint_url)
    except (BotoCoreError, ValueError) as error:  # no region, or a URL that is none
        raise SystemExit(str(error)) from None
    registry = CollectorRegistry()
    registry.register(Exporter(logs, cloudwatch, options.functions, rules, options.settle_seconds))
    stopped = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        server, _ = start_http_server(options.port, options.host, registry)
    except OSError as error:
        raise SystemExit(f"--host {options.host} --port {options.port}: {error.strerror}") from None
    stopped.wait()
    server.shutdown()


def _label(given: str) -> tuple[str, frozenset[str]]:
    name, _, metrics = given.partition("=")
    if not name or not metrics:
        raise ArgumentTypeError(
            f"{given!r}: give a property and its metrics, such as tenant=Requests,Throttled"
        )
    return name, frozenset(metrics.split(","))


def _most(given: str) -> tuple[str, int]:
    name, _, most = given.partition("=")
    if not name or not most.isdecimal() or not int(most):
        raise ArgumentTypeError(f"{given!r}: give a property and a number of 1 or more, such as tenant=20")
    return name, int(most)


if __name__ == "__main__":
    main()
