"""One mesh on Apache Kafka, by SCRAM over TLS, for all tests; skipped where there is no Java or Maven."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from mesh import apache_kafka
from mesh.errors import MeshError

from tests.e2e.mesh_command import Mesh
from tests.faults.conftest import api_url, outbox, pytest_terminal_summary, trial, warm_mesh

__all__ = ["api_url", "outbox", "pytest_terminal_summary", "trial"]

_DISK = "256m"  # indexes are sparse, and logs small


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    try:
        apache_kafka.install()
    except MeshError as error:
        pytest.skip(str(error))
    home = tmp_path_factory.mktemp("kafka") / "mesh"
    with (
        _small_disk(home / "data" / "kafka"),
        warm_mesh(home, MESH_BROKER="apache-kafka-scram") as mesh,
    ):
        yield mesh


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
