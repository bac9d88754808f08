"""The Kafka side: one consumer of one topic in one group."""

import contextlib
import itertools
import re
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from kafka import ConsumerRebalanceListener, KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.abstract import RebalanceProtocol
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import (
    AuthorizationError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
)
from kafka.net.compat import KafkaNetClient
from kafka.structs import MemberState

from kafka_esm.batching.plan import Partition
from kafka_esm.consumer.reading import Unreadable, note_unreadable
from kafka_esm.errors import AccessDenied, CredentialsRefused
from kafka_esm.mappings.mapping import Mapping as EventSourceMapping

# Short waits: a record has to reach an idle function at once.
_FETCH_WAIT_MS = 60
_FETCH_WAIT_IN_WINDOW_MS = 100
_METADATA_MAX_AGE_MS = 5_000
# kafka-python never returns the rest of a fetch of which one poll took a part, if the partition was paused
# before the next poll. So every poll takes all there is, and the fetches are small instead.
_POLL_RECORDS = 2**31 - 1
_PARTITION_FETCH_BYTES = 512 * 1024
# Of all partitions together: Tansu does not look at the other limit.
_FETCH_BYTES = 1024 * 1024
_BOOTSTRAP_MS = 2_000
_HANDSHAKE_SECONDS = 2.5
_COMMIT_MS = 2_000
_LOOKUP_MS = 5_000
Isolation = Literal["read_uncommitted", "read_committed"]
# No retry helps against these.
_DENIED = (AuthorizationError, SaslAuthenticationFailedError, UnsupportedSaslMechanismError)
# What OpenSSL says when one side does not accept the other's certificate, and what is to be done.
_REMEDIES = {
    "CERTIFICATE_VERIFY_FAILED": "name the broker's authority by SERVER_ROOT_CA_CERTIFICATE",
    "WRONG_VERSION_NUMBER|IllegalSaslState|UNEXPECTED_EOF|EOF occurred": "if the broker speaks plain text: "
    "--kafka-plaintext, and --kafka-no-authentication if it asks for no password",
    "ALERT_(BAD_CERTIFICATE|CERTIFICATE_|UNKNOWN_CA)": "name a certificate by CLIENT_CERTIFICATE_TLS_AUTH",
}
_CLOSE_MS = 3_000
# For how long no broker may be connected before the connection counts as lost.
_LOST_AFTER_SECONDS = 1.5
# kafka-python throws away a join that completes between two polls, so that many short polls would never
# finish a rebalance: while one is under way, polls last at least this long.
_REBALANCE_POLL_MS = 250
# kafka-python lets no poll last beyond the next heartbeat. While one is overdue, because the broker does not
# answer, that is no time at all, and polling would be a busy loop.
_SHORTEST_POLL_SECONDS = 0.05
# How long a partition rests that cannot be read: what is wrong may pass, or the batch may be deleted.
_REREAD_SECONDS = 10.0


class _Range(RangePartitionAssignor):  # type: ignore[misc]  # kafka-python is not typed
    """Java's and librdkafka's range, for groups that have such members.

    It lets a partition's old and new owner overlap for a moment, when nobody must give up all of them first.
    Delivery at least once is as good with that, and partitions that stay keep their batches.
    """

    @classmethod
    def supported_protocols(cls) -> list[Any]:
        return [RebalanceProtocol.COOPERATIVE]


class _RoundRobin(RoundRobinPartitionAssignor):  # type: ignore[misc]  # kafka-python is not typed
    """The same for roundrobin."""

    @classmethod
    def supported_protocols(cls) -> list[Any]:
        return [RebalanceProtocol.COOPERATIVE]


class _RoundRobinOfKafkaJs(_RoundRobin):
    """The same assignment by the name that kafkajs has for it."""

    name = "RoundRobinAssigner"


# In order of preference; the group takes one that all members know.
_ASSIGNORS = (CooperativeStickyAssignor, _Range, _RoundRobin, _RoundRobinOfKafkaJs)


