"""What the `mesh` command shows of a mesh that runs."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import psutil
from mesh.clients.http_api import TenantClient
from mesh.process import wait_until

from tests.e2e.mesh_command import Mesh

EVENTS = Path(__file__).parents[1] / "events"


def given_addresses() -> set[str]:
    """Return the components that the mesh does not start, as they run elsewhere."""
    variables = {"kafka": "KAFKA_BOOTSTRAP_SERVERS", "qdrant": "QDRANT_URL", "aws": "AWS_ENDPOINT_URL"}
    return {name for name, variable in variables.items() if os.environ.get(variable)}


def test_status_as_json_says_everything_a_program_needs(mesh: Mesh) -> None:
    report = json.loads(mesh.run("status", "--json", code=0))

    assert report["state"] == "running"
    assert report["api_url"].startswith(report["aws_endpoint_url"])
    assert report["kafka_bootstrap_servers"]
    assert report["qdrant_url"]
    assert isinstance(report["consumer_lag"], int)
    assert report["outbox"].keys() == {"size", "age_seconds"}
    assert [each["name"] for each in report["components"]] == [
        "kafka",
        "qdrant",
        "aws",
        "metrics",
        "console",
        "poller",
        "schedule",
    ]
    for each in report["components"]:
        assert set(each) == {"name", "pid", "address", "state", "log"}
        if each["name"] not in given_addresses():
            assert each["state"] == "running"
            assert Path(each["log"]).exists()
        else:
            assert (each["state"], each["log"]) == ("external", None)


def test_everything_binds_the_loopback_interface_only(mesh: Mesh) -> None:
    listening = [
        connection.laddr
        for process in mesh.processes()
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]

    assert len(listening) >= 4 - len(given_addresses())
    assert {address.ip for address in listening} == {"127.0.0.1"}


def test_a_second_up_changes_nothing(mesh: Mesh) -> None:
    before = mesh.status()["components"]

    mesh.run("up")

    assert mesh.status()["components"] == before


def test_a_parameter_that_the_template_does_not_have_is_refused_with_those_it_has(mesh: Mesh) -> None:
    output = mesh.run("up", "--parameter", "AuthMod=jwt", code=2)
    assert "no parameter 'AuthMod'" in output
    assert "AuthMode, " in output
    assert "give it as Name=Value" in mesh.run("up", "--parameter", "AuthMode", code=2)


def test_a_production_deployment_refuses_unsigned_tokens_and_nothing_changes(mesh: Mesh) -> None:
    before = mesh.status()

    output = mesh.run("up", "--parameter", "Environment=production", "--parameter", "AuthMode=dev", code=2)

    assert "AuthMode dev trusts tokens that nobody signed" in output
    assert mesh.status()["components"] == before["components"]
    mesh.run("up")
    assert mesh.status()["auth_mode"] == before["auth_mode"]


def test_sam_local_is_refused_where_no_container_gets_to(mesh: Mesh) -> None:
    assert "MESH_HOST=172.17.0.1 mesh up" in mesh.run("sam", code=2)


def test_logs_show_components_and_functions(mesh: Mesh, tenant: Callable[[], TenantClient]) -> None:
    client = tenant()
    client.create("secret-address@x.dev", "Ada", "a private profile")

    assert wait_until(lambda: '"batch"' in mesh.run("logs", "poller"), 30)
    assert wait_until(lambda: client.tenant in mesh.run("logs", "create_user"), 30)
    lines = mesh.run("logs", "create_user")
    assert '"route":"/users/create"' in lines
    for private in ("secret-address", "Bearer", "a private profile"):
        assert private not in lines
    assert "Components: kafka, " in mesh.run("logs", "nothing", code=2)


def test_logs_follow_a_function(mesh: Mesh, tenant: Callable[[], TenantClient]) -> None:
    client = tenant()
    following = mesh.start("logs", "create_user", "-f")
    try:
        client.create("ada@x.dev", "Ada")
        assert following.stdout is not None
        assert any(client.tenant in line for line in following.stdout)
    finally:
        following.terminate()
    assert following.wait(30) == 130


def test_invoke_runs_a_function_with_an_event_from_a_file(mesh: Mesh, tmp_path: Path) -> None:
    assert mesh.run("invoke", "enrich", "-e", str(EVENTS / "kafka" / "two_partitions.json")).strip() == "null"

    broken = tmp_path / "broken.json"
    broken.write_text("{")
    assert "is not JSON" in mesh.run("invoke", "enrich", "-e", str(broken), code=2)
    empty = tmp_path / "empty.json"
    empty.write_text("{}")
    assert "error" in mesh.run("invoke", "search", "-e", str(empty), code=1).lower()
    assert "There is no function 'nothing'" in mesh.run("invoke", "nothing", "-e", str(empty), code=2)
