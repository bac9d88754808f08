"""What traces cost: a function's start and each of its requests, with and without them, in pairs of one run.

.venv/bin/python -m tests.bench.traces      (make bench brings the mesh up first)

Each function runs as it was built and against the stores of the running mesh, once without OtlpEndpoint and
once with the mesh's own, one right after the other. A start is what it takes of a processor until it is
imported, which other processes disturb less; a request is the median, its spans sent, by the clock and of a
processor.
"""

import secrets
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mesh.clients.aws import client
from mesh.deployment import build, built_function, deploy
from mesh.state import State, load_running
from rich.console import Console
from rich.table import Table
from users.events import user_created

from tests.kafka import delivered
from tests.people import somebody
from tests.unit import gateway

PAIRS = 7
WARM = 40  # requests that are measured of each start
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
TENANT = f"traces-{secrets.token_hex(3)}"
TOKEN = f"{TENANT}:bench"


class Took(NamedTuple):
    """What a start and a request took, in ms."""

    start: float
    request: float
    request_cpu: float


def requests(function: str) -> Iterator[dict[str, Any]]:
    """Yield events for a function; the first of them warms it up."""
    batch = delivered(user_created(somebody(TENANT, 1, profile="is enriched again and again")))
    for _ in range(WARM + 1):
        match function:
            case "create_user":
                new = {"email": f"{secrets.token_hex(6)}@x.dev", "name": "T"}
                yield gateway.request("POST", "/users/create", token=TOKEN, json=new)
            case "search":
                yield gateway.request("GET", "/ai/users/search", token=TOKEN, query={"query": "anyone"})
            case _:
                yield batch


def measure(logical_id: str, function: str, runtime: Path, variables: dict[str, str]) -> Took:
    """Start a function, and have it do its requests; SystemExit if it cannot."""
    said = built_function.invoke(logical_id, runtime, list(requests(function)), variables)
    failed = [
        each
        for each in said["answers"]
        if "error" in each or (each["answer"] or {}).get("statusCode", 200) >= 400
    ]
    if failed:
        raise SystemExit(f"{function} did not do its work: {failed[0]}")
    warm = said["answers"][1:]
    clock, cpu = (statistics.median(each[name] for each in warm) for name in ("seconds", "cpu_seconds"))
    return Took(said["start_seconds"] * 1000, clock * 1000, cpu * 1000)


def deployed_variables(state: State, function: str) -> dict[str, str]:
    """Return the variables of a function of the mesh, but for where its traces go; nobody is throttled."""
    name = deploy.function_name(state.aws_endpoint_url, function)
    found = client("lambda", state.aws_endpoint_url).get_function_configuration(FunctionName=name)
    variables = {**found["Environment"]["Variables"], "AWS_ENDPOINT_URL": state.aws_endpoint_url}
    if "RATE_LIMIT_BURST" in variables:
        variables["RATE_LIMIT_BURST"] = "1000000"
    return {name: value for name, value in variables.items() if name != ENDPOINT}


def main() -> None:
    """Measure and print."""
    state = load_running()
    console = state.component("console")
    if console is None:
        raise SystemExit("The mesh has no console, to which traces would go: make up")
    build.build(build.fingerprint())
    table = Table("traces, ms", "start", "adds", "request", "adds", "of a CPU", "adds")
    with built_function.runtime() as runtime:
        for logical_id, function in (
            ("CreateUserFunction", "create_user"),
            ("SearchFunction", "search"),
            ("EnrichFunction", "enrich"),
        ):
            off = deployed_variables(state, function)
            pairs = [
                [
                    measure(logical_id, function, runtime, each)
                    for each in (off, {**off, ENDPOINT: console.address})
                ]
                for _ in range(PAIRS)
            ]
            row = [function]
            for place, form in enumerate((".0f", ".1f", ".2f")):
                row.append(f"{statistics.median(without[place] for without, _ in pairs):{form}}")
                row.append(
                    f"{statistics.median(on[place] - without[place] for without, on in pairs):+{form}}"
                )
            table.add_row(*row)
    table.caption = f"Medians of {PAIRS} pairs. Targets of what traces add: a start 150 ms, a request 2 ms."
    Console().print(table)


if __name__ == "__main__":
    main()