class Change(NamedTuple):
    """Partitions were given to this consumer, or taken from it."""

    kind: Literal["assigned", "revoked"]
    partitions: list[Partition]
    # Where the partitions start that have no offset yet, as far as that has to be kept.
    starts: dict[Partition, int]


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # kafka-python is not typed
    """Notes changes, in order, for the poller to take up after the poll they happened in.

    It runs in kafka-python's I/O thread, which must not be held up.
    """

    def __init__(self) -> None:
        self.changes: deque[Change] = deque()

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Note the added partitions."""
        self.changes.append(Change("assigned", [Partition(*tp) for tp in assigned], {}))

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Note the partitions that another member gets; kafka-python reports lost ones here, too."""
        self.changes.append(Change("revoked", [Partition(*tp) for tp in revoked], {}))


class _Client(KafkaNetClient):  # type: ignore[misc]  # kafka-python is not typed
    """Notes why a broker cannot be connected, and above all that it refused the credentials.

    kafka-python connects again and again until it times out, and then only says that it did; what a broker
    says at last, before it hangs up, it may throw away; and for one that never answers to TLS it waits for
    ever.
    """

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self._denied: Exception | None = None
        self._trouble: Exception | None = None
        manager, net = self._manager, self._net
        connection = manager.get_connection

        def watched(node_id: Any, *args: Any, **options: Any) -> Any:
            known = manager._conns.get(node_id)
            made = connection(node_id, *args, **options)
            if made is not known:
                _hear_out(made)
                made.init_future.add_errback(self._note)
                net.call_later(_HANDSHAKE_SECONDS, lambda: _give_up(made))
            return made

        manager.get_connection = watched

    def _note(self, exc: Exception) -> None:
        if isinstance(exc, _DENIED):
            self._denied = exc
        if not _remedy(self._trouble):  # a later attempt may have been cut short
            self._trouble = exc

    def explained(self, exc: KafkaError) -> KafkaError:
        """Return an error that also says what the last connection broke with."""
        if self._trouble is None:
            return exc
        return KafkaConnectionError(f"{exc} ({self._trouble}{_remedy(self._trouble)})")

    def raise_if_denied(self) -> None:
        """Raise what a broker said to the credentials, if it refused them."""
        if self._denied is not None:
            raise CredentialsRefused(f"Kafka refuses the credentials: {self._denied}") from self._denied


def _remedy(trouble: Exception | None) -> str:
    found = (remedy for said, remedy in _REMEDIES.items() if re.search(said, str(trouble)))
    return "".join(f"; {remedy}" for remedy in found)


def _hear_out(connection: Any) -> None:
    """Let data count before the end that came with it: it may be why the broker hangs up.

    The layer `users` has the same lines: it ships to Lambda without this package.
    """
    made = connection.connection_made

    def listening(transport: Any) -> None:
        receive = transport._sock_recv

        def heard() -> tuple[bytes, Exception | None]:
            data, error = receive()
            return data, None if data else error  # who has hung up is found to have done so again

        transport._sock_recv = heard
        made(transport)

    connection.connection_made = listening


def _give_up(connection: Any) -> None:
    """Close a connection that is not made yet."""
    if not connection.init_future.is_done:
        connection.close(KafkaTimeoutError(f"no connection was made within {_HANDSHAKE_SECONDS} s"))


@contextlib.contextmanager
def _denied() -> Iterator[None]:
    try:
        yield
    except AuthorizationError as exc:
        raise AccessDenied(f"Kafka: {type(exc).__name__}") from exc


