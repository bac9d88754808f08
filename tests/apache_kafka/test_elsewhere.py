"""A mesh on a Kafka that somebody else runs, which wants a password over TLS."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion
from mesh.process import wait_until

from tests.apache_kafka.conftest import access
from tests.e2e.mesh_command import Mesh
from tests.faults.harm import AWAIT_SECONDS, kill

USERNAME = "elsewhere"


@pytest.fixture
def set_password(admin: KafkaAdminClient) -> Callable[[str], None]:
    """Have a user in Kafka, or change its password."""

    def set_password(password: str) -> None:
        user = UserScramCredentialUpsertion(USERNAME, ScramMechanism.SCRAM_SHA_512, password)
        assert admin.alter_user_scram_credentials([user]) == {USERNAME: None}

    return set_password


@pytest.fixture
def other(mesh: Mesh, set_password: Callable[[str], None], tmp_path: Path) -> Iterator[Mesh]:
    """Another mesh on this one's Kafka, which it only knows the address, a password and the authority of."""
    root_ca = tmp_path / "ca.pem"
    root_ca.write_text(access(mesh).root_ca)
    set_password("first")
    other = Mesh(
        tmp_path / "mesh",
        MESH_BROKER="",
        KAFKA_BOOTSTRAP_SERVERS=mesh.status()["kafka_bootstrap_servers"],
        KAFKA_USERNAME=USERNAME,
        KAFKA_PASSWORD="first",
        KAFKA_ROOT_CA=str(root_ca),
    )
    try:
        other.run("up", "--parameter", "ConsumerGroupId=elsewhere")
        yield other
    finally:
        other.run("down")


def assert_a_user_is_found(mesh: Mesh, profile: str) -> None:
    with mesh.client("tenant-elsewhere") as client:
        client.create(f"{profile.replace(' ', '.')}@x.dev", "Ada", profile)
        assert wait_until(partial(client.finds, profile), AWAIT_SECONDS)
    assert wait_until(lambda: mesh.status()["outbox"]["size"] == 0, AWAIT_SECONDS, 0.5)


def test_username_password_and_authority_of_a_kafka_elsewhere_are_enough(other: Mesh) -> None:
    assert_a_user_is_found(other, "came by a broker elsewhere")


def test_another_password_is_taken_by_mesh_up(other: Mesh, set_password: Callable[[str], None]) -> None:
    set_password("second")
    kill(other, "poller")  # those that are connected stay so
    other.environment["KAFKA_PASSWORD"] = "second"
    other.run("up")
    assert_a_user_is_found(other, "came by another password")
