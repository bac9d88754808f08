"""The Kafka side: one consumer of one topic in one group."""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import KafkaConnectionError, UnknownTopicOrPartitionError
from kafka.net.compat import KafkaNetClient
from kafka.structs import MemberState

from kafka_esm.batch import Partition
from kafka_esm.mapping import Mapping as EventSourceMapping

# Short waits: a record has to reach an idle function at once.
_FETCH_WAIT_MS = 20
_FETCH_WAIT_IN_WINDOW_MS = 100
_METADATA_MAX_AGE_MS = 5_000
# kafka-python never returns the rest of a fetch of which one poll took a part, if the partition was paused
# before the next poll. So every poll takes all there is, and the fetches are small instead.
_POLL_RECORDS = 2**31 - 1
_PARTITION_FETCH_BYTES = 512 * 1024
_BOOTSTRAP_MS = 2_000
_COMMIT_MS = 2_000
_CLOSE_MS = 3_000
# For how long no broker may be connected before the connection counts as lost.
_LOST_AFTER_SECONDS = 1.5
# kafka-python throws away a join that completes between two polls, so that many short polls would never
# finish a rebalance: while one is under way, polls last at least this long.
_REBALANCE_POLL_MS = 250


class Change(NamedTuple):
    """Partitions were given to this consumer, or taken from it."""

    kind: Literal["assigned", "revoked"]
    partitions: list[Partition]


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is not typed
    """Notes changes, in order, for the poller to take up after the poll they happened in.

    It runs in kafka-python's I/O thread, which must not be held up.
    """

    def __init__(self) -> None:
        self.changes: deque[Change] = deque()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Note the added partitions."""
        self.changes.append(Change("assigned", [Partition(*tp) for tp in assigned]))

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Note the partitions that another member gets; kafka-python reports lost ones here, too."""
        self.changes.append(Change("revoked", [Partition(*tp) for tp in revoked]))


@dataclass(slots=True)
class Source:
    """A connected consumer. Not thread-safe: one thread uses it."""

    _consumer: Any
    _client: Any
    _listener: _Listener
    _connected_at: float

    def poll(self, timeout_seconds: float) -> tuple[list[Change], Mapping[Partition, list[Any]]]:
        """Wait for records: returns changes of the assignment, and records that came after them.

        Raises:
            KafkaError: the consumer cannot go on; close it and connect again.

        """
        records = self._consumer.poll(timeout_ms=max(0, round(timeout_seconds * 1000)))
        if not records and not self.stable:
            records = self._consumer.poll(timeout_ms=_REBALANCE_POLL_MS)
        self._check_connection()
        changes = []
        while self._listener.changes:
            changes.append(self._listener.changes.popleft())
        return changes, {Partition(*tp): found for tp, found in records.items()}

    @property
    def stable(self) -> bool:
        """Whether the group is joined and no rebalance is known to be under way."""
        return bool(self._consumer.group_metadata().state == MemberState.STABLE)

    def _check_connection(self) -> None:
        # kafka-python's poll is silent about a broker that is gone.
        now = time.monotonic()
        if any(self._client.connected(broker.node_id) for broker in self._client.cluster.brokers()):
            self._connected_at = now
        elif now - self._connected_at > _LOST_AFTER_SECONDS:
            raise KafkaConnectionError("no broker is connected")

    def fetch_all_but(self, full: set[Partition]) -> None:
        """Fetch no more of these partitions, and again of all others."""
        assigned = self._consumer.assignment()
        paused = self._consumer.paused()
        wanted = {TopicPartition(*partition) for partition in full} & assigned
        if wanted - paused:
            self._consumer.pause(*(wanted - paused))
        if paused - wanted:
            self._consumer.resume(*(paused - wanted))

    def fetch_nothing(self) -> None:
        """Fetch no more of any partition."""
        self._consumer.pause(*self._consumer.assignment())

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit, and return once it is done.

        Raises:
            KafkaError: it could not be done, perhaps because of a rebalance.

        """
        self._consumer.commit(
            {TopicPartition(*p): OffsetAndMetadata(offset, "", -1) for p, offset in offsets.items()},
            timeout_ms=_COMMIT_MS,
        )

    def lag(self, first_offset: Callable[[Partition], int | None]) -> dict[str, int | None]:
        """Return each assigned partition's lag; None as long as nothing was fetched of it.

        `first_offset` gives the first record that was polled but not delivered yet.
        """
        return {
            Partition(*tp).label: self._lag(tp, first_offset(Partition(*tp)))
            for tp in sorted(self._consumer.assignment())
        }

    def _lag(self, tp: TopicPartition, first_offset: int | None) -> int | None:
        # The high watermark of the last fetch: Tansu's end_offsets are wrong.
        highwater = self._consumer.highwater(tp)
        if highwater is None:
            return None
        position = self._consumer.position(tp, timeout_ms=0) if first_offset is None else first_offset
        return None if position is None else max(0, highwater - position)

    def close(self) -> None:
        """Leave the group and close the connections."""
        self._consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)


def connect(mapping: EventSourceMapping, session_timeout_seconds: float) -> Source:
    """Connect and join the group.

    Raises:
        KafkaError: no broker answers, or the topic does not exist (yet).

    """
    clients: list[Any] = []

    def client(**config: Any) -> Any:
        clients.append(KafkaNetClient(**config))
        return clients[-1]

    session_ms = round(session_timeout_seconds * 1000)
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=list(mapping.bootstrap_servers),
            client_id="kafka-esm",
            group_id=mapping.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest" if mapping.starting_position == "TRIM_HORIZON" else "latest",
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=min(3_000, session_ms // 3),
            fetch_max_wait_ms=_FETCH_WAIT_IN_WINDOW_MS if mapping.window_seconds else _FETCH_WAIT_MS,
            max_poll_records=_POLL_RECORDS,
            max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
            metadata_max_age_ms=_METADATA_MAX_AGE_MS,
            allow_auto_create_topics=False,
            # Partitions that stay here keep their records and batches through a rebalance.
            partition_assignment_strategy=(CooperativeStickyAssignor,),
            bootstrap_timeout_ms=_BOOTSTRAP_MS,
            reconnect_backoff_max_ms=1_000,
            metrics_enabled=False,
            kafka_client=client,
        )
    except BaseException:
        # A consumer that fails to be built leaves its I/O thread behind.
        for leftover in clients:
            leftover.close()
        raise
    listener = _Listener()
    try:
        _require_topic(consumer, mapping.topic)
        consumer.subscribe([mapping.topic], listener=listener)
    except BaseException:
        with contextlib.suppress(Exception):
            consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)
        raise
    return Source(consumer, clients[0], listener, time.monotonic())


def _require_topic(consumer: Any, topic: str) -> None:
    # Subscribing to it would make some brokers create it, with a number of partitions of their own.
    if topic not in consumer.topics():
        raise UnknownTopicOrPartitionError(f"the topic {topic} does not exist")