@dataclass(slots=True)
class Source:
    """A connected consumer. Not thread-safe: one thread uses it."""

    _consumer: Any
    _client: "_Client"
    _listener: _Listener
    _connected_at: float
    _mapping: EventSourceMapping
    # Partitions of which no record has come yet that is as late as AT_TIMESTAMP asks for.
    _too_early: set[Partition] = field(default_factory=set)
    _topic_id: Any = None
    # What the fetcher could not read in the last poll, and what rests because of that, until when.
    _unreadable: dict[TopicPartition, Unreadable] = field(default_factory=dict)
    _resting: dict[Partition, tuple[Unreadable, float]] = field(default_factory=dict)

    def poll(self, timeout_seconds: float) -> tuple[list[Change], Mapping[Partition, list[Any]]]:
        """Wait for records: returns changes of the assignment, and records that came after them.

        Raises:
            KafkaError: the consumer cannot go on; close it and connect again.
            AccessDenied: the broker lets it in no more; it is no use to try again.

        """
        with _denied():
            records = self._consumer.poll(timeout_ms=max(0, round(timeout_seconds * 1000)))
            if not records and not self.stable:
                records = self._consumer.poll(timeout_ms=_REBALANCE_POLL_MS)
        self._check_connection()
        changes = []
        while self._listener.changes:
            changes.append(self._listener.changes.popleft())
        found = {Partition(*tp): rows for tp, rows in records.items()}
        for change in changes:
            if change.kind == "assigned":
                with _denied():
                    moved = self._place(change)
                for partition in moved:
                    # They were fetched from where the group would have started.
                    found.pop(partition, None)
            else:
                self._too_early.difference_update(change.partitions)
                for partition in change.partitions:
                    self._resting.pop(partition, None)
        self._rest_unreadable(found)
        if again := self._made_again():
            changes += [Change("revoked", again, {}), Change("assigned", again, {})]
            found.clear()
        return changes, self._late_enough(found)

    def _rest_unreadable(self, found: Mapping[Partition, Any]) -> None:
        for partition in found:
            self._resting.pop(partition, None)
        assigned = self._consumer.assignment()
        while self._unreadable:
            tp, what = self._unreadable.popitem()
            if tp in assigned:
                self._resting[Partition(*tp)] = (what, time.monotonic() + _REREAD_SECONDS)

    @property
    def unreadable(self) -> dict[Partition, Unreadable]:
        """Which partitions cannot be read now: each stops there alone, and is tried again now and then."""
        return {partition: what for partition, (what, _) in self._resting.items()}

    def positions(self) -> dict[Partition, int]:
        """Return the offset after all that was polled, of partitions where that is known.

        It can be beyond the last record: transactions end with a marker, and compaction leaves gaps.
        """
        found = {}
        for tp in self._consumer.assignment():
            position = self._consumer._subscription.position(tp)
            if position is not None and tp not in self._too_early:
                found[Partition(*tp)] = position.offset
        return found

    def _made_again(self) -> list[Partition]:
        """Go to the start of all partitions, and return them, if the topic was deleted and made again.

        Kafka has forgotten the group's offsets then; kafka-python goes on from its own, and would leave out
        as many new records as the old topic had.
        """
        before, now = self._topic_id, self._client.cluster.topic_id(self._mapping.topic)
        self._topic_id = now or before
        if before is None or self._topic_id == before:
            return []
        assigned = self._consumer.assignment()
        self._consumer.seek_to_beginning(*assigned)
        self._too_early.clear()
        return [Partition(*tp) for tp in assigned]

    def _place(self, change: Change) -> list[Partition]:
        """Go to the starting position where the group has no offset; returns the partitions moved.

        If the group has offsets, they win.
        """
        position = self._mapping.starting_position
        if position == "TRIM_HORIZON":
            return []
        # What was given and taken within one poll is gone again.
        given = {TopicPartition(*p) for p in change.partitions} & self._consumer.assignment()
        tps = given - self._with_offset(given)
        if not tps:
            return []
        if position == "AT_TIMESTAMP":
            self._seek_to_timestamp(tps)
            self._too_early.update(Partition(*tp) for tp in tps)
        elif not self._start_at_end(tps, change):
            return []
        return [Partition(*tp) for tp in tps]

    def _start_at_end(self, tps: set[TopicPartition], change: Change) -> bool:
        """Take the place of LATEST in the whole topic, unless the group has done so already.

        Then these partitions were added since, and start at their beginning: else what was written to them
        before anybody looked would be lost. That is also why partitions of other members get an offset now.
        """
        topic = self._mapping.topic
        numbers = self._consumer.partitions_for_topic(topic) or ()
        others = {TopicPartition(topic, number) for number in numbers} - tps
        if self._with_offset(others):
            return False
        if others:
            self.commit(
                {
                    Partition(*tp): offset
                    for tp, offset in self._consumer.end_offsets(others, timeout_ms=_LOOKUP_MS).items()
                }
            )
        self._consumer.seek_to_end(*tps)
        for tp in tps:
            change.starts[Partition(*tp)] = self._position(tp)
        return True

    def _seek_to_timestamp(self, tps: Collection[TopicPartition]) -> None:
        start = round((self._mapping.starting_timestamp or 0) * 1000)
        # The ends come first: what arrives after the look-up is behind them, and is not missed.
        self._consumer.seek_to_end(*tps)
        ends = {tp: self._position(tp) for tp in tps}
        found = self._consumer.offsets_for_times(dict.fromkeys(tps, start), timeout_ms=_LOOKUP_MS)
        for tp in tps:
            offset = found.get(tp)
            # Kafka answers with nothing if no record is that late, Tansu with a timestamp of -1.
            late = offset is not None and offset.timestamp >= 0
            self._consumer.seek(tp, offset.offset if late else ends[tp])

    def _position(self, tp: TopicPartition) -> int:
        position: int | None = self._consumer.position(tp, timeout_ms=_LOOKUP_MS)
        if position is None:
            raise KafkaTimeoutError(f"the end of {Partition(*tp).label} is not known")
        return position

    def _with_offset(self, tps: Collection[TopicPartition]) -> set[TopicPartition]:
        """Return those that the group has an offset for."""
        if not tps:
            return set()
        found = self._consumer._coordinator.fetch_committed_offsets(list(tps), timeout_ms=_LOOKUP_MS)
        return {tp for tp, offset in found.items() if offset.offset >= 0}

    def _late_enough(self, found: dict[Partition, list[Any]]) -> Mapping[Partition, list[Any]]:
        # Tansu looks a timestamp up by when a record arrived, not by the record's own.
        start = (self._mapping.starting_timestamp or 0) * 1000
        for partition in self._too_early & found.keys():
            late = list(
                itertools.dropwhile(lambda record: (record.timestamp or 0) < start, found.pop(partition))
            )
            if late:
                found[partition] = late
                self._too_early.discard(partition)
        return found

    @property
    def stable(self) -> bool:
        """Whether the group is joined and no rebalance is known to be under way."""
        return bool(self._consumer.group_metadata().state == MemberState.STABLE)

    @property
    def standby(self) -> bool:
        """Whether it has joined and is heard, while other members have all partitions."""
        heartbeat = self._consumer._coordinator.heartbeat
        return (
            self.stable
            and not self._consumer.assignment()
            and heartbeat.last_receive > heartbeat.last_reset
            and self.trouble is None
        )

    @property
    def trouble(self) -> str | None:
        """What is wrong although the connection stands, if something is."""
        # Before the group is joined and while it is rebalanced, there are no heartbeats.
        if self.stable and self._consumer._coordinator.heartbeat.session_timeout_expired():
            return "the broker does not answer"
        return None

    def _check_connection(self) -> None:
        # kafka-python's poll is silent about a broker that is gone.
        now = time.monotonic()
        if any(self._client.connected(broker.node_id) for broker in self._client.cluster.brokers()):
            self._connected_at = now
            return
        self._client.raise_if_denied()
        if now - self._connected_at > _LOST_AFTER_SECONDS:
            raise KafkaConnectionError("no broker is connected")

    def fetch_all_but(self, full: set[Partition]) -> None:
        """Fetch no more of these partitions, and again of all others."""
        assigned = self._consumer.assignment()
        paused = self._consumer.paused()
        now = time.monotonic()
        resting = {partition for partition, (_, until) in self._resting.items() if now < until}
        wanted = {TopicPartition(*partition) for partition in full | resting} & assigned
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
            AccessDenied: it may not be done; it is no use to try again.

        """
        with _denied():
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


def connect(
    mapping: EventSourceMapping,
    session_timeout_seconds: float,
    security: Mapping[str, Any],
    isolation: Isolation = "read_uncommitted",
) -> Source:
    """Connect and join the group; `security` holds kafka-python's options for TLS and SASL.

    `isolation` says whether records of transactions are read that are open or were aborted.

    Raises:
        KafkaError: no broker answers, or the topic does not exist (yet).
        AccessDenied: a broker answers, and refuses the credentials.

    """
    clients: list[_Client] = []

    def client(**config: Any) -> _Client:
        clients.append(_Client(**config))
        return clients[-1]

    session_ms = round(session_timeout_seconds * 1000)
    try:
        consumer = KafkaConsumer(
            bootstrap_servers=list(mapping.bootstrap_servers),
            client_id="kafka-esm",
            group_id=mapping.group,
            enable_auto_commit=False,
            # For LATEST, too: what was deleted before it was read must not take the rest with it.
            auto_offset_reset="earliest",
            isolation_level=isolation,
            session_timeout_ms=session_ms,
            heartbeat_interval_ms=min(3_000, session_ms // 3),
            fetch_max_wait_ms=_FETCH_WAIT_IN_WINDOW_MS if mapping.window_seconds else _FETCH_WAIT_MS,
            max_poll_records=_POLL_RECORDS,
            fetch_max_bytes=_FETCH_BYTES,
            max_partition_fetch_bytes=_PARTITION_FETCH_BYTES,
            metadata_max_age_ms=_METADATA_MAX_AGE_MS,
            allow_auto_create_topics=False,
            # Partitions that stay here keep their records and batches through a rebalance.
            partition_assignment_strategy=_ASSIGNORS,
            bootstrap_timeout_ms=_BOOTSTRAP_MS,
            reconnect_backoff_max_ms=1_000,
            metrics_enabled=False,
            kafka_client=client,
            **security,
        )
    except BaseException as exc:
        # A consumer that fails to be built leaves its I/O thread behind.
        for leftover in clients:
            leftover.close()
            leftover.raise_if_denied()
            if isinstance(exc, KafkaError):
                raise leftover.explained(exc) from exc
        raise
    coordinator = consumer._coordinator
    next_poll = coordinator.time_to_next_poll
    coordinator.time_to_next_poll = lambda: max(_SHORTEST_POLL_SECONDS, next_poll())
    # When new metadata makes the leader join again, and a poll ends after it has assigned and before the
    # broker has answered, kafka-python forgets that it is joining: no heartbeat or commit would follow.
    need_rejoin = coordinator.need_rejoin
    coordinator.need_rejoin = lambda: coordinator.rejoining or need_rejoin()
    listener = _Listener()
    try:
        _require_topic(consumer, mapping.topic)
        consumer.subscribe([mapping.topic], listener=listener)
    except BaseException as exc:
        with contextlib.suppress(Exception):
            consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)
        if isinstance(exc, AuthorizationError):
            raise AccessDenied(
                f"Kafka refuses access to the topic {mapping.topic} or the group {mapping.group}: "
                f"{type(exc).__name__}"
            ) from exc
        raise
    unreadable = note_unreadable(consumer._fetcher)
    return Source(consumer, clients[0], listener, time.monotonic(), mapping, _unreadable=unreadable)


def _require_topic(consumer: Any, topic: str) -> None:
    # Subscribing to it would make some brokers create it, with a number of partitions of their own.
    if topic not in consumer.topics():
        # The list leaves out what this user may not describe; its offsets are refused, there or not.
        consumer.committed(TopicPartition(topic, 0), timeout_ms=_LOOKUP_MS)
        raise UnknownTopicOrPartitionError(f"the topic {topic} does not exist")
