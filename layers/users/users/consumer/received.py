"""A Kafka record as an event source mapping delivers it to a function."""

from base64 import b64decode
from collections.abc import Mapping
from typing import Any, NamedTuple

from users.events import Record


class Received(NamedTuple):
    """A record and its place."""

    topic: str
    partition: int
    offset: int
    record: Record


def received(delivered: Mapping[str, Any]) -> Received:
    """Return a record of Lambda's Kafka event, its headers in order and as often as they are there."""
    pairs = (pair for header in delivered.get("headers") or () for pair in header.items())
    headers = [(name, _unsigned(value)) for name, value in pairs]
    record = Record(_decoded(delivered.get("key")), _decoded(delivered.get("value")), headers)
    return Received(delivered["topic"], delivered["partition"], delivered["offset"], record)


def _decoded(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)


def _unsigned(value: list[int] | None) -> bytes:
    """Return a header's bytes, which Lambda gives as Java has them: -128 to 127."""
    return bytes(byte & 0xFF for byte in value or ())
