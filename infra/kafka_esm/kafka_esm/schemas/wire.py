"""How a record says which schema it was written with.

Confluent's wire format is a magic byte 0 and a number of four bytes, or 1 and a GUID of sixteen, before the
data; newer serializers put the same bytes into a header. Protobuf's message indexes follow either way:
https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
"""

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from kafka_esm.schemas.config import Attribute

_HEADERS: dict[Attribute, str] = {"KEY": "__key_schema_id", "VALUE": "__value_schema_id"}
_MOST_INDEXES = 64  # how deep messages may reasonably be nested


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


def message_indexes(body: bytes) -> tuple[list[int], bytes]:
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
    return indexes or [0], body[at:]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for at in range(at, min(at + 5, len(data))):  # noqa: B020
        value |= (data[at] & 0x7F) << shift
        if not data[at] & 0x80:
            return (value >> 1) ^ -(value & 1), at + 1
        shift += 7
    raise ValueError("its message indexes are cut short")
