"""Starting and stopping: nothing half-started stays, and every failure says what it was."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from mesh.process import is_running, wait_until

from tests.e2e.mesh_command import Mesh

LEFT_ON_PURPOSE = {"state.json", "issuer.pem", "logs", "lock"}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mesh]:
    """A mesh that is not up yet, and is down afterwards; all of its components are its own."""
    for variable in ("AWS_ENDPOINT_URL", "KAFKA_BOOTSTRAP_SERVERS", "MESH_BROKER", "QDRANT_URL"):
        monkeypatch.delenv(variable, raising=False)
    mesh = Mesh(tmp_path / "mesh")
    yield mesh
    mesh.run("down", code=None)


def attach(mesh: Mesh) -> subprocess.Popen[str]:
    """Bring the mesh up attached, and wait until it watches."""
    attached = mesh.start("up", "--attach")
    assert attached.stdout is not None
    assert any("Watching" in line for line in attached.stdout)
    return attached


def assert_nothing_left(mesh: Mesh, processes: list[psutil.Process]) -> None:
    assert [process for process in processes if is_running(process)] == []
    assert {path.name for path in mesh.home.iterdir()} <= LEFT_ON_PURPOSE


def test_down_leaves_no_process_and_no_folder(own: Mesh) -> None:
    own.run("up")
    own.run("invoke", "enrich", "-e", str(Path(__file__).parents[1] / "events/kafka/two_partitions.json"))
    processes = own.processes()
    assert len(processes) >= 8  # seven components and a function's worker

    own.run("down")

    assert_nothing_left(own, processes)
    assert "stopped" in own.run("status", code=3)
    assert "No mesh is running" in own.run("invoke", "enrich", "-e", __file__, code=2)


def test_a_crashed_component_is_named_with_its_log_and_up_starts_anew(own: Mesh) -> None:
    own.run("up")
    first = own.processes()
    os.kill(own.component("kafka")["pid"], signal.SIGKILL)

    shown = own.run("status", code=1)
    assert "kafka crashed; its log ends:" in shown
    again = own.run("up")

    assert "kafka has crashed" in again
    assert "Starting anew" in again
    assert own.status()["state"] == "running"
    assert not any(is_running(process) for process in first)


def test_what_crashed_and_forgets_nothing_starts_again_where_it_was(own: Mesh) -> None:
    own.run("up")
    before = own.status()
    with own.client("tenant-a") as client:
        client.create("ada@x.dev", "Ada", "was there before the crash")
        assert wait_until(partial(client.finds, "was there before the crash"), 60)
        for name in ("qdrant", "metrics", "console", "poller", "schedule"):
            os.kill(own.component(name)["pid"], signal.SIGKILL)
        client.create("eve@x.dev", "Eve", "came while it was down")

        again = own.run("up")

        assert "Starting anew" not in again
        assert own.status()["api_url"] == before["api_url"]
        assert wait_until(partial(client.finds, "came while it was down"), 60)
        assert client.finds("was there before the crash")
        assert [user["name"] for user in client.users()] == ["Ada", "Eve"]


def test_a_process_that_is_not_ours_is_never_killed(own: Mesh) -> None:
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    try:
        own.home.mkdir(parents=True)
        component = {"name": "kafka", "address": "127.0.0.1:1", "pid": stranger.pid, "log": None}
        (own.home / "state.json").write_text(json.dumps({"components": [component]}))

        own.run("down")

        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_damaged_state_is_named(own: Mesh) -> None:
    own.home.mkdir(parents=True)
    (own.home / "state.json").write_text("{")

    assert "state.json is damaged" in own.run("status", code=2)
    (own.home / "state.json").unlink()


@pytest.mark.parametrize("name", ["kafka", "metrics"])
def test_a_running_mesh_is_not_moved_in_silence(mesh: Mesh, name: str) -> None:
    address = mesh.component(name)["address"]

    output = mesh.run("up", f"--{name}-port", "1", code=2)

    assert f"{name} runs at {address} already" in output


def test_without_a_mesh_every_command_says_so(own: Mesh) -> None:
    for command in (
        ["invoke", "enrich", "-e", __file__],
        ["logs", "enrich"],
        ["demo"],
        ["token", "--tenant", "tenant-a", "--user", "me"],
    ):
        output = own.run(*command, code=2)
        assert "mesh is running here" in output
        assert "Traceback" not in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_up_cleans_up(own: Mesh, number: signal.Signals) -> None:
    starting = own.start("up")
    assert wait_until(lambda: len(own.processes()) >= 2, 60)
    processes = own.processes()

    starting.send_signal(number)
    starting.send_signal(number)  # the impatient user's second one changes nothing

    assert starting.wait(60) == 130
    assert_nothing_left(own, processes)


def test_ctrl_c_takes_an_attached_mesh_down(own: Mesh) -> None:
    attached = attach(own)
    processes = own.processes()

    attached.send_signal(signal.SIGINT)

    assert attached.wait(60) == 0
    assert_nothing_left(own, processes)


def test_an_attached_mesh_ends_with_the_log_of_what_crashed(own: Mesh) -> None:
    attached = attach(own)
    processes = own.processes()

    os.kill(own.component("qdrant")["pid"], signal.SIGKILL)

    output, _ = attached.communicate(timeout=60)
    assert attached.returncode == 2
    assert "qdrant crashed; its log ended:" in output
    assert_nothing_left(own, processes)


@pytest.mark.parametrize("option", ["--aws-port", "--kafka-port", "--qdrant-port"])
def test_a_port_in_use_is_named(own: Mesh, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        output = own.run("up", option, str(port), code=2)

    assert f"Port {port} is in use" in output
    assert option in output
    assert_nothing_left(own, own.processes())


def test_given_addresses_are_used_and_not_started(mesh: Mesh, tmp_path: Path) -> None:
    """A second mesh on the stores of the first one has its own poller, schedule, metrics and console."""
    theirs = mesh.status()
    second = Mesh(
        tmp_path / "second",
        AWS_ENDPOINT_URL=theirs["aws_endpoint_url"],
        KAFKA_BOOTSTRAP_SERVERS=theirs["kafka_bootstrap_servers"],
        QDRANT_URL=theirs["qdrant_url"],
    )
    try:
        second.run("up")
        states = {each["name"]: each["state"] for each in second.status()["components"]}
        assert states == {
            **dict.fromkeys(("aws", "kafka", "qdrant"), "external"),
            **dict.fromkeys(("metrics", "console", "poller", "schedule"), "running"),
        }
        assert second.status()["state"] == "running"
    finally:
        second.run("down")
    assert mesh.status()["state"] == "running"


def test_an_address_where_nobody_answers_is_named(own: Mesh) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nobody = Mesh(own.home, QDRANT_URL=f"http://127.0.0.1:{port}")

    output = nobody.run("up", code=2)

    assert f"qdrant does not answer at http://127.0.0.1:{port}" in output
    assert_nothing_left(own, own.processes())
