"""`python -m kafka_esm run`: poll what a SAM template maps, and invoke its functions."""

import argparse
import functools
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from kafka_esm import health, logs
from kafka_esm.errors import ConfigurationError
from kafka_esm.invoke import invoke, lambda_client, physical_name
from kafka_esm.mapping import Mapping
from kafka_esm.poller import Poller
from kafka_esm.template import read_mappings

_LOG = logging.getLogger("kafka_esm")
# Beyond the drain limit: a last poll, the commit, and leaving the group.
_CLOSE_SECONDS = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0 after a signal, 2 for bad configuration."""
    options = _options(arguments)
    logs.set_up(options.log_level)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        pollers = [_poller(mapping, options, stop) for mapping in _mappings(options)]
        if options.health_port is not None:
            health.serve(options.health_port, lambda: [(poller.mapping, poller.status) for poller in pollers])
    except ConfigurationError as exc:
        sys.stderr.write(f"kafka_esm: {exc}\n")
        return 2
    # Daemons, so that a thread stuck in a call cannot outlive the limit below.
    threads = [threading.Thread(target=poller.run, daemon=True) for poller in pollers]
    for thread in threads:
        thread.start()
    stop.wait()
    _LOG.info("stopping")
    for thread in threads:
        thread.join(timeout=options.drain_seconds + _CLOSE_SECONDS)
    return 0


def _mappings(options: argparse.Namespace) -> list[Mapping]:
    found = read_mappings(
        options.template,
        dict(options.parameter),
        region=_region(),
        stack_name=options.stack_name,
        physical_name=(
            functools.partial(physical_name, options.endpoint_url, _region(), options.stack_name)
            if options.stack_name
            else None
        ),
    )
    for mapping in found:
        names = {"function": mapping.target.name, "topic": mapping.topic, "group": mapping.group}
        if mapping.network_access:
            _LOG.info(
                "%s have no meaning outside AWS",
                " and ".join(sorted(set(mapping.network_access))),
                extra=names,
            )
        _LOG.info("mapping" if mapping.enabled else "mapping is not enabled: it is not polled", extra=names)
    enabled = [mapping for mapping in found if mapping.enabled]
    if not enabled:
        raise ConfigurationError("every mapping of the template has Enabled: false; there is nothing to poll")
    return enabled


def _poller(mapping: Mapping, options: argparse.Namespace, stop: threading.Event) -> Poller:
    client = lambda_client(options.endpoint_url, _region(), mapping.target.timeout_seconds)
    return Poller(
        mapping,
        functools.partial(invoke, client, mapping.target.name),
        stop,
        session_timeout_seconds=options.session_timeout_seconds,
        drain_seconds=options.drain_seconds,
    )


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="kafka_esm", description=__doc__)
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="poll every Kafka event source mapping of a SAM template")
    run.add_argument("--template", type=Path, required=True, help="the SAM template, not transformed")
    run.add_argument("--endpoint-url", required=True, help="where Lambda's Invoke API answers")
    run.add_argument(
        "--parameter",
        type=_key_value,
        action="append",
        default=[],
        metavar="K=V",
        help="a parameter of the template (may be repeated)",
    )
    run.add_argument(
        "--stack-name",
        help="a stack deployed at the endpoint: functions are invoked by the names they have there",
    )
    run.add_argument("--health-port", type=int, help="serve GET /healthz on this port of 127.0.0.1")
    run.add_argument("--drain-seconds", type=_positive, default=30.0, help="how long a stop waits (30)")
    run.add_argument(
        "--session-timeout-seconds",
        type=_positive,
        default=6.0,
        help="after this the group gives up on a poller that died (6)",
    )
    run.add_argument("--log-level", choices=("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")
    return parser.parse_args(arguments)


def _key_value(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not key or not separator:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form K=V")
    return key, value


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
