"""What goes into the next batch, and when it is due: pure decisions over records and a clock."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kafka_esm.consumer.event import MAX_PAYLOAD_BYTES, envelope_bytes, group_bytes, partition_label
from kafka_esm.schemas.records import Refused


class Partition(NamedTuple):
    """A partition of a topic (equal to kafka-python's TopicPartition, which is also a tuple)."""

    topic: str
    partition: int

    @property
    def label(self) -> str:
        """The partition's name in events, logs and health."""
        return partition_label(self.topic, self.partition)


@dataclass(frozen=True, slots=True)
class Entry:
    """A record, encoded, and when it was received (seconds of a monotonic clock)."""

    offset: int
    payload: bytes
    arrived: float
    # When it becomes too old to be delivered, by the same clock.
    expires: float = math.inf
    # Why it can only go to the failure destination, if so.
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """A batch is due at whichever of these it reaches first."""

    records: int
    window_seconds: float
    bootstrap: str
    payload_bytes: int = MAX_PAYLOAD_BYTES
    # Of the cluster, if MSK has it.
    arn: str | None = None

    def fits_alone(self, partition: Partition, payload: bytes) -> bool:
        """Whether a record can be delivered at all."""
        envelope = envelope_bytes(self.bootstrap, self.arn) + group_bytes(partition.label)
        return envelope + len(payload) <= self.payload_bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """How many records of each partition make the next batch, and when it is to go."""

    take: Mapping[Partition, int]
    due_at: float


def plan(buffers: Mapping[Partition, Sequence[Entry]], limits: Limits) -> Plan | None:
    """Plan the next batch from the records at hand; None without any.

    Partitions whose first record has waited longest come first, so that a busy one cannot starve
    the others. A record that is refused ends what is taken of its partition.
    """
    waiting = sorted(
        (p for p in buffers if buffers[p] and not buffers[p][0].refused),
        key=lambda p: buffers[p][0].arrived,
    )
    if not waiting:
        return None
    oldest = buffers[waiting[0]][0].arrived
    take: dict[Partition, int] = {}
    room, room_bytes = limits.records, limits.payload_bytes - envelope_bytes(limits.bootstrap, limits.arn)
    for partition in waiting:
        # The first of a partition brings the partition's own frame; every other, a comma.
        frame = group_bytes(partition.label) + (1 if take else 0)
        for entry in buffers[partition]:
            if entry.refused:
                break
            size = len(entry.payload) + (1 if take.get(partition) else frame)
            if room == 0 or size > room_bytes:
                return Plan(take, due_at=oldest)
            take[partition] = take.get(partition, 0) + 1
            room -= 1
            room_bytes -= size
    full = room == 0
    return Plan(take, due_at=oldest if full else oldest + limits.window_seconds)
