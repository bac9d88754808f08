"""What Confluent's serializers write is checked, converted and read by Powertools; the rest is refused."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools.utilities.kafka import ConsumerRecords, SchemaConfig, kafka_consumer
from confluent_kafka.schema_registry import SchemaRegistryClient, header_schema_id_serializer
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from kafka_esm.consumer.event import encode_event, encode_record
from kafka_esm.schemas import avro, json_schema, protobuf
from kafka_esm.schemas.config import Attribute, RecordFormat, SchemaRegistry
from kafka_esm.schemas.confluent import Credentials, http, load
from kafka_esm.schemas.records import Reading, Refused, Schema, Waiting, reader
from kafka_esm.schemas.wire import message_way, unframe

from tests.schema_registry import Registry, schema_registry

AVRO = {
    "type": "record",
    "name": "User",
    "namespace": "example",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "email", "type": ["null", "string"]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}
USER = {"id": 5, "email": "é@example.com", "at": 1_763_800_000_000}
JSON_SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "title": "User",
    "type": "object",
    "properties": {"id": {"type": "integer"}},
    "required": ["id"],
}
PROTO = """
    syntax = "proto3";
    package example;
    import "google/protobuf/timestamp.proto";
    import "common/address.proto";
    message User {
      message Login { int64 count = 1; }
      int64 id = 1;
      string email = 2;
      Address address = 3;
      google.protobuf.Timestamp at = 4;
    }
    message Order { string number = 1; }
"""
ADDRESS = 'syntax = "proto3"; package example; message Address { string city = 1; }'


@pytest.fixture
def registry() -> Iterator[Registry]:
    with schema_registry() as found:
        yield found


@pytest.fixture(scope="module")
def messages() -> Callable[[str], Any]:
    """Classes of PROTO by name, as protoc makes them."""
    pool = descriptor_pool.DescriptorPool()
    for file in protobuf.compiled({"user.proto": PROTO, "common/address.proto": ADDRESS}, "user.proto"):
        pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"example.{name}"))


def read(
    registry: Registry,
    record: Any,
    record_format: RecordFormat = "JSON",
    attributes: tuple[Attribute, ...] = ("VALUE",),
) -> Reading | Waiting | Refused:
    config = SchemaRegistry(registry.url, record_format, attributes)
    get = http(config, lambda: Credentials(None, {}))
    return reader(config, lambda schema_id: load(schema_id, get))(record)


def written(serializer: Any, value: Any, field: str = MessageField.VALUE, headers: Any = None) -> bytes:
    data = serializer(value, SerializationContext("users", field, headers))
    assert isinstance(data, bytes)
    return data


def avro_serializer(registry: Registry, schema: Any = AVRO, **config: Any) -> AvroSerializer:
    client = SchemaRegistryClient({"url": registry.url})
    return AvroSerializer(client, json.dumps(schema), conf={"auto.register.schemas": True, **config})


def protobuf_serializer(registry: Registry, kind: Any, **config: Any) -> ProtobufSerializer:
    client = SchemaRegistryClient({"url": registry.url})
    return ProtobufSerializer(kind, client, {"use.deprecated.format": False, **config})


def handled(reading: Any, schemas: SchemaConfig) -> Any:
    """What a function with Powertools' Kafka consumer sees of the only record of an event."""
    assert isinstance(reading, Reading), reading
    event = json.loads(encode_event("h:1", {"t-0": [encode_record(reading, reading.metadata)]}))

    @kafka_consumer(schema_config=schemas)
    def function(event: ConsumerRecords, context: Any) -> Any:
        return event.record.value

    return function(event, SimpleNamespace())


def test_given_avro_when_delivered_as_json_then_its_metadata_says_so(registry: Registry, record: Any) -> None:
    reading = read(registry, record(0, value=written(avro_serializer(registry), USER)))
    assert isinstance(reading, Reading)
    event = json.loads(encode_record(reading, reading.metadata))
    assert json.loads(b64decode(event["value"])) == USER
    assert event["valueSchemaMetadata"] == {"dataFormat": "JSON", "schemaId": "1"}
    assert "keySchemaMetadata" not in event
    assert b64decode(event["key"]) == b"k"
    assert handled(reading, SchemaConfig(value_schema_type="JSON")) == USER


