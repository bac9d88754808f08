"""What function-host takes for a request beside what the running mesh's emulator takes, in interleaved pairs.

.venv/bin/python -m tests.bench.function_host      (after `mesh up`)
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial

import httpx
import psutil
from mesh import paths
from mesh.clients import aws
from mesh.clients.http_api import TenantClient
from mesh.deployment import build, template_parameters
from mesh.deployment.issuer import authorization
from mesh.process import free_port, wait_until
from mesh.state import State, load_running

ROUNDS = 100
FUNCTIONS = ("CreateUserFunction", "ListUsersFunction", "SearchFunction")
Call = Callable[[TenantClient], object]


def started(state: State, port: int, internal_port: int) -> "subprocess.Popen[bytes]":
    """Start a host of the mesh's functions, with the parameters and resources of its deployment."""
    parameters = template_parameters.given(state)
    command = [sys.executable, "-m", "function_host", "run", "--template", str(paths.BUILD / "template.yaml")]
    command += ["--python", str(build.ensure_environment("lambda") / "python"), "--base-path", "/v1"]
    command += ["--port", str(port), "--internal-port", str(internal_port), "--min-workers", "1"]
    command += ["--resource", f"UsersTable={state.users_table}", "--queue-seconds", "25"]
    command += [word for pair in parameters.items() for word in ("--parameter", "=".join(pair))]
    command += [word for name in FUNCTIONS for word in ("--function", name)]
    environment = {
        **os.environ,
        **aws.CREDENTIALS,
        "AWS_ENDPOINT_URL": state.aws_endpoint_url,
        "TENANT_ROLE_ARN": "arn:aws:iam::000000000000:role/tenant",  # of the account that has the table
    }
    return subprocess.Popen(command, env=environment, stdout=tempfile.TemporaryFile())


def main() -> None:
    """Measure and print."""
    state = load_running()
    port, internal_port = free_port(), free_port()
    host = started(state, port, internal_port)
    try:
        ready = f"http://127.0.0.1:{internal_port}/readyz"
        if not wait_until(partial(_is_success, ready), 120):
            raise SystemExit("The host did not become ready within 120 s.")
        tenant, token = "bench-host", authorization(state, "bench-host", "bench")
        urls = {"mesh": state.api_url, "function-host": f"http://127.0.0.1:{port}/v1"}
        clients = {name: TenantClient(url, tenant, token) for name, url in urls.items()}
        emails = iter(range(10**6))
        calls: dict[str, Call] = {
            "no-op": lambda client: client.http.get("/health").raise_for_status(),
            "search": lambda client: client.search("someone who bakes bread"),
            "create": lambda client: client.create(f"{time.time_ns()}-{next(emails)}@x.dev", "C"),
        }
        for what, call in calls.items():
            taken: dict[str, list[float]] = {name: [] for name in clients}
            for number in range(ROUNDS + 3):
                for name, client in clients.items():
                    began = time.perf_counter()
                    call(client)
                    if number >= 3:  # the first ones start workers
                        taken[name].append((time.perf_counter() - began) * 1000)
            shown = ", ".join(f"{name} {statistics.median(each):.1f} ms" for name, each in taken.items())
            print(f"{what}: p50 {shown}")  # noqa: T201
        memory = psutil.Process(host.pid).memory_info().rss / 2**20
        print(f"memory of the host without its workers: {memory:.0f} MB")  # noqa: T201
    finally:
        host.terminate()
        host.wait()


def _is_success(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
