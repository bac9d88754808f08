"""Records as their mapping's schema registry lets them through: no I/O, but a look at what is known.

Source of the rules: https://docs.aws.amazon.com/lambda/latest/dg/services-consume-kafka-events.html
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from kafka_esm.consumer.event import KafkaRecord, schema_metadata
from kafka_esm.delivery.destinations import Condition
from kafka_esm.schemas.config import Attribute, SchemaRegistry
from kafka_esm.schemas.wire import unframe, unframe_glue

DataFormat = Literal["AVRO", "PROTOBUF", "JSON"]


class Schema(NamedTuple):
    """A schema that can be read by."""

    data_format: DataFormat
    # Data as UTF-8 JSON; ValueError, of which the text holds nothing of the data, if it does not fit.
    to_json: Callable[[bytes], bytes]


class UnusableSchema(ValueError):  # noqa: N818 - what it is
    """Nothing can be said about data, as the schema itself is wrong."""


class Waiting(NamedTuple):
    """What is needed is not known yet; `why` not, if there is trouble."""

    why: str | None = None


class Refused(NamedTuple):
    """A record is never delivered, but given up."""

    condition: Condition
    why: str | None = None
    # Whether it is dropped if there is nowhere to put it; else its partition stops.
    drops: bool = True


Find = Callable[[str], Schema | Waiting | Refused]


class SchemaMetadata(NamedTuple):
    """What the event says of the schema of a key or value."""

    data_format: DataFormat
    schema_id: str


class Reading(NamedTuple):
    """A record to be delivered, a KafkaRecord itself; key and value are as the event has them."""

    topic: str
    partition: int
    offset: int
    timestamp: int | None
    timestamp_type: int | None
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    key_schema: SchemaMetadata | None
    value_schema: SchemaMetadata | None
    # What filters see: the value as JSON, if it has a schema.
    filtered: bytes | None

    @property
    def metadata(self) -> str:
        """What the event says of its schemas."""
        schemas = (("key", self.key_schema), ("value", self.value_schema))
        return "".join(schema_metadata(name, *schema) for name, schema in schemas if schema)


Read = Callable[[KafkaRecord], Reading | Waiting | Refused]


class _Part(NamedTuple):
    delivered: bytes | None
    as_json: bytes | None
    schema: SchemaMetadata | None


def reader(config: SchemaRegistry, find: Find) -> Read:
    """Return what checks a record's key and value, as far as the mapping says, and converts them."""

    def read(record: KafkaRecord) -> Reading | Waiting | Refused:
        parts: dict[Attribute, _Part] = {}
        whole: tuple[tuple[Attribute, bytes | None], ...] = (("KEY", record.key), ("VALUE", record.value))
        for attribute, data in whole:
            # What is not there has no schema, as for Confluent's deserializers: a tombstone is delivered.
            if data is None or attribute not in config.attributes:
                parts[attribute] = _Part(data, data, None)
                continue
            part = _part(attribute, data, record)
            if not isinstance(part, _Part):
                return part
            parts[attribute] = part
        key, value = parts["KEY"], parts["VALUE"]
        return Reading(
            record.topic,
            record.partition,
            record.offset,
            record.timestamp,
            record.timestamp_type,
            key.delivered,
            value.delivered,
            record.headers,
            key.schema,
            value.schema,
            value.as_json,
        )

    def _part(attribute: Attribute, data: bytes, record: KafkaRecord) -> _Part | Waiting | Refused:
        name = f"its {attribute.lower()}"
        try:
            framed = unframe_glue(data) if config.glue else unframe(attribute, data, record.headers)
        except ValueError as exc:
            return Refused("DESERIALIZATION_ERROR", f"{name}: {exc}")
        schema = find(framed.schema_id)
        if not isinstance(schema, Schema):
            return schema
        try:
            as_json = schema.to_json(framed.body)
        except (ValueError, RecursionError) as exc:
            why = "it is nested too deeply" if isinstance(exc, RecursionError) else exc
            return Refused(
                "DESERIALIZATION_ERROR",
                f"{name} is not of schema {framed.schema_id}: {why}",
                drops=not isinstance(exc, UnusableSchema),
            )
        if config.record_format == "JSON":
            # AWS's text does not say which format it names then. Powertools takes JSON for JSON only.
            return _Part(as_json, as_json, SchemaMetadata("JSON", framed.schema_id))
        # Only the id is taken off: Powertools expects Confluent's message indexes before a Protobuf message.
        return _Part(framed.body, as_json, SchemaMetadata(schema.data_format, framed.schema_id))

    return read
