"""The records between the consumer and the function: waiting, in flight, to be retried or given up.

No I/O, no threads, no clock: the poller tells what happened, and asks what to do. Every partition has a
lane of its own; at most one piece of a lane is in flight, so that the order within it is kept.
"""

import math
import random
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from kafka_esm.batching.plan import Entry, Limits, Partition, Plan, plan
from kafka_esm.batching.policy import RECORD_AGE_EXCEEDED, RECORD_TOO_LARGE, RETRIES_EXHAUSTED, Policy
from kafka_esm.batching.retry import backoff_seconds
from kafka_esm.consumer.event import KafkaRecord, encode_event, encode_record
from kafka_esm.delivery.destinations import Condition
from kafka_esm.delivery.outcome import Outcome
from kafka_esm.schemas.records import Reading, Refused, Waiting

# Records that were never to be delivered.
_REFUSED: frozenset[Condition] = frozenset({RECORD_TOO_LARGE, "SCHEMA_NOT_FOUND", "DESERIALIZATION_ERROR"})


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Records of one partition that go together, and what became of them so far."""

    entries: Sequence[Entry]
    # Invocations with this first record that failed, and those of them that count against the limit.
    attempts: int = 0
    failures: int = 0
    not_before: float = -math.inf
    # How the last attempt ended, and the last that was an invocation.
    last: Outcome | None = None
    invoked: Outcome | None = None
    # Why it is not delivered any more, but given up: it goes to the failure destination, if there is one.
    condition: Condition | None = None
    # Failed attempts to give it up.
    sends: int = 0
    # Offsets that the function has reported as done, but that go again, as they come after a failed one.
    done: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What is delivered in one invocation, or given up in one step."""

    chunks: Mapping[Partition, Chunk]

    @property
    def condition(self) -> Condition | None:
        """Why it is to be given up; None if it is to be delivered. Then it has one partition."""
        return next(iter(self.chunks.values())).condition

    @property
    def attempt(self) -> int:
        """The number of this attempt, from 1."""
        chunk = next(iter(self.chunks.values()))
        return (chunk.sends if chunk.condition else chunk.attempts) + 1

    @property
    def why(self) -> str | None:
        """Why it is given up, as far as that has been said."""
        last = next(iter(self.chunks.values())).last
        return last.error if last and self.condition else None

    @property
    def records(self) -> int:
        """How many records it has."""
        return sum(len(chunk.entries) for chunk in self.chunks.values())

    def payload(self, bootstrap: str, arn: str | None = None) -> bytes:
        """Return the event."""
        rows = {p.label: [entry.payload for entry in chunk.entries] for p, chunk in self.chunks.items()}
        return encode_event(bootstrap, rows, arn)

    def offsets(self) -> dict[str, frozenset[int]]:
        """Return the offsets by `topic-partition`."""
        return {p.label: frozenset(e.offset for e in chunk.entries) for p, chunk in self.chunks.items()}


@dataclass(slots=True, eq=False)
class _Lane:
    """One partition as long as it is assigned. Order: what is running, `retry`, `waiting`, `unread`."""

    # What is not known to fit its schema yet, and why not, if there is trouble.
    unread: deque[KafkaRecord] = field(default_factory=deque)
    unread_why: str | None = None
    waiting: deque[Entry] = field(default_factory=deque)
    waiting_bytes: int = 0
    retry: deque[Chunk] = field(default_factory=deque)
    running: Chunk | None = None
    # The offset after the last record that was received, wanted or not.
    received: int | None = None
    committed: int | None = None
    # The record that can be neither delivered nor given up, and why.
    blocked_at: int | None = None
    blocked: str | None = None

    def chunks(self) -> Iterator[Chunk]:
        if self.running is not None:
            yield self.running
        yield from self.retry

    def first_unfinished(self) -> int | None:
        offsets = [chunk.entries[0].offset for chunk in self.chunks()]
        if self.waiting:
            offsets.append(self.waiting[0].offset)
        if self.unread:
            offsets.append(self.unread[0].offset)
        if self.blocked_at is not None:
            offsets.append(self.blocked_at)
        return min(offsets, default=None)

    def take(self, count: int) -> list[Entry]:
        entries = [self.waiting.popleft() for _ in range(count)]
        self.waiting_bytes -= sum(len(entry.payload) for entry in entries)
        return entries

    def give_up_refused(self) -> None:
        while self.waiting and (refused := self.waiting[0].refused):
            last = Outcome("refused", refused.why) if refused.why else None
            self.retry.append(Chunk(self.take(1), condition=refused.condition, last=last))


