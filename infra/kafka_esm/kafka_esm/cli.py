"""The command `kafka-esm`: `run` polls what is mapped, `check` prints it and what is wrong with it."""

import argparse
import functools
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kafka_esm import logs
from kafka_esm.aws import api_client, configured_endpoint, physical_name
from kafka_esm.check import all_off, check
from kafka_esm.delivery.invoke import COLD_START_SECONDS
from kafka_esm.errors import AccessDenied, ConfigurationError
from kafka_esm.mappings import api, msk, template
from kafka_esm.mappings.dynamic import reader
from kafka_esm.mappings.secrets import with_key_findings
from kafka_esm.mappings.validation import Found, accepted, good
from kafka_esm.run import RunOptions, run

# Options that are pairs: the option, where it is kept, how it is written, what it is.
_PAIRS = (
    (
        "--bootstrap",
        "bootstrap",
        "ARN=HOST:PORT,…",
        "the brokers of an MSK cluster, by its ARN or its name",
    ),
    ("--import", "imports", "NAME=VALUE", "what another stack exports, for Fn::ImportValue"),
    ("--parameter", "parameter", "K=V", "a parameter of the template"),
)

BAD_CONFIGURATION = 2
ACCESS_DENIED = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status.

    0 after a signal, or if nothing is wrong; 2 for bad configuration; 3 if Kafka refuses access.
    """
    options = _options(arguments)
    logs.set_up(options.log_level)
    try:
        find = _finder(options)
        found = find()
        if options.command == "check":
            if options.endpoint_url:
                found = with_key_findings(
                    found, api_client("secretsmanager", options.endpoint_url, _region())
                )
            sys.stdout.write(
                check(found, options.format, str(options.template) if options.template else None)
            )
            return BAD_CONFIGURATION if any(one.error for one in found) or all_off(found) else 0
        if options.from_api:
            said: set[str] = set()
            if found and all(one.error for one in found):
                accepted(found)
            run(good(found, said), _run_options(options), lambda: good(find(), said))
        else:
            run(accepted(found), _run_options(options))
    except ConfigurationError as exc:
        sys.stderr.write(f"kafka_esm: {exc}\n")
        return BAD_CONFIGURATION
    except AccessDenied as exc:
        sys.stderr.write(f"kafka_esm: {exc}\n")
        return ACCESS_DENIED
    return 0


def _finder(options: argparse.Namespace) -> Callable[[], list[Found]]:
    """Return what finds the mappings as they are now."""
    running = options.command == "run"
    if running and not options.endpoint_url:
        raise ConfigurationError("--endpoint-url is missing: it says where the AWS API answers")
    if running:
        # kafka-python's IAM knows the region by this variable alone.
        os.environ.setdefault("AWS_DEFAULT_REGION", _region())
    client = functools.cache(lambda service: api_client(service, options.endpoint_url, _region()))
    source = _source(options, client)
    ask = msk.asking(functools.partial(client, "kafka")) if running else None

    def find() -> list[Found]:
        found = source()
        if running and options.kafka_no_authentication:
            found = [without_authentication(one) for one in found]
        return msk.with_brokers(found, dict(options.bootstrap), ask)

    return find


def _source(options: argparse.Namespace, client: Callable[[str], Any]) -> Callable[[], list[Found]]:
    if (options.stack_name or options.from_api) and not options.endpoint_url:
        raise ConfigurationError("--endpoint-url is missing: it says where the AWS API answers")
    if options.from_api:
        return functools.partial(api.find_mappings, client("lambda"), {})
    return functools.partial(
        template.find_mappings,
        options.template,
        dict(options.parameter),
        region=_region(),
        stack_name=options.stack_name,
        physical_name=(
            functools.partial(physical_name, options.endpoint_url, _region(), options.stack_name)
            if options.stack_name
            else None
        ),
        imports=dict(options.imports),
        read=reader(client) if options.command == "run" else None,
    )


def without_authentication(found: Found) -> Found:
    """Return a mapping that connects without TLS and without authentication, whatever it asks for."""
    if found.mapping is None or not found.mapping.access:
        return found
    note = "authentication is left out: --kafka-no-authentication"
    notes = (*found.mapping.notes, note)
    return replace(found, mapping=replace(found.mapping, access=(), notes=notes))


def _run_options(options: argparse.Namespace) -> RunOptions:
    return RunOptions(
        endpoint_url=options.endpoint_url,
        region=_region(),
        health_port=options.health_port,
        health_host=options.health_host,
        drain_seconds=options.drain_seconds,
        session_timeout_seconds=options.session_timeout_seconds,
        max_concurrency=options.max_concurrency,
        item_failures=options.item_failures,
        plaintext=options.kafka_plaintext,
        isolation=options.isolation.replace("-", "_"),
        cold_start_seconds=options.cold_start_seconds,
    )


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="kafka-esm", description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    run_command = commands.add_parser("run", help="poll every Kafka event source mapping")
    check_command = commands.add_parser("check", help="print the mappings, and what is not supported")
    for command in (run_command, check_command):
        source = command.add_mutually_exclusive_group(required=True)
        source.add_argument("--template", type=Path, help="a SAM or CloudFormation template, not transformed")
        source.add_argument(
            "--from-api", action="store_true", help="the mappings that ListEventSourceMappings lists"
        )
        command.add_argument(
            "--endpoint-url",
            default=configured_endpoint(),
            help="where the AWS API answers (AWS_ENDPOINT_URL); AWS_ENDPOINT_URL_<SERVICE> counts before it",
        )
        for option, dest, metavar, what in _PAIRS:
            command.add_argument(
                option,
                dest=dest,
                type=_key_value,
                action="append",
                default=[],
                metavar=metavar,
                help=f"{what} (may be repeated)",
            )
        command.add_argument(
            "--stack-name",
            help="a stack deployed at the endpoint: functions are invoked by the names they have there",
        )
        command.add_argument("--log-level", choices=("DEBUG", "INFO", "WARNING", "ERROR"), default="INFO")
    check_command.add_argument(
        "--format",
        choices=("text", "json", "github"),
        default="text",
        help="how to print it: for people (text), programs (json), or as annotations of GitHub Actions",
    )
    _add_run_options(run_command)
    return parser.parse_args(arguments)


def _add_run_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--health-port",
        type=int,
        default=os.environ.get("KAFKA_ESM_HEALTH_PORT"),
        help="serve GET /healthz and /metrics on this port (KAFKA_ESM_HEALTH_PORT)",
    )
    command.add_argument(
        "--health-host",
        default=os.environ.get("KAFKA_ESM_HEALTH_HOST", "127.0.0.1"),
        metavar="ADDRESS",
        help="of this address (KAFKA_ESM_HEALTH_HOST, or else 127.0.0.1)",
    )
    command.add_argument(
        "--drain-seconds",
        type=_positive,
        default=30.0,
        help="how long a stop waits for what is in flight (30)",
    )
    command.add_argument(
        "--session-timeout-seconds",
        type=_positive,
        default=6.0,
        help="after this the group gives up on a poller that died (6)",
    )
    command.add_argument(
        "--max-concurrency",
        type=_count,
        default=10,
        help="invocations in flight at a time, for each mapping (10); MaximumPollers may lower it",
    )
    command.add_argument(
        "--item-failures",
        choices=("from-first", "only-named"),
        default="from-first",
        help="what goes again if the function names failed records: all from the first of them, or only them",
    )
    command.add_argument(
        "--isolation",
        choices=("read-uncommitted", "read-committed"),
        default="read-uncommitted",
        help="whether records of aborted and open transactions are delivered (read-uncommitted), or not",
    )
    command.add_argument(
        "--cold-start-seconds",
        type=_positive,
        default=COLD_START_SECONDS,
        help="how long a function may take to start, beyond its timeout (300)",
    )
    command.add_argument(
        "--kafka-plaintext",
        action="store_true",
        help="authenticate without TLS, which AWS never does: for a local broker only",
    )
    command.add_argument(
        "--kafka-no-authentication",
        action="store_true",
        help="connect without password, certificate and TLS, whatever the mapping says: for local brokers",
    )


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


def _count(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return number
