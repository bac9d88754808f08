"""Kafka records as the event that Lambda makes of them."""

import binascii
import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

# Lambda's limit for the payload of a synchronous invocation.
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024

_TIMESTAMP_TYPES = {0: "CREATE_TIME", 1: "LOG_APPEND_TIME"}


class KafkaRecord(Protocol):
    """What is needed of a consumed record (kafka-python's ConsumerRecord has it)."""

    @property
    def topic(self) -> str:
        """The topic it was read from."""

    @property
    def partition(self) -> int:
        """The partition it was read from."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def timestamp(self) -> int | None:
        """Milliseconds since the epoch; -1 or None without."""

    @property
    def timestamp_type(self) -> int | None:
        """0: set by the producer, 1: by the broker."""

    @property
    def key(self) -> bytes | None:
        """The key, if it has one."""

    @property
    def value(self) -> bytes | None:
        """The value; a tombstone has none."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Names and values, in order; a name may be there twice."""


def encode_record(record: KafkaRecord, metadata: str = "") -> bytes:
    """Return one record as JSON, the way it stands in the event; `metadata` is of its schemas."""
    # Put together by hand: this is what the poller spends most of its time with.
    kind = _TIMESTAMP_TYPES.get(_number(record.timestamp_type), "NO_TIMESTAMP_TYPE")
    key = "" if record.key is None else f',"key":"{_base64(record.key)}"'
    value = "" if record.value is None else f',"value":"{_base64(record.value)}"'
    timestamp = -1 if record.timestamp is None else record.timestamp
    headers = [{name: _signed(content or b"")} for name, content in record.headers]
    return (
        (
            f'{{"topic":{_quoted(record.topic)},"partition":{record.partition},"offset":{record.offset},'
            f'"timestamp":{timestamp},"timestampType":"{kind}"{key}{value},"headers":'
        ).encode()
        + (_json(headers) if headers else b"[]")
        + metadata.encode()
        + b"}"
    )


def schema_metadata(attribute: str, data_format: str, schema_id: str) -> str:
    """Return what a record says of the schema of its `key` or `value`, to be put behind its headers."""
    return f',"{attribute}SchemaMetadata":{{"dataFormat":"{data_format}","schemaId":"{schema_id}"}}'


def encode_event(bootstrap: str, records: Mapping[str, Iterable[bytes]], arn: str | None = None) -> bytes:
    """Return the event: encoded records by `topic-partition`; `arn` is that of the cluster, if MSK has it."""
    groups = b",".join(_json(label) + b":[" + b",".join(group) + b"]" for label, group in records.items())
    return _head(bootstrap, arn) + groups + b"}}"


def envelope_bytes(bootstrap: str, arn: str | None = None) -> int:
    """Return the size of an event without any record."""
    return len(_head(bootstrap, arn)) + 2


def group_bytes(label: str) -> int:
    """Return what a partition adds to an event besides its records (and the comma before it)."""
    return len(_json(label)) + 3


def partition_label(topic: str, partition: int) -> str:
    """Return a partition's key in the event."""
    return f"{topic}-{partition}"


def _head(bootstrap: str, arn: str | None) -> bytes:
    source = b'"SelfManagedKafka"' if arn is None else b'"aws:kafka","eventSourceArn":' + _json(arn)
    return b'{"eventSource":' + source + b',"bootstrapServers":' + _json(bootstrap) + b',"records":{'


def _signed(value: bytes) -> list[int]:
    # Lambda's poller is Java, where a byte goes from -128 to 127.
    return list(memoryview(value).cast("b"))


def _number(value: int | None) -> int:
    return -1 if value is None else int(value)


def _base64(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode()


@functools.lru_cache(maxsize=64)
def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
