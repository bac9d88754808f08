"""Records with schemas of AWS Glue, as its serializers write them, by moto's Glue."""

import json
import uuid
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.kafka.deserializer.protobuf import ProtobufDeserializer
from aws_schema_registry import DataAndSchema, SchemaRegistryClient
from aws_schema_registry.adapter.kafka import KafkaSerializer
from aws_schema_registry.avro import AvroSchema
from aws_schema_registry.jsonschema import JsonSchema
from botocore.exceptions import ClientError, EndpointConnectionError
from google.protobuf import descriptor_pool, message_factory
from kafka_esm.consumer.event import encode_record
from kafka_esm.schemas import glue
from kafka_esm.schemas.config import RecordFormat, SchemaRegistry
from kafka_esm.schemas.protobuf import compiled
from kafka_esm.schemas.records import Refused, reader
from kafka_esm.schemas.registry import Missing, Trouble
from moto import mock_aws

REGISTRY = "arn:aws:glue:us-east-1:000000000000:registry/r"
AVRO = json.dumps({"type": "record", "name": "User", "fields": [{"name": "id", "type": "long"}]})
JSON_SCHEMA = json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"})
# Glue's numbers: B = 0, B.A = 1, B.A.D = 2, B.C = 3, Z = 4, as its documentation has it.
PROTO = """
    syntax = "proto3";
    message Z { string z = 1; }
    message B {
      string b = 1;
      message C { string c = 1; }
      message A { string a = 1; message D { string d = 1; } }
    }
"""


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("glue", region_name="us-east-1")
        client.create_registry(RegistryName="r")
        yield client


def written(client: Any, schema: Any, value: Any) -> bytes:
    serializer = KafkaSerializer(SchemaRegistryClient(client, registry_name="r"))
    data = serializer.serialize(f"users-{schema.data_format.lower()}", DataAndSchema(value, schema))
    assert isinstance(data, bytes)
    return data


def read(client: Any, record: Any, record_format: RecordFormat = "JSON") -> Any:
    config = SchemaRegistry(REGISTRY, record_format, ("VALUE",))
    return reader(config, partial(glue.load, client=client))(record)


@pytest.mark.parametrize("kind", [AvroSchema(AVRO), JsonSchema(JSON_SCHEMA)])
def test_given_a_record_of_glue_when_delivered_as_json_then_its_schema_has_its_uuid(
    client: Any, record: Any, kind: Any
) -> None:
    value = written(client, kind, {"id": 5})
    reading = read(client, record(0, value=value))
    event = json.loads(encode_record(reading, reading.metadata))
    assert json.loads(b64decode(event["value"])) == {"id": 5}
    schema_id = str(uuid.UUID(bytes=value[2:18]))
    assert event["valueSchemaMetadata"] == {"dataFormat": "JSON", "schemaId": schema_id}


def test_given_a_record_that_is_compressed_when_delivered_then_it_is_so_no_more(
    client: Any, record: Any
) -> None:
    value = written(client, AvroSchema(AVRO), {"id": 5})
    compressed = b"\x03\x05" + value[2:18] + zlib.compress(value[18:])
    reading = read(client, record(0, value=compressed), "SOURCE")
    assert (reading.value, reading.value_schema.data_format) == (b"\x0a", "AVRO")


@pytest.mark.parametrize(
    ("number", "name", "expected"),
    [
        (0, "B", {"b": "x"}),
        (1, "B.A", {"a": "x"}),
        (2, "B.A.D", {"d": "x"}),
        (3, "B.C", {"c": "x"}),
        (4, "Z", {"z": "x"}),
    ],
)
def test_given_protobuf_of_glue_when_delivered_then_its_number_says_which_message(
    client: Any, record: Any, number: int, name: str, expected: Any
) -> None:
    made = client.create_schema(
        RegistryId={"RegistryName": "r"},
        SchemaName=name,
        DataFormat="PROTOBUF",
        Compatibility="NONE",
        SchemaDefinition=PROTO,
    )
    value = b"\x03\x00" + uuid.UUID(made["SchemaVersionId"]).bytes + bytes([number]) + b"\x0a\x01x"
    assert json.loads(read(client, record(0, value=value)).value) == expected
    source = read(client, record(0, value=value), "SOURCE")
    pool = descriptor_pool.DescriptorPool()
    for file in compiled({"p.proto": PROTO}, "p.proto"):
        pool.Add(file)
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
    schema = source.value_schema
    powertools = ProtobufDeserializer(kind, {"dataFormat": schema.data_format, "schemaId": schema.schema_id})
    assert powertools.deserialize(b64encode(source.value).decode()) == expected


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"\x00\x00\x00\x00\x01\x02x", "does not begin with the id of a schema of AWS Glue"),  # Confluent's
        (b"\x03\x00" + bytes(15), "does not begin with"),
        (b"\x03\x07" + bytes(16), "does not begin with"),
        (b"\x03\x05" + bytes(16) + b"no", "cannot be decompressed"),
        (b"\x03\x05" + bytes(16) + zlib.compress(b"cut short")[:-2], "cannot be decompressed as a whole"),
    ],
)
def test_given_what_is_not_framed_as_by_glue_when_read_then_it_is_refused(
    client: Any, record: Any, value: bytes, why: str
) -> None:
    refused = read(client, record(0, value=value))
    assert isinstance(refused, Refused)
    assert why in str(refused.why)


def test_given_a_schema_that_glue_does_not_have_when_asked_then_it_is_missing(client: Any) -> None:
    with pytest.raises(Missing, match="AWS Glue does not have the schema version 0000"):
        glue.load(str(uuid.UUID(int=0)), client)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetSchemaVersion"), "AccessDenied"),
        (EndpointConnectionError(endpoint_url="http://x"), "EndpointConnectionError"),
    ],
)
def test_given_glue_that_does_not_answer_when_asked_then_it_is_trouble(error: Exception, why: str) -> None:
    def get_schema_version(**_: Any) -> Any:
        raise error

    with pytest.raises(Trouble, match=why):
        glue.load("v", SimpleNamespace(get_schema_version=get_schema_version))


def test_given_a_schema_that_glue_has_not_checked_yet_when_asked_then_it_is_trouble() -> None:
    with pytest.raises(Trouble, match="not checked"):
        glue.load("v", SimpleNamespace(get_schema_version=lambda **_: {"Status": "PENDING"}))
