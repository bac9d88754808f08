"""Records of Confluent's serializers, by Apicurio's registry and by one with faults, to the function."""

import json
import shutil
import subprocess
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pool, message_factory
from kafka import KafkaProducer
from kafka_esm.schemas.protobuf import compiled
from mesh import paths

from tests.integration.kafka_esm.conftest import (
    Broker,
    Endpoint,
    PollerProcess,
    StartPoller,
    eventually,
    free_port,
)
from tests.schema_registry import NOT_FOUND, Answer, Registry, schema_registry

# The newest that runs on Java 17. Karapace is not in the package index, Confluent's own not in Maven Central.
_APICURIO = "io.apicurio:apicurio-registry-app:2.6.13.Final:tar.gz:all"
AVRO = json.dumps(
    {
        "type": "record",
        "name": "User",
        "fields": [{"name": "id", "type": "long"}, {"name": "home", "type": "example.Address"}],
    }
)
ADDRESS = json.dumps(
    {"type": "record", "name": "example.Address", "fields": [{"name": "city", "type": "string"}]}
)
JSON_SCHEMA = json.dumps(
    {"$schema": "http://json-schema.org/draft-07/schema#", "title": "User", "required": ["id"]}
)
PROTO = 'syntax = "proto3"; message Other { } message User { int64 id = 1; string city = 2; }'


def unpacked() -> Path:
    """Return where Apicurio's registry is, fetched once for a checkout; skip the test where it cannot be."""
    if missing := [name for name in ("java", "mvn") if shutil.which(name) is None]:
        pytest.skip(f"a real registry needs Java 17 and Maven: not here: {', '.join(missing)}")
    folder = paths.CACHE / "apicurio" / _APICURIO.split(":")[2]
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        half = tempfile.mkdtemp(dir=folder.parent)
        command = ["mvn", "--batch-mode", "dependency:unpack", f"-Dartifact={_APICURIO}"]
        done = subprocess.run(
            [*command, f"-DoutputDirectory={half}"], cwd=half, capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"Apicurio's registry cannot be fetched: {done.stdout.strip().splitlines()[-1:]}")
        with suppress(OSError):  # somebody else was first
            Path(half).rename(folder)
    return folder


@pytest.fixture(scope="module")
def apicurio() -> Iterator[str]:
    """The address of a real registry: Apicurio's, in memory, by its API that is like Confluent's."""
    (jar,) = unpacked().glob("*-runner.jar")
    port = free_port()
    # In bytecode of the first stage, it starts in half of the time.
    command = ["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    options = ["-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={port}"]
    process = subprocess.Popen([*command, *options, "-jar", str(jar)], stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/apis/ccompat/v7"

    def answers() -> bool:
        assert process.poll() is None, "Apicurio's registry has ended"
        with suppress(OSError), urlopen(f"{url}/subjects") as answer:
            return bool(answer.status == 200)
        return False

    try:
        eventually("the registry answers", answers)
        yield url
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def registry() -> Iterator[Registry]:
    with schema_registry() as found:
        yield found


def produce(
    broker: Broker, topic: str, *records: tuple[bytes | None, bytes | None], partition: int = 0
) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.address, acks="all")
    for key, value in records:
        producer.send(topic, key=key, value=value, partition=partition)
    producer.flush()
    producer.close()


def schemas(url: str, record_format: str, *attributes: str) -> dict[str, Any]:
    return {
        "SchemaRegistryConfig": {
            "SchemaRegistryURI": url,
            "EventRecordFormat": record_format,
            "SchemaValidationConfigs": [{"Attribute": attribute} for attribute in attributes],
        }
    }


def stopped(poller: PollerProcess) -> Any:
    """Return the partitions that stand still, and why; None before it polls."""
    return next((mapping["stopped"] for mapping in poller.health()[1].get("mappings", ())), None)


def rows(endpoint: Endpoint) -> list[dict[str, Any]]:
    return [row for call in endpoint.invocations for label in call.event["records"].values() for row in label]


def test_given_a_real_registry_and_producer_when_polled_then_each_format_is_delivered_as_json(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, apicurio: str
) -> None:
    topic = broker.create_topic(1)
    client = SchemaRegistryClient({"url": apicurio})
    client.register_schema(f"{topic}-address", Schema(ADDRESS, "AVRO"))
    user = Schema(AVRO, "AVRO", [SchemaReference("example.Address", f"{topic}-address", 1)])
    pool = descriptor_pool.DescriptorPool()
    for file in compiled({"user.proto": PROTO}, "user.proto"):
        pool.Add(file)
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName("User"))
    protobuf = ProtobufSerializer(message, client, {"use.deprecated.format": False})
    found = []
    for name, serializer, value in (
        ("avro", AvroSerializer(client, user), {"id": 5, "home": {"city": "ROME"}}),
        ("json", JSONSerializer(JSON_SCHEMA, client), {"id": 5, "city": "ROME"}),
        ("protobuf", protobuf, message(id=5, city="ROME")),
    ):
        context = SerializationContext(f"{topic}-{name}", MessageField.VALUE)
        found.append((b"k", serializer(value, context)))
    produce(broker, topic, *found)
    start_poller(broker, endpoint, {function: topic}, schemas(apicurio, "JSON", "VALUE"))
    endpoint.wait_for("with all", lambda _: len(rows(endpoint)) == 3)
    avro, written, message_row = rows(endpoint)
    assert json.loads(b64decode(avro["value"])) == {"id": 5, "home": {"city": "ROME"}}
    assert json.loads(b64decode(written["value"])) == {"id": 5, "city": "ROME"}
    assert json.loads(b64decode(message_row["value"])) == {"id": "5", "city": "ROME"}
    ids = [row["valueSchemaMetadata"]["schemaId"] for row in (avro, written, message_row)]
    assert ids == [str(int.from_bytes((value or b"")[1:5])) for _, value in found]
    eventually("all is committed", lambda: broker.committed(function, topic) == 3)


