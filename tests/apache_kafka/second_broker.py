"""A second broker of the mesh's Kafka: partitions can be on it alone, and have no leader while it is gone."""

import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
from kafka import KafkaAdminClient, TopicPartition
from mesh import build, process
from mesh.process import is_running, wait_until

from tests.e2e.mesh_command import Mesh
from tests.faults import harm

NODE = 2
NOBODY = -1
_READY_SECONDS = 60


class SecondBroker:
    """Set up as the first one is, by its own settings, with a log in `folder`."""

    def __init__(self, mesh: Mesh, folder: Path) -> None:
        *self._java, _, first = harm.process(mesh, "kafka").cmdline()
        self._settings, self._log = folder / "server.properties", folder / "broker.log"
        settings = _read(Path(first))
        cluster = _read(Path(settings["log.dirs"]) / "meta.properties")["cluster.id"]
        self._settings.write_text(_joining(settings, folder / "log"))
        self._run_tool("format", "--cluster-id", cluster, "--config", str(self._settings))

    def start(self) -> None:
        """Start it, and wait until the cluster has it."""
        began = self._log.stat().st_size if self._log.exists() else 0
        command = [*self._java, "kafka.Kafka", str(self._settings)]
        self.process: psutil.Process = process.start(command, build.base_environment(), self._log)

        def ready() -> bool:
            assert is_running(self.process), self._log.read_text()
            return "Kafka Server started" in self._log.read_text()[began:]

        assert wait_until(ready, _READY_SECONDS), self._log.read_text()

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        self.process.kill()
        assert wait_until(lambda: not is_running(self.process), harm.AWAIT_SECONDS)

    def _run_tool(self, *words: str) -> None:
        subprocess.run(
            [*self._java, "kafka.tools.StorageTool", *words],
            env=build.base_environment(),
            capture_output=True,
            check=True,
        )


def leaders(mesh: Mesh, topic: str) -> dict[int, int]:
    """Return the node that leads each partition, or NOBODY."""
    with _admin(mesh) as admin:
        [described] = admin.describe_topics([topic])
    return {each["partition_index"]: each["leader_id"] for each in described["partitions"]}


def await_leader(mesh: Mesh, topic: str, partitions: set[int], node: int) -> None:
    """Wait until that node, or NOBODY, leads these partitions."""

    def led() -> bool:
        now = leaders(mesh, topic)
        return {now[number] for number in partitions} == {node}

    assert wait_until(led, harm.AWAIT_SECONDS)


def move(mesh: Mesh, topic: str, partitions: set[int], node: int) -> None:
    """Have these partitions on that node alone, and wait until they are."""
    with _admin(mesh) as admin:
        places = {TopicPartition(topic, number): [node] for number in partitions}
        answers = admin.alter_partition_reassignments(places)
        assert not any(answers.values()), answers
        assert wait_until(lambda: not admin.list_partition_reassignments(), harm.AWAIT_SECONDS)
    await_leader(mesh, topic, partitions, node)


@contextmanager
def _admin(mesh: Mesh) -> Iterator[KafkaAdminClient]:
    """A client of its own each time: one that stays does not see brokers come and go."""
    with closing(KafkaAdminClient(**mesh.kafka())) as admin:
        yield admin


def _joining(first: dict[str, str], log: Path) -> str:
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
    return "".join(f"{name}={value}\n" for name, value in {**first, **own}.items())


def _read(properties: Path) -> dict[str, str]:
    lines = properties.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
