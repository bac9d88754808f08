"""A mesh on a Kafka that somebody else runs, which wants a password over TLS."""

import json
from functools import partial
from pathlib import Path

from mesh.process import wait_until

from tests.e2e.mesh_command import Mesh
from tests.faults.harm import AWAIT_SECONDS


def test_username_password_and_authority_of_a_kafka_elsewhere_are_enough(mesh: Mesh, tmp_path: Path) -> None:
    access = json.loads((mesh.home / "data" / "kafka" / "access.json").read_text())
    root_ca = tmp_path / "ca.pem"
    root_ca.write_text(access["root_ca"])
    other = Mesh(
        tmp_path / "mesh",
        MESH_BROKER="",
        KAFKA_BOOTSTRAP_SERVERS=mesh.status()["kafka_bootstrap_servers"],
        KAFKA_USERNAME=access["username"],
        KAFKA_PASSWORD=access["password"],
        KAFKA_ROOT_CA=str(root_ca),
    )
    try:
        other.run("up", "--parameter", "ConsumerGroupId=elsewhere")
        with other.client("tenant-elsewhere") as client:
            client.create("ada@x.dev", "Ada", "came by a broker elsewhere")
            assert wait_until(partial(client.finds, "came by a broker elsewhere"), AWAIT_SECONDS)
        assert other.status()["outbox"]["size"] == 0
    finally:
        other.run("down")