def _given_up(chunk: Chunk, condition: Condition) -> list[Chunk]:
    """Return what of a chunk is to be given up: never what the function has reported as done."""
    left = [entry for entry in chunk.entries if entry.offset not in chunk.done]
    return [replace(chunk, entries=left, condition=condition)] if left else []


class Added(NamedTuple):
    """What became of records that were received."""

    filtered: int = 0
    error: str | None = None


class Tally(NamedTuple):
    """What became of the records of an attempt."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0


class Work:
    """The state of one mapping's records."""

    def __init__(
        self, limits: Limits, policy: Policy | None = None, rng: random.Random | None = None
    ) -> None:
        self._limits = limits
        self._policy = policy or Policy()
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._lanes: dict[Partition, _Lane] = {}
        self._in_flight: list[Batch] = []
        self.retries = 0

    @property
    def in_flight(self) -> Sequence[Batch]:
        """What is being delivered or given up now."""
        return tuple(self._in_flight)

    def assign(self, partitions: Iterable[Partition]) -> None:
        """Start to hold records of these partitions."""
        for partition in partitions:
            self._lanes.setdefault(partition, _Lane())

    def start(self, offsets: Mapping[Partition, int]) -> None:
        """Note where partitions start, which is to be committed: nothing after it may be missed any more."""
        for partition, offset in offsets.items():
            if partition in self._lanes:
                self._lanes[partition].received = offset

    def reached(self, offsets: Mapping[Partition, int]) -> None:
        """Note up to where partitions are read: there is nothing between the last record and these offsets.

        The first of a partition is committed, so that everybody sees that the group has a place in it.
        """
        for partition, offset in offsets.items():
            lane = self._lanes.get(partition)
            if lane is not None and (lane.received is None or lane.received < offset):
                lane.received = offset

    def drop(self, partitions: Iterable[Partition]) -> None:
        """Forget everything about partitions that belong to somebody else now."""
        for partition in partitions:
            self._lanes.pop(partition, None)

    def drop_all(self) -> None:
        """Forget everything but that invocations are in flight."""
        self._lanes.clear()

    def add(
        self, partition: Partition, records: Sequence[KafkaRecord], now: float, wall: float = 0.0
    ) -> Added:
        """Hold records that have been received at `now`, when the clock on the wall showed `wall`.

        Reports an error if one can be neither delivered nor given up: the partition stops before it.
        """
        lane = self._lanes.get(partition)
        if lane is None or lane.blocked or not records:
            return Added()
        if lane.received is None:
            lane.committed = records[0].offset
        lane.unread.extend(records)
        return self._read(partition, lane, now, wall)

    def read_on(self, now: float, wall: float) -> int:
        """Go on where a record could not be read yet; returns how many records were filtered."""
        stopped = [(partition, lane) for partition, lane in self._lanes.items() if lane.unread]
        return sum(self._read(partition, lane, now, wall).filtered for partition, lane in stopped)

    def _read(self, partition: Partition, lane: _Lane, now: float, wall: float) -> Added:
        filtered = 0
        while lane.unread:
            record = lane.unread[0]
            read = self._policy.read(record) if self._policy.read else record
            if isinstance(read, Waiting) and self._expires(record, now, wall) <= now:
                read = Refused(RECORD_AGE_EXCEEDED, read.why)
            if isinstance(read, Refused) and not (read.drops or self._policy.gives_up):
                read = Waiting(read.why)
            if isinstance(read, Waiting):
                lane.unread_why = read.why
                break
            lane.unread.popleft()
            lane.received = record.offset + 1
            if isinstance(read, Refused):
                self._hold(lane, Entry(record.offset, encode_record(record), now, refused=read))
                continue
            if not self._policy.wanted(read.filtered if isinstance(read, Reading) else read.value):
                filtered += 1
                continue
            payload = encode_record(read, read.metadata) if isinstance(read, Reading) else encode_record(read)
            too_large = not self._limits.fits_alone(partition, payload)
            if too_large and not self._policy.gives_up:
                lane.unread.clear()
                lane.blocked_at = record.offset
                lane.blocked = (
                    f"{partition.label} is stopped at offset {record.offset}: the record alone exceeds "
                    f"the payload limit of {self._limits.payload_bytes} bytes"
                )
                return Added(filtered, lane.blocked)
            refused = Refused(RECORD_TOO_LARGE) if too_large else None
            self._hold(lane, Entry(record.offset, payload, now, self._expires(record, now, wall), refused))
        lane.give_up_refused()
        return Added(filtered)

    @staticmethod
    def _hold(lane: _Lane, entry: Entry) -> None:
        lane.waiting.append(entry)
        lane.waiting_bytes += len(entry.payload)

    def _expires(self, record: KafkaRecord, now: float, wall: float) -> float:
        if self._policy.max_age_seconds is None:
            return math.inf
        if record.timestamp is None or record.timestamp < 0:
            return now + self._policy.max_age_seconds  # Without a timestamp it counts as new.
        return now + self._policy.max_age_seconds - (wall - record.timestamp / 1000)

    def next_batch(self, now: float) -> Batch | None:
        """Return what is to be delivered or given up now, if anything is due, and take it in flight."""
        while len(self._in_flight) < self._policy.concurrency:
            chunks = self._due(now)
            if not chunks:
                return None
            for partition in [p for p, chunk in chunks.items() if self._split_expired(p, chunk, now)]:
                del chunks[partition]
            if chunks:
                for partition, chunk in chunks.items():
                    self._lanes[partition].running = chunk
                self._in_flight.append(Batch(chunks))
                return self._in_flight[-1]
        return None

    def _due(self, now: float) -> dict[Partition, Chunk]:
        """Take what has been due for longest, be it new or to be retried, so that neither starves."""
        retry, planned = self._next()
        if retry is not None and retry[0] <= now and (planned is None or retry[0] <= planned.due_at):
            return {retry[1]: self._lanes[retry[1]].retry.popleft()}
        if planned is None or planned.due_at > now:
            return {}
        taken = {p: Chunk(self._lanes[p].take(count)) for p, count in planned.take.items()}
        for partition in taken:
            self._lanes[partition].give_up_refused()
        return taken

    def _next(self) -> tuple[tuple[float, Partition] | None, Plan | None]:
        # A partition lost and given back stays idle until its old invocation has ended.
        busy = {partition for batch in self._in_flight for partition in batch.chunks}
        idle = {p: lane for p, lane in self._lanes.items() if p not in busy}
        retries = ((lane.retry[0].not_before, p) for p, lane in idle.items() if lane.retry)
        fresh = {p: lane.waiting for p, lane in idle.items() if not lane.retry}
        return min(retries, default=None), plan(fresh, self._limits)

    def _split_expired(self, partition: Partition, chunk: Chunk, now: float) -> bool:
        """Put a chunk back in two parts, if some of its records have become too old."""
        if chunk.condition or self._policy.max_age_seconds is None:
            return False
        expired = [entry for entry in chunk.entries if entry.expires <= now]
        if not expired:
            return False
        fresh = [entry for entry in chunk.entries if entry.expires > now]
        retry = self._lanes[partition].retry
        if fresh:
            retry.appendleft(replace(chunk, entries=fresh))
        retry.extendleft(
            _given_up(replace(chunk, entries=expired, not_before=-math.inf), RECORD_AGE_EXCEEDED)
        )
        return True

    def finish(self, batch: Batch, outcome: Outcome, now: float) -> Tally:
        """Note how an attempt ended; what is not done yet will be due again after a while."""
        self._in_flight.remove(batch)
        delivered = failed = given_up = 0
        for partition, chunk in batch.chunks.items():
            rest = self._rest(partition, chunk, outcome)
            failed += len(rest)
            if chunk.condition:
                given_up += len(chunk.entries) - len(rest)
            else:
                delivered += len(chunk.entries) - len(rest)
            lane = self._lanes.get(partition)
            if lane is None or lane.running is not chunk:
                continue  # A rebalance took the partition away meanwhile: it is somebody else's to retry.
            lane.running = None
            if rest:
                again = self._again(partition, chunk, rest, outcome, now)
                self.retries += bool(again) and again[0].condition is None
                lane.retry.extendleft(reversed(again))
        return Tally(delivered, failed, given_up)

    def _rest(self, partition: Partition, chunk: Chunk, outcome: Outcome) -> Sequence[Entry]:
        """Return what has to be done again."""
        if not outcome.failed:
            return () if outcome.ok else chunk.entries
        failed = {offset for label, offset in outcome.failed if label == partition.label}
        if self._policy.item_failures == "only-named":
            return [entry for entry in chunk.entries if entry.offset in failed]
        first = min(failed, default=math.inf)
        return [entry for entry in chunk.entries if entry.offset >= first]

    def _again(
        self, partition: Partition, chunk: Chunk, rest: Sequence[Entry], outcome: Outcome, now: float
    ) -> list[Chunk]:
        """Return what becomes of records that are not done: a retry, two halves, or giving up."""
        if chunk.condition:
            # Nothing may be lost: it is given up again and again until it is.
            sends = chunk.sends + 1
            return [replace(chunk, sends=sends, not_before=now + self._backoff(sends), last=outcome)]
        # Attempts are those with the same first record: progress starts the count anew.
        same = rest[0].offset == chunk.entries[0].offset
        attempts = (chunk.attempts if same else 0) + 1
        failures = chunk.failures if same else 0
        named = frozenset(offset for label, offset in outcome.failed if label == partition.label)
        done = chunk.done - named
        if named:
            done |= {entry.offset for entry in rest} - named
        again = Chunk(rest, attempts, failures, now + self._backoff(attempts), outcome, outcome, done=done)
        if not outcome.counted:
            return [again]
        if self._policy.bisect and not outcome.failed and len(rest) > 1:
            # Splitting is not counted: it ends by itself, at single records.
            half = (len(rest) + 1) // 2
            return [replace(again, entries=rest[:half]), replace(again, entries=rest[half:])]
        again = replace(again, failures=failures + 1)
        if self._policy.max_retries is not None and again.failures > self._policy.max_retries:
            return _given_up(replace(again, not_before=now), RETRIES_EXHAUSTED)
        return [again]

    def _backoff(self, failures: int) -> float:
        return backoff_seconds(failures, self._rng)

    def uncommitted(self) -> dict[Partition, int]:
        """Return what is to be committed: for each partition, the first record that is not done yet."""
        offsets: dict[Partition, int] = {}
        for partition, lane in self._lanes.items():
            first = lane.first_unfinished()
            done = lane.received if first is None else first
            if done is not None and done != lane.committed:
                offsets[partition] = done
        return offsets

    def committed(self, offsets: Mapping[Partition, int]) -> None:
        """Note what has been committed."""
        for partition, offset in offsets.items():
            if partition in self._lanes:
                self._lanes[partition].committed = offset

    def wake_at(self) -> float | None:
        """Return when something is due by the clock alone; None if nothing is."""
        if len(self._in_flight) >= self._policy.concurrency:
            return None
        retry, planned = self._next()
        times = [*([retry[0]] if retry else []), *([planned.due_at] if planned else [])]
        return min(times, default=None)

    def full(self) -> set[Partition]:
        """Return the partitions to fetch nothing more of: enough is held, or they are stopped."""
        return {
            partition
            for partition, lane in self._lanes.items()
            if lane.blocked
            or lane.unread
            or len(lane.waiting) >= self._limits.records
            or lane.waiting_bytes >= self._limits.payload_bytes
            # They are not waiting any more, but may be large, or all there is: a few at a time are enough.
            or any(chunk.condition in _REFUSED for chunk in lane.retry)
        }

    def first_offset(self, partition: Partition) -> int | None:
        """Return the first record that has been received, but is not done yet."""
        lane = self._lanes.get(partition)
        return None if lane is None else lane.first_unfinished()

    def stopped(self) -> dict[Partition, str]:
        """Return the partitions that cannot go on by themselves, and why."""
        waiting = {
            partition: f"{partition.label} waits at offset {lane.unread[0].offset}: {lane.unread_why}"
            for partition, lane in self._lanes.items()
            if lane.unread and lane.unread_why
        }
        return waiting | {partition: lane.blocked for partition, lane in self._lanes.items() if lane.blocked}

    def looks_up(self) -> bool:
        """Return whether what a record needs is being looked up, and so may be known at any moment."""
        return any(lane.unread and not lane.unread_why for lane in self._lanes.values())

    def error(self) -> str | None:
        """Return why records are not getting through, if some are not."""
        chunks = (chunk for lane in self._lanes.values() for chunk in lane.chunks())
        return next((chunk.last.error for chunk in chunks if chunk.last and chunk.last.error), None)