def test_given_avro_when_delivered_as_the_source_has_it_then_only_the_id_is_gone(
    registry: Registry, record: Any
) -> None:
    value = written(avro_serializer(registry), USER)
    reading = read(registry, record(0, value=value), "SOURCE")
    assert isinstance(reading, Reading)
    assert reading.value == value[5:]
    assert reading.metadata == ',"valueSchemaMetadata":{"dataFormat":"AVRO","schemaId":"1"}'
    schemas = SchemaConfig(value_schema_type="AVRO", value_schema=json.dumps(AVRO))
    assert handled(reading, schemas)["id"] == 5


def test_given_a_key_with_a_schema_when_both_are_checked_then_both_have_metadata(
    registry: Registry, record: Any
) -> None:
    key = written(avro_serializer(registry, "string"), "k-1", MessageField.KEY)
    value = written(avro_serializer(registry), USER)
    reading = read(registry, record(0, key=key, value=value), "SOURCE", ("KEY", "VALUE"))
    assert isinstance(reading, Reading)
    assert (reading.key, reading.key_schema) == (b"\x06k-1", ("AVRO", "1"))
    assert reading.value_schema == ("AVRO", "2")


def test_given_a_key_that_is_not_checked_when_delivered_then_it_is_as_it_was(
    registry: Registry, record: Any
) -> None:
    value = written(avro_serializer(registry), USER)
    reading = read(registry, record(0, key=b"\x00plain", value=value))
    assert isinstance(reading, Reading)
    assert (reading.key, reading.key_schema) == (b"\x00plain", None)


def test_given_a_tombstone_when_delivered_then_it_has_no_value_and_no_metadata(
    registry: Registry, record: Any
) -> None:
    reading = read(registry, record(0, value=None))
    assert isinstance(reading, Reading)
    assert (reading.value, reading.filtered, reading.metadata) == (None, None, "")


@pytest.mark.parametrize("record_format", ["JSON", "SOURCE"])
def test_given_json_with_a_schema_when_delivered_then_it_is_as_it_was_written(
    registry: Registry, record: Any, record_format: RecordFormat
) -> None:
    client = SchemaRegistryClient({"url": registry.url})
    value = written(JSONSerializer(json.dumps(JSON_SCHEMA), client), {"id": 1, "more": "é"})
    reading = read(registry, record(0, value=value), record_format)
    assert isinstance(reading, Reading)
    assert reading.value == value[5:]
    assert reading.value_schema == ("JSON", "1")
    assert handled(reading, SchemaConfig(value_schema_type="JSON")) == {"id": 1, "more": "é"}


def test_given_protobuf_when_delivered_as_json_then_every_field_has_its_own_name(
    registry: Registry, record: Any, messages: Any
) -> None:
    user = messages("User")(id=5, address={"city": "Oslo"})
    reading = read(registry, record(0, value=written(protobuf_serializer(registry, messages("User")), user)))
    expected = {"id": "5", "email": "", "address": {"city": "Oslo"}}
    assert handled(reading, SchemaConfig(value_schema_type="JSON")) == expected


def test_given_protobuf_when_delivered_as_the_source_has_it_then_powertools_reads_it(
    registry: Registry, record: Any, messages: Any
) -> None:
    user = messages("User")(id=5, email="e")
    value = written(protobuf_serializer(registry, messages("User")), user)
    reading = read(registry, record(0, value=value), "SOURCE")
    schemas = SchemaConfig(value_schema_type="PROTOBUF", value_schema=messages("User"))
    assert handled(reading, schemas) == {"id": "5", "email": "e"}


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [("Order", {"number": "o"}, {"number": "o"}), ("User.Login", {"count": 7}, {"count": "7"})],
)
def test_given_another_message_of_the_file_when_read_then_its_indexes_say_which(
    registry: Registry, record: Any, messages: Any, name: str, fields: Any, expected: Any
) -> None:
    kind = messages(name)
    reading = read(registry, record(0, value=written(protobuf_serializer(registry, kind), kind(**fields))))
    assert isinstance(reading, Reading)
    assert json.loads(reading.value or b"") == expected


def test_given_ids_in_headers_when_read_then_the_schema_is_found_by_its_guid(
    registry: Registry, record: Any, messages: Any
) -> None:
    headers: list[tuple[str, bytes]] = []
    kind = messages("Order")
    serializer = protobuf_serializer(registry, kind, **{"schema.id.serializer": header_schema_id_serializer})
    value = written(serializer, kind(number="o"), headers=headers)
    assert value == kind(number="o").SerializeToString()
    reading = read(registry, record(0, value=value, headers=headers))
    assert isinstance(reading, Reading)
    assert json.loads(reading.value or b"") == {"number": "o"}
    assert reading.value_schema is not None
    assert reading.value_schema.schema_id == registry.schemas[-1]["guid"]


