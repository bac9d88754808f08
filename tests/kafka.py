"""Records as the event source mapping delivers them."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from kafka_esm.consumer.event import encode_event, encode_record
from users.events import Record


class ConsumedRecord(NamedTuple):
    """A record as a consumer has it."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    topic: str = "user.events"
    partition: int = 0
    timestamp: int = 0
    timestamp_type: int = 0


def delivered(*records: Record) -> dict[str, Any]:
    """Return the event of a batch of records."""
    rows = [encode_record(ConsumedRecord(offset, *record)) for offset, record in enumerate(records)]
    batch: dict[str, Any] = json.loads(encode_event("kafka-0:9092", {"user.events-0": rows}))
    return batch
