"""The records between the consumer and the function: buffered, in flight, waiting to be retried.

No I/O and no threads: the poller tells what happened, and asks what to do.
"""

import random
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kafka_esm.batch import Entry, Limits, Partition, plan
from kafka_esm.event import KafkaRecord, encode_event, encode_record
from kafka_esm.retry import backoff_seconds


@dataclass(slots=True, eq=False)
class Batch:
    """Records that are delivered together, until they succeed."""

    entries: dict[Partition, list[Entry]]
    failures: int = 0
    not_before: float = 0.0
    last_error: str | None = None

    def payload(self, bootstrap: str) -> bytes:
        """Return the event of the batch as it is now (a rebalance may have taken partitions away)."""
        return encode_event(
            bootstrap, {p.label: [entry.payload for entry in entries] for p, entries in self.entries.items()}
        )

    def next_offsets(self) -> dict[Partition, int]:
        """Return what to commit for each partition once the batch has succeeded."""
        return {partition: entries[-1].offset + 1 for partition, entries in self.entries.items()}


@dataclass(slots=True)
class _Held:
    """The records of one partition that no batch has taken yet."""

    entries: deque[Entry] = field(default_factory=deque)
    payload_bytes: int = 0
    # The record that cannot be delivered, and why.
    blocked_at: int | None = None
    blocked: str | None = None


class Work:
    """The state of one mapping's records.

    One invocation is in flight at a time. A batch that waits for its retry does not hold it up: other
    partitions go on, its own do not.
    """

    def __init__(self, limits: Limits, rng: random.Random | None = None) -> None:
        self._limits = limits
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._held: dict[Partition, _Held] = {}
        self._retrying: list[Batch] = []
        self.in_flight: Batch | None = None
        # Delivered, but not yet committed.
        self.uncommitted: dict[Partition, int] = {}
        self.retries = 0

    def assign(self, partitions: Iterable[Partition]) -> None:
        """Start to hold records of these partitions."""
        for partition in partitions:
            self._held.setdefault(partition, _Held())

    def drop(self, partitions: Iterable[Partition]) -> None:
        """Forget everything about partitions that belong to somebody else now."""
        batches = [*self._retrying, *([self.in_flight] if self.in_flight else [])]
        for partition in partitions:
            self._held.pop(partition, None)
            self.uncommitted.pop(partition, None)
            for batch in batches:
                batch.entries.pop(partition, None)
        self._retrying = [batch for batch in self._retrying if batch.entries]

    def drop_all(self) -> None:
        """Forget everything but that an invocation is in flight."""
        self.drop(list(self._held))

    def add(self, partition: Partition, records: Sequence[KafkaRecord], now: float) -> str | None:
        """Hold records that have been received.

        Returns an error if one cannot be delivered at all: the partition then stops before it.
        """
        held = self._held.get(partition)
        if held is None or held.blocked:
            return None
        for record in records:
            payload = encode_record(record)
            if not self._limits.fits_alone(partition, payload):
                held.blocked_at = record.offset
                held.blocked = (
                    f"{partition.label} is stopped at offset {record.offset}: the record alone exceeds "
                    f"the payload limit of {self._limits.payload_bytes} bytes"
                )
                return held.blocked
            held.entries.append(Entry(record.offset, payload, now))
            held.payload_bytes += len(payload)
        return None

    def next_batch(self, now: float) -> Batch | None:
        """Return the batch to invoke the function with now, if one is due, and take it in flight."""
        if self.in_flight is not None:
            return None
        batch = next((b for b in self._retrying if b.not_before <= now), None)
        if batch is not None:
            self._retrying.remove(batch)
        else:
            batch = self._new_batch(now)
        self.in_flight = batch
        return batch

    def _new_batch(self, now: float) -> Batch | None:
        free = self._free()
        planned = plan({partition: held.entries for partition, held in free.items()}, self._limits)
        if planned is None or planned.due_at > now:
            return None
        entries: dict[Partition, list[Entry]] = {}
        for partition, count in planned.take.items():
            held = free[partition]
            entries[partition] = [held.entries.popleft() for _ in range(count)]
            held.payload_bytes -= sum(len(entry.payload) for entry in entries[partition])
        return Batch(entries)

    def _free(self) -> dict[Partition, _Held]:
        retrying = {partition for batch in self._retrying for partition in batch.entries}
        return {partition: held for partition, held in self._held.items() if partition not in retrying}

    def succeeded(self) -> None:
        """Note that the batch in flight has been processed: its offsets are to be committed."""
        batch, self.in_flight = self.in_flight, None
        if batch is not None:
            self.uncommitted |= batch.next_offsets()

    def failed(self, error: str, now: float) -> None:
        """Note that the batch in flight has failed: it will be due again, whole, after a while."""
        batch, self.in_flight = self.in_flight, None
        if batch is None or not batch.entries:
            return
        batch.failures += 1
        batch.last_error = error
        batch.not_before = now + backoff_seconds(batch.failures, self._rng)
        self.retries += 1
        self._retrying.append(batch)

    def committed(self) -> None:
        """Note that all that was to be committed has been."""
        self.uncommitted.clear()

    def wake_at(self) -> float | None:
        """Return when the next batch is due by the clock alone; None if it is not."""
        times = [batch.not_before for batch in self._retrying]
        planned = plan({p: held.entries for p, held in self._free().items()}, self._limits)
        if planned is not None:
            times.append(planned.due_at)
        return min(times, default=None)

    def full(self) -> set[Partition]:
        """Return the partitions to fetch nothing more of: enough is held, or they are stopped."""
        return {
            partition
            for partition, held in self._held.items()
            if held.blocked
            or len(held.entries) >= self._limits.records
            or held.payload_bytes >= self._limits.payload_bytes
        }

    def first_offset(self, partition: Partition) -> int | None:
        """Return the first record that has been received, but not delivered yet."""
        batches = [*self._retrying, *([self.in_flight] if self.in_flight else [])]
        offsets = [b.entries[partition][0].offset for b in batches if b.entries.get(partition)]
        held = self._held.get(partition)
        if held is not None and held.entries:
            offsets.append(held.entries[0].offset)
        if held is not None and held.blocked_at is not None:
            offsets.append(held.blocked_at)
        return min(offsets, default=None)

    def error(self) -> str | None:
        """Return why records are not getting through, if some are not."""
        blocked = next((held.blocked for held in self._held.values() if held.blocked), None)
        if blocked:
            return blocked
        current = [self.in_flight] if self.in_flight else []
        return next((batch.last_error for batch in [*current, *self._retrying] if batch.last_error), None)
