"""How long a function takes to be ready, from its built artifacts alone, and what of it takes longest.

.venv/bin/python tests/bench/cold_start.py      (builds first; make bench prints it)

Each start is a new interpreter with what Lambda's runtime has. The floor is the same interpreter that makes a
boto3 client, which most functions do anyway. Lambda adds its own start, and the download of code and layers.
"""

import re
import statistics
import subprocess
import time
from pathlib import Path

from mesh import build, packaged
from rich.console import Console
from rich.table import Table

ROUNDS = 7
TOP = 5

PATH = "import sys; sys.path[:0] = {path!r}; "
FUNCTION = PATH + "import app"
CLIENT = PATH + "import boto3; boto3.client('dynamodb')"
LINE = re.compile(r"import time:\s+\d+ \|\s+(\d+) \|( +)(\S+)")
VARIABLES = {"POWERTOOLS_SERVICE_NAME": "bench", "POWERTOOLS_METRICS_NAMESPACE": "EventMesh"}


def start(program: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a new interpreter."""
    environment = packaged.environment("bench", VARIABLES)
    return subprocess.run(
        packaged.command(program, *options), env=environment, capture_output=True, text=True, check=True
    )


def p50_ms(program: str) -> float:
    """Return the median time that a program takes in a new interpreter."""
    samples = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        start(program)
        samples.append((time.perf_counter() - started) * 1000)
    return statistics.median(samples)


def slowest_imports(program: str) -> list[tuple[str, float]]:
    """Return the packages that take longest to import, with all that they import, in ms.

    Only the outermost import of a package counts, and not the function, which imports all of them.
    """
    took: dict[str, float] = {}
    for microseconds, _, module in LINE.findall(start(program, "-X", "importtime").stderr):
        package = module.partition(".")[0]
        if package != "app":
            took[package] = max(took.get(package, 0), int(microseconds) / 1000)
    return sorted(took.items(), key=lambda item: -item[1])[:TOP]


def main() -> None:
    """Measure and print."""
    build.build(build.fingerprint())
    resources = build.built_template()["Resources"]
    functions = [name for name, each in resources.items() if each["Type"] == "AWS::Serverless::Function"]
    table = Table("cold start", "p50 ms", "x floor", f"slowest imports, ms (of {ROUNDS} starts)")
    with packaged.runtime() as runtime:
        bare = p50_ms("pass")
        floor = p50_ms(CLIENT.format(path=[str(runtime)]))
        table.add_row("bare Python", f"{bare:.0f}", f"{bare / floor:.2f}", "")
        table.add_row("floor: a boto3 client", f"{floor:.0f}", "1.00", "")
        for name in functions:
            program = FUNCTION.format(path=packaged.search_path(name, Path(runtime)))
            median = p50_ms(program)
            slowest = ", ".join(f"{package} {took:.0f}" for package, took in slowest_imports(program))
            table.add_row(name.removesuffix("Function"), f"{median:.0f}", f"{median / floor:.2f}", slowest)
    Console().print(table)


if __name__ == "__main__":
    main()
