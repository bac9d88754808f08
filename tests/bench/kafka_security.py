"""What SCRAM over TLS costs a create: two meshes on Apache Kafka, one with it and one without, asked in turn.

.venv/bin/python -m tests.bench.kafka_security      (wants Java 17 and Maven)
"""

import statistics
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from mesh.clients.http_api import TenantClient
from mesh.errors import MeshError
from mesh.kafka import apache_kafka
from mesh.process import wait_until
from rich.console import Console
from rich.table import Table

from tests.e2e.mesh_command import Mesh

CREATES = 300
BROKERS = {"plain text": "apache-kafka", "SCRAM over TLS": "apache-kafka-scram"}


def create_ms(client: TenantClient, number: int) -> float:
    """Return how long a create takes."""
    started = time.perf_counter()
    client.create(f"u{number}@x.dev", "C", f"costs number {number}")
    return (time.perf_counter() - started) * 1000


def main() -> None:
    """Measure and print; where there is no Apache Kafka, say why."""
    console = Console()
    try:
        apache_kafka.install()
    except MeshError as error:
        console.print(f"What SCRAM over TLS costs is not measured. {error}")
        return
    samples: dict[str, list[float]] = {label: [] for label in BROKERS}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        clients = {}
        for label, broker in BROKERS.items():
            mesh = Mesh(Path(folder) / broker, MESH_BROKER=broker)
            running.callback(mesh.run, "down")
            mesh.run("up")
            client = clients[label] = running.enter_context(mesh.client("tenant-bench"))
            client.create("warm@x.dev", "Warm", "is warm")
            wait_until(partial(client.finds, "is warm"), 60)
        for number in range(CREATES):
            for label, client in clients.items():
                samples[label].append(create_ms(client, number))
    table = Table("create, acknowledged by Kafka", "p50 ms", "p95 ms", "to plain text")
    floor = statistics.median(samples["plain text"])
    for label, taken in samples.items():
        median, p95 = statistics.median(taken), statistics.quantiles(taken, n=20)[-1]
        table.add_row(label, f"{median:.1f}", f"{p95:.1f}", f"x {median / floor:.2f}")
    console.print(table)


if __name__ == "__main__":
    main()