def test_given_protobuf_that_a_registry_keeps_as_text_when_read_then_it_is_the_same() -> None:
    # Confluent's and Karapace keep text; Apicurio keeps the descriptor that Confluent's serializer sends.
    to_json = protobuf.to_json(PROTO, {"common/address.proto": ADDRESS})
    assert json.loads(to_json(b"\x00\x08\x05")) == {"id": "5", "email": ""}


def test_given_avro_schemas_that_refer_to_others_when_read_then_these_are_fetched_too(
    registry: Registry, record: Any
) -> None:
    city = {"type": "enum", "name": "example.City", "symbols": ["OSLO", "ROME"]}
    address = {"type": "record", "name": "example.Address", "fields": [{"name": "city", "type": "City"}]}
    registry.register("city", {"schema": json.dumps(city)})
    reference = {"name": "example.City", "subject": "city", "version": 1}
    registry.register("address", {"schema": json.dumps(address), "references": [reference]})
    reference = {"name": "example.Address", "subject": "address", "version": 1}
    registry.register("any", {"schema": '["example.City", "example.Address"]', "references": [reference]})
    reading = read(registry, record(0, value=b"\x00\x00\x00\x00\x03\x02\x02"))
    assert isinstance(reading, Reading), reading
    assert json.loads(reading.value or b"") == {"city": "ROME"}


def test_given_a_json_schema_that_refers_to_another_when_read_then_it_counts(
    registry: Registry, record: Any
) -> None:
    registry.register("id", {"schemaType": "JSON", "schema": '{"type": "integer"}'})
    schema = {"$id": "http://example.com/user.json", "properties": {"id": {"$ref": "id.json"}}}
    reference = {"name": "id.json", "subject": "id", "version": 1}
    registry.register("user", {"schemaType": "JSON", "schema": json.dumps(schema), "references": [reference]})
    assert isinstance(read(registry, record(0, value=b'\x00\x00\x00\x00\x02{"id": 1}')), Reading)
    refused = read(registry, record(0, value=b'\x00\x00\x00\x00\x02{"id": "x"}'))
    assert isinstance(refused, Refused)
    assert "properties/id/type" in str(refused.why)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "its value: it does not begin with the id of a schema"),
        (b'{"id": 1}', "does not begin with the id"),  # a plain producer in the same topic
        (b"\x00\x00\x00", "does not begin with the id"),
        (b"\x03\x00" + bytes(16), "does not begin with the id"),  # AWS Glue's
        (b"\x00\x00\x00\x00\x01", "its value is not of schema 1: it cannot be read"),
        (b"\x00\x00\x00\x00\x01\x02\x00\x00\x00", "there is something after its end"),
    ],
)
def test_given_what_is_not_of_its_schema_when_read_then_it_is_refused_and_may_be_dropped(
    registry: Registry, record: Any, value: bytes, why: str
) -> None:
    registry.register("t-value", {"schema": json.dumps(AVRO)})
    refused = read(registry, record(0, value=value))
    assert isinstance(refused, Refused)
    assert (refused.condition, refused.drops) == ("DESERIALIZATION_ERROR", True)
    assert why in str(refused.why)


@pytest.mark.parametrize(
    ("schema", "data", "why"),
    [
        (JSON_SCHEMA, b'{"id": "secret"}', "properties/id/type"),
        (JSON_SCHEMA, b"{}", "required"),
        (JSON_SCHEMA, b"[NaN]", "not JSON"),
        (JSON_SCHEMA, b"\xff", "not JSON"),
    ],
)
def test_given_json_that_does_not_fit_when_read_then_the_reason_holds_nothing_of_it(
    schema: Any, data: bytes, why: str
) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        json_schema.to_json(json.dumps(schema), {})(data)
    assert "secret" not in str(caught.value)


def test_given_data_nested_too_deeply_when_read_then_it_is_refused(registry: Registry, record: Any) -> None:
    registry.register("t-value", {"schemaType": "JSON", "schema": "{}"})
    refused = read(registry, record(0, value=b"\x00\x00\x00\x00\x01" + b"[" * 100_000))
    assert isinstance(refused, Refused)
    assert "too deeply" in str(refused.why)


def test_given_a_json_schema_that_refers_to_the_network_when_read_then_nothing_is_fetched(
    registry: Registry, record: Any
) -> None:
    schema = json.dumps({"$ref": f"{registry.url}/elsewhere.json"})
    registry.register("t-value", {"schemaType": "JSON", "schema": schema})
    refused = read(registry, record(0, value=b"\x00\x00\x00\x00\x011"))
    assert isinstance(refused, Refused)
    assert not refused.drops  # it is the schema that is wrong
    assert registry.asked == ["/schemas/ids/1"]


