"""A second broker of the mesh's Kafka: partitions can be on it alone, and have no leader while it is gone."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import KafkaError
from mesh import components, process
from mesh.deployment import build
from mesh.process import is_running, wait_until
from mesh.state import Component

from tests.e2e.mesh_command import Mesh
from tests.faults import harm

NODE = 2
NOBODY = -1
_ASK_SECONDS = 0.25


class SecondBroker:
    """Set up as the first one is, by its own settings, with a log in `folder`."""

    def __init__(self, mesh: Mesh, folder: Path) -> None:
        *self._java, _, first = harm.process(mesh, "kafka").cmdline()
        self._settings, self._log = folder / "server.properties", folder / "broker.log"
        settings = _read(Path(first))
        cluster = _read(Path(settings["log.dirs"]) / "meta.properties")["cluster.id"]
        own = _joining(settings, folder / "log")
        self._settings.write_text("".join(f"{name}={value}\n" for name, value in own.items()))
        self._address = own["listeners"].rpartition("//")[2]
        # By = and not as a word of its own: an id may begin with a dash.
        self._format(f"--cluster-id={cluster}", f"--config={self._settings}")

    def start(self) -> None:
        """Start it, and wait until the cluster has it."""
        command = [*self._java, "kafka.Kafka", str(self._settings)]
        self.process: psutil.Process = process.start(command, build.base_environment(), self._log)
        components.wait_ready(Component(components.KAFKA, self._address, self.process.pid, str(self._log)))

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        self.process.kill()
        assert wait_until(lambda: not is_running(self.process), harm.AWAIT_SECONDS)

    def _format(self, *options: str) -> None:
        done = subprocess.run(
            [*self._java, "kafka.tools.StorageTool", "format", *options],
            env=build.base_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def second_broker(mesh: Mesh, folder: Path, topic: str, partitions: set[int]) -> Iterator[SecondBroker]:
    """Have another broker, and these partitions on it alone; at the end they are where they were."""
    [first] = set(leaders(mesh, topic).values())
    second = SecondBroker(mesh, folder)
    second.start()
    try:
        _move(mesh, topic, partitions, NODE)
        yield second
        _move(mesh, topic, partitions, first)
    finally:
        second.kill()
        _await(mesh, lambda admin: NODE not in _nodes(admin))


def leaders(mesh: Mesh, topic: str) -> dict[int, int]:
    """Return the node that leads each partition, or NOBODY."""
    with closing(KafkaAdminClient(**mesh.kafka())) as admin:
        return _leaders(admin, topic)


def await_leader(mesh: Mesh, topic: str, partitions: set[int], node: int) -> None:
    """Wait until that node, or NOBODY, leads these partitions."""
    _await(mesh, lambda admin: _led(admin, topic, partitions) == {node})


def _move(mesh: Mesh, topic: str, partitions: set[int], node: int) -> None:
    places = {TopicPartition(topic, number): [node] for number in partitions}

    def moved(admin: KafkaAdminClient) -> bool:
        if _led(admin, topic, partitions) == {node} and not admin.list_partition_reassignments():
            return True
        admin.alter_partition_reassignments(places)
        return False

    _await(mesh, moved)


def _await(mesh: Mesh, condition: Callable[[KafkaAdminClient], bool]) -> None:
    """Wait until a broker says so, asked by a new client each time: one that stays sees none come and go."""

    def said() -> bool:
        try:
            with closing(KafkaAdminClient(**mesh.kafka())) as admin:
                return condition(admin)
        except KafkaError:  # the client chose a broker that is gone, or that it does not know yet
            return False

    assert wait_until(said, harm.AWAIT_SECONDS, _ASK_SECONDS)


def _led(admin: KafkaAdminClient, topic: str, partitions: set[int]) -> set[int]:
    found = _leaders(admin, topic)
    return {found[number] for number in partitions}


def _leaders(admin: KafkaAdminClient, topic: str) -> dict[int, int]:
    [described] = admin.describe_topics([topic])
    return {each["partition_index"]: each["leader_id"] for each in described["partitions"]}


def _nodes(admin: KafkaAdminClient) -> set[int]:
    """Return the brokers that clients are told of."""
    brokers: list[dict[str, Any]] = admin.describe_cluster()["brokers"]
    return {each["broker_id"] for each in brokers if not each.get("is_fenced")}


def _joining(first: dict[str, str], log: Path) -> dict[str, str]:
    """Return the settings of a broker that joins the first one's cluster, and controls nothing."""
    listeners = ",".join(
        f"{name}://127.0.0.1:{process.free_port()}"
        for name in (each.partition(":")[0] for each in first["listeners"].split(","))
        if name != first["controller.listener.names"]
    )
    own = {
        "process.roles": "broker",
        "node.id": str(NODE),
        "log.dirs": str(log),
        "listeners": listeners,
        "advertised.listeners": listeners,
    }
    return {**first, **own}


def _read(properties: Path) -> dict[str, str]:
    lines = properties.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
