"""The command `function-host`: `run` runs functions, `config` prints what would be run."""

import argparse
import asyncio
import dataclasses
import json
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from function_host import config
from function_host.config import Config, Function, Gateway, Route
from function_host.errors import ConfigurationError
from function_host.host import Host
from function_host.pool import Runtime, inherited
from function_host.server import Listening, serve

BAD_CONFIGURATION = 2
_NAME = "import sys, awslambdaric; print(f'python{sys.version_info.major}.{sys.version_info.minor}')"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status.

    0 after a signal, 2 for a configuration that cannot be used.
    """
    options = parser().parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    try:
        configured = _configured(options)
        if options.command == "config":
            sys.stdout.write(f"{json.dumps(dataclasses.asdict(configured), default=_plain, indent=2)}\n")
            return 0
        asyncio.run(_run(configured, options))
    except ConfigurationError as error:
        sys.stderr.write(f"function-host: {error}\n")
        return BAD_CONFIGURATION
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the command line. Each option of `run` may also be a variable, FUNCTION_HOST_<OPTION>."""
    found = argparse.ArgumentParser(prog="function-host", description=__doc__)
    commands = found.add_subparsers(dest="command", required=True)
    for name, what in (
        ("run", "run functions until SIGTERM"),
        ("config", "print what would be run, as JSON"),
    ):
        _add_functions(commands.add_parser(name, help=what))
    _add_listening(commands.choices["run"])
    return found


def _add_functions(found: argparse.ArgumentParser) -> None:
    source = found.add_argument_group("what is run: a configuration, a template, or one function")
    one = source.add_mutually_exclusive_group()
    one.add_argument("--config", type=Path, metavar="FILE", default=_given("CONFIG"), help="YAML or JSON")
    one.add_argument("--template", type=Path, metavar="FILE", help="a SAM template, built by `sam build`")
    one.add_argument("--handler", metavar="MODULE.FUNCTION", help="one function ($_HANDLER)")
    source.add_argument(
        "--function", action="append", default=[], metavar="NAME", help="only these; repeated"
    )
    source.add_argument(
        "--parameter",
        action="append",
        default=[],
        type=_pair,
        metavar="K=V",
        help="a parameter of the template",
    )
    source.add_argument(
        "--resource",
        action="append",
        default=[],
        type=_pair,
        metavar="NAME=VALUE",
        help="what Ref and GetAtt of a resource are, such as UsersTable=users or Role.Arn=…",
    )
    alone = found.add_argument_group("one function by --handler")
    alone.add_argument("--name", default=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "function"))
    alone.add_argument("--code", type=Path, default="/var/task", metavar="DIR")
    alone.add_argument("--layer", type=Path, action="append", metavar="DIR", help="the last one wins (/opt)")
    alone.add_argument(
        "--route",
        action="append",
        default=[],
        type=_route,
        metavar="'METHOD PATH'",
        help="such as 'GET /users/{id}' or 'ANY /{proxy+}'; repeated",
    )
    alone.add_argument(
        "--memory-mb", type=int, default=os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
    )
    alone.add_argument(
        "--timeout-seconds", type=float, default=os.environ.get("AWS_LAMBDA_FUNCTION_TIMEOUT", "3")
    )
    workers = found.add_argument_group("workers of every function")
    workers.add_argument(
        "--min-workers", type=int, default=_given("MIN_WORKERS"), help="started before it is ready (0)"
    )
    workers.add_argument(
        "--max-workers", type=int, default=_given("MAX_WORKERS"), help="by memory and processors, if left out"
    )
    workers.add_argument(
        "--queue-seconds",
        type=float,
        default=_given("QUEUE_SECONDS"),
        help="how long an invocation waits for one (5)",
    )
    gateway = found.add_argument_group("the REST API")
    gateway.add_argument(
        "--base-path", default=_given("BASE_PATH"), help="what URLs have before the routes, such as /v1"
    )


def _add_listening(found: argparse.ArgumentParser) -> None:
    process = found.add_argument_group("the process")
    process.add_argument(
        "--python",
        default=_given("PYTHON_PATH", sys.executable),
        metavar="PATH",
        help="one that has awslambdaric",
    )
    for each in dataclasses.fields(Listening):
        name = each.name.replace("_", "-")
        default = _given(each.name.upper(), str(each.default))
        process.add_argument(f"--{name}", type=each.type, default=default, help=f"({each.default})")


def _configured(options: argparse.Namespace) -> Config:
    if options.template:
        from function_host import template  # it needs an extra of its own

        region = os.environ.get("AWS_REGION", "us-east-1")
        found = template.load(
            options.template, dict(options.parameter), dict(options.resource), inherited(), region
        )
    elif options.config and not options.handler:
        found = config.load(Path(options.config))
    elif handler := options.handler or os.environ.get("_HANDLER"):
        layers = tuple(options.layer or [Path("/opt")])
        function = Function(
            options.name, handler, options.code, layers, options.memory_mb, options.timeout_seconds
        )
        routes = tuple(Route(method, path, options.name) for method, path in options.route)
        found = Config({options.name: function}, Gateway(routes))
    else:
        raise ConfigurationError("Say what to run: --config, --template or --handler.")
    found = found.only(set(options.function)) if options.function else found
    workers = {
        name: value
        for name in ("min_workers", "max_workers", "queue_seconds")
        if (value := getattr(options, name)) is not None
    }
    functions = {name: replace(each, **workers) for name, each in found.functions.items()}
    base = {} if options.base_path is None else {"base_path": options.base_path.rstrip("/")}
    return replace(found, functions=functions, gateway=replace(found.gateway, **base))


async def _run(configured: Config, options: argparse.Namespace) -> None:
    names = [each.name for each in dataclasses.fields(Listening)]
    listening = Listening(**{name: getattr(options, name) for name in names})
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    variables = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region, **inherited()}
    await serve(Host(configured, _runtime(options.python), variables, region), listening)


def _runtime(python: str) -> Runtime:
    try:
        done = subprocess.run([python, "-c", _NAME], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise ConfigurationError(
            f"--python {python} has no awslambdaric: install it there, or name a Python that has it."
        ) from None
    return Runtime(str(Path(python).absolute()), done.stdout.strip())


def _given(option: str, default: str | None = None) -> str | None:
    return os.environ.get(f"FUNCTION_HOST_{option}", default)


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{given!r} is not NAME=VALUE")
    return name, value


def _route(given: str) -> tuple[str, str]:
    method, _, path = given.partition(" ")
    if not path.startswith("/"):
        raise argparse.ArgumentTypeError(f"{given!r} is not a method and a path, such as 'GET /users/{{id}}'")
    return method.upper(), path


def _plain(value: Any) -> Any:
    return sorted(value) if isinstance(value, frozenset) else str(value)
