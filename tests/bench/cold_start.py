"""How long a function takes to be ready, from its built artifacts alone, and what of it takes longest.

.venv/bin/python tests/bench/cold_start.py      (builds first; make bench prints it)

Each start is a new interpreter with what Lambda's runtime has. The floor is the same interpreter that makes a
boto3 client, which most functions do anyway; the ratio is of CPU times, which other processes disturb less.
Lambda adds its own start, and the download of code and layers.
"""

import os
import re
import statistics
import subprocess
import time

from mesh.deployment import build, built_function
from rich.console import Console
from rich.table import Table

ROUNDS = 7
TOP = 5

PATH = "import sys; sys.path[:0] = {path!r}; "
FUNCTION = PATH + "import app"
CLIENT = PATH + "import boto3; boto3.client('dynamodb')"
LINE = re.compile(r"import time:\s+\d+ \|\s+(\d+) \|( +)(\S+)")
VARIABLES = {"POWERTOOLS_SERVICE_NAME": "bench", "POWERTOOLS_METRICS_NAMESPACE": "EventMesh"}


def start(program: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a new interpreter."""
    environment = built_function.environment("bench", {**VARIABLES, **variables})
    return subprocess.run(
        built_function.command(program, *options), env=environment, capture_output=True, text=True, check=True
    )


def p50_ms(program: str, **variables: str) -> tuple[float, float]:
    """Return the median time that a program takes in a new interpreter: by the clock, and of a CPU."""
    samples = []
    for _ in range(ROUNDS):
        used, started = os.times(), time.perf_counter()
        start(program, **variables)
        took, now = time.perf_counter() - started, os.times()
        cpu = now.children_user + now.children_system - used.children_user - used.children_system
        samples.append((took * 1000, cpu * 1000))
    clock, cpu_times = zip(*samples, strict=True)
    return statistics.median(clock), statistics.median(cpu_times)


def slowest_imports(program: str, **variables: str) -> list[tuple[str, float]]:
    """Return the packages that take longest to import, with all that they import, in ms.

    Only the outermost import of a package counts, and not the function, which imports all of them.
    """
    took: dict[str, float] = {}
    for microseconds, _, module in LINE.findall(start(program, "-X", "importtime", **variables).stderr):
        package = module.partition(".")[0]
        if package != "app":
            took[package] = max(took.get(package, 0), int(microseconds) / 1000)
    return sorted(took.items(), key=lambda item: -item[1])[:TOP]


def main() -> None:
    """Measure and print."""
    build.build(build.fingerprint())
    resources = build.built_template()["Resources"]
    functions = [name for name, each in resources.items() if each["Type"] == "AWS::Serverless::Function"]
    table = Table("cold start", "p50 ms", "of a CPU", "x floor", f"slowest imports, ms (of {ROUNDS} starts)")
    with built_function.runtime() as runtime:
        floor = p50_ms(CLIENT.format(path=[str(runtime)]))

        def row(label: str, program: str, **variables: str) -> None:
            clock, cpu = p50_ms(program, **variables)
            imports = slowest_imports(program, **variables)
            slowest = ", ".join(f"{package} {took:.0f}" for package, took in imports)
            table.add_row(label, f"{clock:.0f}", f"{cpu:.0f}", f"{cpu / floor[1]:.2f}", slowest)

        table.add_row("floor: a boto3 client", f"{floor[0]:.0f}", f"{floor[1]:.0f}", "1.00", "")
        row("bare Python", "pass")
        for name in functions:
            program = FUNCTION.format(path=built_function.search_path(name, runtime))
            row(name, program)
    Console().print(table)


if __name__ == "__main__":
    main()
