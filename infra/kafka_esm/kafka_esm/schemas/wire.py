"""How a record says which schema it was written with.

Confluent's wire format is a magic byte 0 and a number of four bytes, or 1 and a GUID of sixteen, before the
data; newer serializers put the same bytes into a header. Protobuf's message indexes follow either way:
https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format

AWS Glue's is a 3, how the data is compressed, and a UUID; one number says which message Protobuf's is:
https://github.com/awslabs/aws-glue-schema-registry
"""

import uuid
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from kafka_esm.schemas.config import Attribute

_HEADERS: dict[Attribute, str] = {"KEY": "__key_schema_id", "VALUE": "__value_schema_id"}
_MOST_INDEXES = 64  # how deep messages may reasonably be nested
_GLUE = 3
_PLAIN, _ZLIB = 0, 5
_MOST_BYTES = 64 * 1024 * 1024  # more than any event holds, or any broker takes


class Framed(NamedTuple):
    """Data, and the schema that it was written with: a number or a GUID."""

    schema_id: str
    # With Protobuf's message indexes in front.
    body: bytes


def unframe(attribute: Attribute, data: bytes, headers: Sequence[tuple[str, bytes | None]]) -> Framed:
    """Take the schema's id off a key or value; one in a header counts first, as for Confluent's clients.

    Raises:
        ValueError: there is no id.

    """
    # The last one, as Kafka's own lookup of a header finds it.
    named = next((content for name, content in reversed(headers) if name == _HEADERS[attribute]), None)
    if named is not None:
        schema_id, indexes = _schema_id(named)
        return Framed(schema_id, indexes + data)
    return Framed(*_schema_id(data))


def _schema_id(data: bytes) -> tuple[str, bytes]:
    if data[:1] == b"\x00" and len(data) >= 5:
        return str(int.from_bytes(data[1:5])), data[5:]
    if data[:1] == b"\x01" and len(data) >= 17:
        return str(uuid.UUID(bytes=data[1:17])), data[17:]
    raise ValueError("it does not begin with the id of a schema")


def unframe_glue(data: bytes) -> Framed:
    """Take what AWS Glue's serializers put before it off a key or value.

    Raises:
        ValueError: it is not there, or the data is not compressed as it says.

    """
    if len(data) < 18 or data[0] != _GLUE or data[1] not in (_PLAIN, _ZLIB):
        raise ValueError("it does not begin with the id of a schema of AWS Glue")
    body = data[18:]
    if data[1] == _ZLIB:
        stream = zlib.decompressobj()
        try:
            body = stream.decompress(body, _MOST_BYTES)
        except zlib.error:
            raise ValueError("it cannot be decompressed") from None
        if not stream.eof:
            raise ValueError("it cannot be decompressed as a whole")
    return Framed(str(uuid.UUID(bytes=data[2:18])), body)


def message_number(body: bytes) -> tuple[int, bytes]:
    """Read which message of its file a Protobuf message is, as AWS Glue counts; returns the message, too.

    Raises:
        ValueError: the number is malformed.

    """
    number, at = _unsigned(body, 0)
    return number, body[at:]


def message_way(body: bytes) -> tuple[tuple[int, ...], bytes]:
    """Read which message of its file a Protobuf message is: returns the way to it, and the message.

    Raises:
        ValueError: they are malformed.

    """
    count, at = _varint(body, 0)
    if not 0 <= count <= _MOST_INDEXES:
        raise ValueError("its message indexes are malformed")
    indexes = []
    for _ in range(count):
        index, at = _varint(body, at)
        indexes.append(index)
    # The first message, which is most often the only one, is written as no index at all.
    return tuple(indexes) or (0,), body[at:]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value, at = _unsigned(data, at)
    return (value >> 1) ^ -(value & 1), at


def _unsigned(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for at in range(at, min(at + 5, len(data))):  # noqa: B020
        value |= (data[at] & 0x7F) << shift
        if not data[at] & 0x80:
            return value, at + 1
        shift += 7
    raise ValueError("its message indexes are cut short")
