"""The recipe of docs/localstack.md for a LocalStack that runs already: its lines, run as they are written."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from mesh import paths, process
from mesh.clients import aws
from mesh.clients.http_api import TenantClient
from mesh.deployment import build, provision
from mesh.state import State

from tests.checkout import copy_checkout
from tests.localstack.conftest import localstack_running

SECONDS = 60


def recipe() -> list[str]:
    """Return the commands of the page's section, each a line."""
    page = (paths.ROOT / "docs" / "localstack.md").read_text(encoding="utf-8")
    _, _, section = page.partition("pip install aws-sam-cli-local")
    indented = [line.strip() for line in section.splitlines() if line.startswith("    ")]
    commands = "\n".join(indented).replace("\\\n", "").splitlines()
    return [line for line in commands if line.startswith(("samlocal ", "kafka-esm "))]


@pytest.fixture(scope="module")
def environment(kafka: str, qdrant: str) -> Iterator[dict[str, str]]:
    """What the page says to export, with our programs on PATH."""
    with localstack_running("external", "external") as url:
        programs = (build.ensure_environment("sam"), Path(sys.executable).parent, os.environ["PATH"])
        yield {
            **build.base_environment(),
            **aws.CREDENTIALS,
            "PATH": os.pathsep.join(map(str, programs)),
            "SAM_CLI_TELEMETRY": "0",
            "__SAM_CLI_APP_DIR": str(paths.CACHE / "sam"),
            "AWS_ENDPOINT_URL": url,
            "BROKERS": kafka,
            "QDRANT": qdrant,
            "PYTHON": build.RUNTIME,
        }


def run(command: str, folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(600)
def test_by_samlocal_a_user_is_created_and_found(environment: dict[str, str], tmp_path: Path) -> None:
    build_it, deploy_it, poll = recipe()
    brokers, qdrant, url = (environment[name] for name in ("BROKERS", "QDRANT", "AWS_ENDPOINT_URL"))
    provision.provision(State(kafka_bootstrap_servers=brokers, qdrant_url=qdrant, aws_endpoint_url=url))

    checkout = copy_checkout(tmp_path / "checkout")  # other tests read what is built in ours
    run(build_it, checkout, environment)
    run(deploy_it, checkout, environment)

    [stack] = aws.client("cloudformation", url).describe_stacks(StackName="event-mesh")["Stacks"]
    api = next(each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == "ApiId")
    there = f"cd {shlex.quote(str(checkout))} && exec {poll}"
    polling = process.start(["bash", "-c", there], environment, paths.LOGS / "kafka-esm.log")
    try:
        with TenantClient(f"{url}/_aws/execute-api/{api}/v1", "tenant-a", "Bearer tenant-a:me") as client:
            created = client.create("ada@x.dev", "Ada", "bakes bread")
            assert process.wait_until(partial(client.finds, "bakes bread"), SECONDS), process.tail(
                paths.LOGS / "kafka-esm.log"
            )
            assert client.search("bakes bread")[0]["userId"] == created["id"]
    finally:
        process.stop(polling, SECONDS)
