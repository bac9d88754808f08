"""One mesh on Apache Kafka, by SCRAM over TLS, for all tests; skipped where there is no Java or Maven."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from mesh import paths
from mesh.errors import MeshError
from mesh.kafka import apache_kafka

from tests.apache_kafka.broker import Broker
from tests.e2e.mesh_command import Mesh
from tests.faults.conftest import api_url, outbox, pytest_terminal_summary, trial, warm_mesh

__all__ = ["api_url", "outbox", "pytest_terminal_summary", "trial"]

_DISK = "256m"  # indexes are sparse, and logs small


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Apache Kafka, fetched once for every checkout's mesh; what its fetching says goes elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "LOGS", tmp_path_factory.mktemp("logs"))
        try:
            apache_kafka.install()
        except MeshError as error:
            pytest.skip(str(error))


Start = Callable[..., Broker]


@pytest.fixture
def start(installed: None, tmp_path: Path) -> Iterator[Start]:
    """Start a broker of the test's own, in `kafka` of its folder."""
    started: list[Broker] = []

    def _start(*arguments: Any, **others: Any) -> Broker:
        started.append(Broker(tmp_path / "kafka", *arguments, **others))
        return started[-1]

    yield _start
    for each in started:
        each.stop()


@pytest.fixture(scope="session")
def mesh(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    home = tmp_path_factory.mktemp("kafka") / "mesh"
    with (
        _small_disk(home / "data" / "kafka"),
        warm_mesh(home, MESH_BROKER="apache-kafka-scram") as mesh,
    ):
        yield mesh


def access(mesh: Mesh) -> apache_kafka.Access:
    """Return what opens the mesh's own broker."""
    return apache_kafka.secure(mesh.home / "data" / "kafka", "")  # it was made when the mesh was


@pytest.fixture
def admin(mesh: Mesh) -> Iterator[KafkaAdminClient]:
    with closing(KafkaAdminClient(**mesh.kafka())) as client:
        yield client


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """Mount a disk of its own for the broker, so that it can be full; nothing where that is not allowed."""
    folder.mkdir(parents=True)
    mounted = os.geteuid() == 0 and not subprocess.call(
        ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "mesh-kafka", folder], stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        if mounted:
            subprocess.check_call(["umount", "--lazy", folder])
        with suppress(OSError):
            folder.rmdir()