@pytest.mark.parametrize("way", [b"\x02\x08", b"\x04\x00\x04", b"\x02\x01"])
def test_given_indexes_of_no_message_when_read_then_it_is_refused(way: bytes) -> None:
    to_json = protobuf.to_json(PROTO, {"common/address.proto": ADDRESS})
    with pytest.raises(ValueError, match="no message"):
        to_json(way)


@pytest.mark.parametrize("body", [b"", b"\x02", b"\x80\x80\x80\x80\x80\x80", b"\xfe\x7f", b"\x01"])
def test_given_malformed_indexes_when_read_then_they_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="indexes are"):
        message_way(body)


def test_given_a_required_field_that_is_missing_when_read_then_it_is_refused() -> None:
    to_json = protobuf.to_json('syntax = "proto2"; message M { required int32 n = 1; }', {})
    with pytest.raises(ValueError, match="required"):
        to_json(b"\x00")


@pytest.mark.parametrize(
    ("schema", "references", "why"),
    [
        ('syntax = "proto3"; import "confluent/meta.proto";', {}, "confluent/meta.proto: File not found"),
        ("syntax = nonsense", {}, "cannot be used"),
        ('syntax = "proto3"; message M {}', {"../../m.proto": ADDRESS}, "no name of a file"),
    ],
)
def test_given_a_protobuf_schema_that_cannot_be_used_when_read_then_it_is_said_why(
    schema: str, references: dict[str, str], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        protobuf.to_json(schema, references)


def test_given_a_descriptor_that_imports_what_nobody_has_when_read_then_it_is_named() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="a.proto", dependency=["confluent/meta.proto"])
    with pytest.raises(ValueError, match=r"imports confluent/meta\.proto, which is not among its references"):
        protobuf.to_json(b64encode(file.SerializeToString()).decode(), {})


@pytest.mark.parametrize(
    ("schema", "data", "expected"),
    [
        ('"string"', b"\x02x", "x"),
        ("string", b"\x02x", "x"),  # the bare word, as some producers register it
        ('["null", "long"]', b"\x02\x54", 42),
        ('{"type": "map", "values": "double"}', b"\x02\x02n" + b"\x00" * 6 + b"\xf8\x7f\x00", {"n": "NaN"}),
        ('{"type": "fixed", "name": "F", "size": 2}', b"\x00\xff", "\x00ÿ"),
        ('{"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}', b"\x02{", "{"),
        ('{"type": "int", "logicalType": "date"}', b"\xff\xff\xff\xff\x0f", -(2**31)),  # no date of Python's
    ],
)
def test_given_avro_of_any_type_when_read_then_it_is_plain_json(
    schema: str, data: bytes, expected: Any
) -> None:
    assert json.loads(avro.to_json(schema, [])(data)) == expected


def test_given_an_id_in_a_header_and_one_in_the_data_when_read_then_the_header_counts() -> None:
    headers = [("__value_schema_id", b"\x00\x00\x00\x00\x07"), ("__key_schema_id", b"\x00\x00\x00\x00\x08")]
    assert unframe("VALUE", b"\x00\x00\x00\x00\x01", headers) == ("7", b"\x00\x00\x00\x00\x01")
    assert unframe("KEY", b"k", headers) == ("8", b"k")


@pytest.mark.parametrize(
    "unknown", [Waiting(), Waiting("down"), Refused("SCHEMA_NOT_FOUND", "no", drops=False)]
)
def test_given_a_schema_that_is_not_known_when_read_then_the_record_waits_or_is_refused(
    record: Any, unknown: Waiting | Refused
) -> None:
    config = SchemaRegistry("http://r", "JSON", ("VALUE",))
    assert reader(config, lambda _: unknown)(record(0, value=b"\x00\x00\x00\x00\x01")) == unknown


def test_given_a_filter_when_a_record_is_delivered_as_the_source_has_it_then_it_sees_json(
    record: Any,
) -> None:
    config = SchemaRegistry("http://r", "SOURCE", ("VALUE",))
    schema = Schema("AVRO", lambda _: b'"x"')
    reading = reader(config, lambda _: schema)(record(0, value=b"\x00\x00\x00\x00\x01\x02x"))
    assert isinstance(reading, Reading)
    assert (reading.value, reading.filtered) == (b"\x02x", b'"x"')
