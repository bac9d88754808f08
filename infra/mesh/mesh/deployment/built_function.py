"""A function as it was built, in an interpreter that has what Lambda's runtime has and nothing else.

Neither the project's environment nor its sources are there: what a function forgot to package is missed.
"""

import json
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from mesh import paths
from mesh.clients.aws import CREDENTIALS, REGION
from mesh.deployment import build
from mesh.errors import MeshError

_PROVIDED = "boto3"  # Lambda's Python runtimes have it, with what it requires

_INVOKE = """
import importlib, json, resource, sys, time, types
given = json.load(sys.stdin)
for name, limit in given["limits"].items():
    resource.setrlimit(getattr(resource, name), (limit, limit))
sys.path[:0] = given["path"]
context = types.SimpleNamespace(
    function_name=given["function"],
    memory_limit_in_mb=1769,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:" + given["function"],
    aws_request_id="52fdfc07-2182-454f-963f-5f0f9a621d72",
    get_remaining_time_in_millis=lambda: 25_000,
)
handler = importlib.import_module("app").lambda_handler
start_seconds = time.process_time()
answers = []
for event in given["events"]:
    begun, used = time.perf_counter(), time.process_time()
    try:
        answers.append({"answer": handler(event, context)})
    except Exception as error:
        answers.append({"error": type(error).__name__, "message": str(error)})
    answers[-1]["seconds"] = time.perf_counter() - begun
    answers[-1]["cpu_seconds"] = time.process_time() - used
files = {getattr(module, "__file__", None) for module in list(sys.modules.values())} - {None}
said = {"answers": answers, "files": sorted(files), "start_seconds": start_seconds}
json.dump(said, open(given["output"], "w"))
"""


@contextmanager
def runtime() -> Iterator[Path]:
    """Make a folder that holds boto3 and what it requires, at the locked versions; yield it."""
    with tempfile.TemporaryDirectory(prefix="lambda-runtime-") as folder:
        for name in _closure(_PROVIDED):
            provided = distribution(name)
            for top in {file.parts[0] for file in provided.files or () if file.parts[0] != ".."}:
                link = Path(folder) / top
                if top != "__pycache__" and not link.exists():
                    link.symlink_to(Path(str(provided.locate_file(top))))
        yield Path(folder)


def search_path(logical_id: str, runtime: Path) -> list[str]:
    """Return what Lambda puts before the standard library: the function, its layers, the runtime's packages.

    Lambda unpacks the layers over each other, so that of two the later one wins.
    """
    layers = build.built_template()["Resources"][logical_id]["Properties"]["Layers"]
    folders = [paths.BUILD / layer["Ref"] / "python" for layer in reversed(layers)]
    return [str(folder) for folder in (paths.BUILD / logical_id, *folders, runtime)]


def command(program: str, *options: str) -> list[str]:
    """Return the command that runs a program with the standard library alone, and writes no bytecode."""
    interpreter = Path(sys.base_prefix) / "bin" / build.RUNTIME
    return [str(interpreter), "-I", "-S", "-B", *options, "-c", program]


def environment(function: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a function: its own variables, and those of Lambda."""
    return {
        **CREDENTIALS,
        "AWS_REGION": REGION,
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "PATH": "/usr/bin:/bin",
        **variables,
    }


def invoke(
    logical_id: str,
    runtime: Path,
    events: Sequence[Mapping[str, Any]],
    variables: Mapping[str, str],
    limits: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Start a function and give it events, one after the other; `limits` are setrlimit's, by their names.

    Returns its `answers`, each with `answer` or `error` and `message`, the `seconds` that it took and the
    `cpu_seconds` of a processor; the `start_seconds` of a processor until it was imported; the `files` that
    it has loaded, and its `log`.

    Raises:
        MeshError: the function could not be imported, or its process was killed.

    """
    with tempfile.NamedTemporaryFile("r") as output:
        given = {
            "path": search_path(logical_id, runtime),
            "function": logical_id,
            "events": events,
            "output": output.name,
            "limits": limits or {},
        }
        done = subprocess.run(
            command(_INVOKE),
            input=json.dumps(given),
            env=environment(logical_id, variables),
            cwd=paths.BUILD / logical_id,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode < 0:
            raise MeshError(f"{logical_id} was killed: {signal.strsignal(-done.returncode)}")
        if done.returncode:
            raise MeshError(f"{logical_id} does not start by itself:\n{done.stderr}")
        return {**json.load(output), "log": done.stdout + done.stderr}


def _closure(name: str) -> set[str]:
    """Return a distribution and all that it requires."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each not in found:
            found.add(each)
            wanted = [line for line in distribution(each).requires or () if "extra ==" not in line]
            waiting += [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in wanted]
    return found
