"""This project's own functions, as built, from create to search: no emulator runs them."""

import os
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from mesh import paths
from mesh.clients.aws import CREDENTIALS
from mesh.clients.http_api import TenantClient
from mesh.process import free_port, wait_until

from tests.integration.layers.conftest import aws, built, kafka, mesh_home, qdrant, services

__all__ = ["aws", "built", "kafka", "mesh_home", "qdrant", "services"]

WAIT_SECONDS = 120
FUNCTIONS = ("CreateUserFunction", "GetUserFunction", "ListUsersFunction", "SearchFunction", "EnrichFunction")


@pytest.fixture(scope="module")
def api_url(services: dict[str, str], python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API of a host that runs some of the functions, with kafka-esm as the source of enrich's events."""
    log_file = tmp_path_factory.mktemp("host") / "log"
    template = ["--template", str(paths.BUILD / "template.yaml")]
    parameters = {
        "AuthMode": "dev",
        "Environment": "development",
        "KafkaBootstrapServers": services["KAFKA_BOOTSTRAP_SERVERS"],
        "QdrantUrl": services["QDRANT_URL"],
        "QdrantCollection": services["QDRANT_COLLECTION"],
        "UserEventsTopic": services["USER_EVENTS_TOPIC"],
        "DeadLetterTopic": services["DEAD_LETTER_TOPIC"],
    }
    template += [word for pair in parameters.items() for word in ("--parameter", "=".join(pair))]
    port, internal_port = free_port(), free_port()
    host = [sys.executable, "-m", "function_host", "run", *template, "--python", python, "--min-workers", "1"]
    host += ["--resource", f"UsersTable={services['TABLE_NAME']}", "--base-path", "/v1", "--port", str(port)]
    host += ["--internal-port", str(internal_port), "--max-workers", "2", "--queue-seconds", "25"]
    host += [word for name in FUNCTIONS for word in ("--function", name)]
    poller = [sys.executable, "-m", "kafka_esm", "run", *template]
    poller += ["--endpoint-url", f"http://127.0.0.1:{internal_port}"]
    # What the template leaves to a deployment: where AWS is, and the role of a tenant's requests.
    of_aws = {name: services[name] for name in ("AWS_ENDPOINT_URL", "TENANT_ROLE_ARN")}
    environment = {**os.environ, **CREDENTIALS, "AWS_REGION": "us-east-1"}
    started = []
    try:
        with log_file.open("wb") as log:
            started.append(subprocess.Popen(host, env=environment | of_aws, stdout=log, stderr=log))
            started.append(subprocess.Popen(poller, env=environment, stdout=log, stderr=log))
        said = log_file.read_text
        ready = f"http://127.0.0.1:{internal_port}/readyz"
        assert wait_until(lambda: _is_success(ready) or started[0].poll() is not None, WAIT_SECONDS), said()
        assert started[0].poll() is None, said()
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        for each in reversed(started):
            each.terminate()
        assert [each.wait(WAIT_SECONDS) for each in started] == [0, 0]
        print(log_file.read_text())  # noqa: T201 - for a failing test's report


def test_a_user_who_is_created_is_found_by_meaning_and_by_nobody_else(api_url: str) -> None:
    authorization = "Bearer tenant-a:someone"
    with TenantClient(api_url, "tenant-a", authorization) as client:
        user = client.create("ada@tenant-a.dev", "Ada", "Bakes sourdough bread every morning")
        got = client.http.get(f"/users/{user['id']}")
        assert wait_until(lambda: client.search("someone who likes baking") != [], WAIT_SECONDS)
        (found,) = client.search("someone who likes baking")
        forbidden = client.http.get("/users/create")
        nothing = client.http.get("/nothing")
    with TenantClient(api_url, "tenant-b", "Bearer tenant-b:someone") as other:
        others = other.search("someone who likes baking")
        missing = other.http.get(f"/users/{user['id']}")

    assert (got.status_code, got.json()) == (200, user)
    assert found["userId"] == user["id"]
    assert (others, missing.status_code) == ([], 404)
    assert (forbidden.status_code, nothing.status_code) == (405, 404)  # said by functions
    assert nothing.headers["x-request-id"] == nothing.headers["x-amzn-requestid"]


def test_what_the_gateway_says_itself_is_as_the_template_has_it(api_url: str) -> None:
    unknown = httpx.get(api_url.removesuffix("/v1"))
    too_large = httpx.post(f"{api_url}/users/create", content=b"x" * (10 * 2**20 + 1), timeout=WAIT_SECONDS)

    assert (unknown.status_code, unknown.json()["detail"]) == (404, "There is nothing at this path.")
    assert (too_large.status_code, too_large.json()["detail"]) == (413, "The body is too large.")
    for each in (unknown, too_large):
        assert each.headers["content-type"] == "application/problem+json"
        assert each.headers["x-request-id"]


def _is_success(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