def test_given_a_registry_that_is_down_when_polled_then_only_what_needs_it_waits(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, registry: Registry
) -> None:
    topic = broker.create_topic(2)
    registry.register("t-value", {"schema": '"string"'})
    registry.down = Answer(503, {})
    produce(broker, topic, (b"k", None))
    produce(broker, topic, (b"k", b"\x00\x00\x00\x00\x01\x02x"), partition=1)
    poller = start_poller(broker, endpoint, {function: topic}, schemas(registry.url, "SOURCE", "VALUE"))
    eventually("the other is committed", lambda: broker.committed(function, topic, 0) == 1)
    why = f"{topic}-1 waits at offset 0: the schema registry {registry.url} answers with status 503"
    eventually("it is named", lambda: stopped(poller) == {f"{topic}-1": why})
    assert broker.committed(function, topic, 1) is None
    registry.down = None
    eventually("it goes on", lambda: broker.committed(function, topic, 1) == 1)
    assert rows(endpoint)[-1]["value"] == "Ang="
    eventually("nothing is stopped", lambda: stopped(poller) == {})


def test_given_records_that_do_not_fit_when_polled_then_they_go_to_the_destination_as_they_were(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, registry: Registry
) -> None:
    topic, dead = broker.create_topic(1), broker.create_topic(1)
    registry.register("t-value", {"schema": '"string"'})
    endpoint.secret = json.dumps({"username": "u", "password": "p"})
    good, unknown, plain = b"\x00\x00\x00\x00\x01\x02x", b"\x00\x00\x00\x00\x09\x02x", b"plain"
    produce(broker, topic, (b"k", good), (b"k", unknown), (b"k", plain), (b"k", good))
    destination = {"DestinationConfig": {"OnFailure": {"Destination": f"kafka://{dead}"}}}
    properties = schemas(registry.url, "JSON", "VALUE") | destination
    properties["SchemaRegistryConfig"]["AccessConfigs"] = [{"Type": "BASIC_AUTH", "URI": "secret"}]
    poller = start_poller(broker, endpoint, {function: topic}, properties)
    eventually("all is committed", lambda: broker.committed(function, topic) == 4)
    assert [row["offset"] for row in rows(endpoint)] == [0, 3]
    assert set(registry.authorization) == {"Basic dTpw"}
    given_up = [json.loads(row.value) for row in broker.consume(dead, 2)]
    assert [one["requestContext"]["condition"] for one in given_up] == [
        "SCHEMA_NOT_FOUND",
        "DESERIALIZATION_ERROR",
    ]
    values = [one["payload"]["records"][f"{topic}-0"][0]["value"] for one in given_up]
    assert [b64decode(value) for value in values] == [unknown, plain]
    errors = [line["error"] for line in poller.lines() if line["message"] == "batch given up"]
    assert errors == [
        f"the schema registry {registry.url} does not have schemas/ids/9",
        "its value: it does not begin with the id of a schema",
    ]


def test_given_an_unknown_schema_and_no_destination_when_it_is_registered_then_the_partition_goes_on(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str, registry: Registry
) -> None:
    topic = broker.create_topic(1)
    produce(broker, topic, (b"k", b"\x00\x00\x00\x00\x01\x02x"), (b"k", b"plain"))
    registry.down = NOT_FOUND
    poller = start_poller(broker, endpoint, {function: topic}, schemas(registry.url, "JSON", "VALUE"))
    eventually("it is stopped", lambda: stopped(poller))
    assert broker.committed(function, topic) is None
    registry.register("t-value", {"schema": '"string"'})
    registry.down = None
    # What is no record of any schema is dropped, as AWS does without a destination.
    eventually("all is committed", lambda: broker.committed(function, topic) == 2)
    assert [row["offset"] for row in rows(endpoint)] == [0]
    assert sum(n for name, n in poller.metrics().items() if "discarded_total" in name) == 1


def test_given_a_registry_of_glue_when_polled_then_its_schema_is_asked_for_at_the_endpoint(
    broker: Broker, endpoint: Endpoint, start_poller: StartPoller, function: str
) -> None:
    topic = broker.create_topic(1)
    endpoint.schema = {"DataFormat": "AVRO", "SchemaDefinition": '"string"', "Status": "AVAILABLE"}
    produce(broker, topic, (b"k", b"\x03\x00" + bytes(16) + b"\x02x"))
    arn = "arn:aws:glue:us-east-1:000000000000:registry/r"
    start_poller(broker, endpoint, {function: topic}, schemas(arn, "JSON", "VALUE"))
    endpoint.wait_for("with the record", lambda seen: seen)
    (row,) = rows(endpoint)
    assert b64decode(row["value"]) == b'"x"'
    assert row["valueSchemaMetadata"]["schemaId"] == "00000000-0000-0000-0000-000000000000"
