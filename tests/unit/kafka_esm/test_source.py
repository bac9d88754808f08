"""The connection to Kafka, as far as it can be shown without a broker."""

import socket
import ssl
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    TopicAuthorizationFailedError,
)
from kafka.structs import MemberState, TopicPartition
from kafka_esm.batching.plan import Partition
from kafka_esm.consumer import source
from kafka_esm.consumer.reading import Unreadable
from kafka_esm.consumer.source import Change, Source, connect
from kafka_esm.errors import AccessDenied
from kafka_esm.mappings.mapping import Mapping, StartingPosition, Target

from tests.refusing_broker import refusing_broker


def mapping(address: str = "h:1", position: StartingPosition = "LATEST") -> Mapping:
    return Mapping(Target("f", 3), (address,), "t", "g", 100, 0.5, position)


class FakeConsumer:
    """kafka-python's consumer in a group that is stable."""

    def __init__(self, **config: Any) -> None:
        self.config = config
        self.held: set[TopicPartition] = set()
        self.expired = False
        self.topic_id: str | None = "one"
        self.records: dict[TopicPartition, list[Any]] = {}
        self.sought: list[TopicPartition] = []
        self.next_poll = 0.0
        self.need_rejoin = False
        self._coordinator = SimpleNamespace(
            time_to_next_poll=lambda: self.next_poll,
            need_rejoin=lambda: self.need_rejoin,
            rejoining=False,
            heartbeat=SimpleNamespace(session_timeout_expired=lambda: self.expired),
            fetch_committed_offsets=self.committed,
        )
        self._fetcher = SimpleNamespace(_parse_fetched_data=None)

    def paused(self) -> set[TopicPartition]:
        return set(self.held)

    def pause(self, *partitions: TopicPartition) -> None:
        self.held.update(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self.held.difference_update(partitions)

    def topics(self) -> set[str]:
        return {"t"}

    def subscribe(self, *_: Any, **__: Any) -> None:
        pass

    def group_metadata(self) -> Any:
        return SimpleNamespace(state=MemberState.STABLE)

    def poll(self, **_: Any) -> Any:
        return self.records

    def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        self.sought += partitions

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition("t", 0)}

    def committed(self, *_: Any, **__: Any) -> None:
        raise GroupAuthorizationFailedError

    def commit(self, *_: Any, **__: Any) -> None:
        raise TopicAuthorizationFailedError


def made(consumer: FakeConsumer, of: Mapping | None = None) -> tuple[Source, Any]:
    client: Any = SimpleNamespace(
        connected=lambda _: True,
        cluster=SimpleNamespace(
            brokers=lambda: [SimpleNamespace(node_id=0)], topic_id=lambda _: consumer.topic_id
        ),
    )
    listener = source._Listener()
    return Source(consumer, client, listener, 0.0, of or mapping()), listener


def connected(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the consumer as `connect` made it."""

    def build(kafka_client: Any, **config: Any) -> FakeConsumer:
        kafka_client()
        return FakeConsumer(**config)

    monkeypatch.setattr(source, "KafkaConsumer", build)
    monkeypatch.setattr(source, "_Client", SimpleNamespace)
    monkeypatch.setattr(source, "Source", lambda consumer, *_, **__: consumer)
    return connect(mapping(), 6, {})


def test_given_a_join_that_a_poll_left_half_done_when_polling_then_it_is_still_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    coordinator = connected(monkeypatch)._coordinator
    assert not coordinator.need_rejoin()
    coordinator.rejoining = True  # and kafka-python itself says that there is no need
    assert coordinator.need_rejoin()


def test_given_an_overdue_heartbeat_when_polling_then_polls_have_a_shortest_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer = connected(monkeypatch)
    assert consumer._coordinator.time_to_next_poll() == 0.05
    consumer.next_poll = 2.0
    assert consumer._coordinator.time_to_next_poll() == 2.0


def test_given_no_answer_to_heartbeats_when_asked_then_the_broker_is_in_trouble() -> None:
    consumer = FakeConsumer()
    polled, _ = made(consumer)
    assert polled.trouble is None
    consumer.expired = True
    assert polled.trouble == "the broker does not answer"


def test_given_a_group_that_is_refused_when_placed_then_access_is_denied() -> None:
    polled, listener = made(FakeConsumer())
    listener.changes.append(Change("assigned", [Partition("t", 0)], {}))
    with pytest.raises(AccessDenied, match="GroupAuthorizationFailedError"):
        polled.poll(0)


def test_given_a_commit_that_is_refused_when_committed_then_access_is_denied() -> None:
    polled, _ = made(FakeConsumer())
    with pytest.raises(AccessDenied, match="TopicAuthorizationFailedError"):
        polled.commit({Partition("t", 0): 1})


def test_given_a_topic_that_is_made_again_when_polled_then_it_is_read_from_its_start() -> None:
    consumer = FakeConsumer()
    polled, _ = made(consumer)
    partition = Partition("t", 0)
    consumer.records = {TopicPartition("t", 0): ["where the old topic was read"]}
    for topic_id in ("one", None, "one"):
        consumer.topic_id = topic_id
        assert polled.poll(0) == ([], {partition: ["where the old topic was read"]})
    consumer.topic_id = "two"

    changes, records = polled.poll(0)

    assert [change.kind for change in changes] == ["revoked", "assigned"]
    assert [change.partitions for change in changes] == [[partition], [partition]]
    assert (records, consumer.sought) == ({}, [TopicPartition("t", 0)])
    assert polled.poll(0)[0] == []


class LatestConsumer(FakeConsumer):
    """A topic of three partitions, of which this member was given one; the group has some offsets."""

    def __init__(self, given: int, offsets: dict[int, int]) -> None:
        super().__init__()
        self.given, self.offsets = given, offsets
        self.ended: list[TopicPartition] = []
        self.committed_now: dict[TopicPartition, int] = {}

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition("t", self.given)}

    def partitions_for_topic(self, _: str) -> set[int]:
        return {0, 1, 2}

    def committed(self, tps: Any, **_: Any) -> Any:
        return {tp: SimpleNamespace(offset=self.offsets.get(tp.partition, -1)) for tp in tps}

    def end_offsets(self, tps: Any, **_: Any) -> dict[TopicPartition, int]:
        return {tp: 10 + tp.partition for tp in tps}

    def seek_to_end(self, *tps: TopicPartition) -> None:
        self.ended += tps

    def position(self, tp: TopicPartition, **_: Any) -> int:
        return 10 + tp.partition

    def commit(self, offsets: Any, **_: Any) -> None:
        self.committed_now |= {tp: found.offset for tp, found in offsets.items()}


def placed(consumer: FakeConsumer, partition: int) -> Change:
    polled, listener = made(consumer)
    listener.changes.append(Change("assigned", [Partition("t", partition)], {}))
    return polled.poll(0)[0][0]


def test_given_latest_and_no_offsets_when_placed_then_the_whole_topic_has_its_place() -> None:
    consumer = LatestConsumer(0, {})
    assert placed(consumer, 0).starts == {Partition("t", 0): 10}
    assert consumer.ended == [TopicPartition("t", 0)]
    assert consumer.committed_now == {TopicPartition("t", 1): 11, TopicPartition("t", 2): 12}


def test_given_latest_when_a_partition_added_since_is_placed_then_it_is_read_from_its_beginning() -> None:
    consumer = LatestConsumer(2, {0: 5, 1: 6})
    assert placed(consumer, 2).starts == {}
    assert (consumer.ended, consumer.committed_now) == ([], {})


class TimestampConsumer(LatestConsumer):
    """A topic in which no record is late enough, until one comes right after that was asked."""

    def __init__(self) -> None:
        super().__init__(0, {})
        self.end, self.at = 10, 0

    def seek_to_end(self, *_: TopicPartition) -> None:
        self.at = -1

    def position(self, *_: Any, **__: Any) -> int:
        if self.at < 0:
            self.at = self.end
        return self.at

    def offsets_for_times(self, tps: Any, **_: Any) -> dict[TopicPartition, Any]:
        self.end += 1
        return dict.fromkeys(tps)

    def seek(self, _: TopicPartition, offset: int) -> None:
        self.at = offset


def test_given_a_record_that_comes_after_its_timestamp_was_looked_up_when_placed_then_it_is_not_missed() -> (
    None
):
    consumer = TimestampConsumer()
    polled, listener = made(consumer, mapping(position="AT_TIMESTAMP"))
    listener.changes.append(Change("assigned", [Partition("t", 0)], {}))
    polled.poll(0)
    assert consumer.position() == 10


def test_given_what_cannot_be_read_when_polled_then_its_partition_alone_rests_until_it_can() -> None:
    consumer = FakeConsumer()
    polled, listener = made(consumer)
    what = Unreadable(3, "why")
    polled._unreadable[TopicPartition("t", 0)] = what
    polled.poll(0)
    assert polled.unreadable == {Partition("t", 0): what}
    polled.fetch_all_but(set())
    assert consumer.held == {TopicPartition("t", 0)}
    polled._resting[Partition("t", 0)] = (what, 0.0)  # its rest is over
    polled.fetch_all_but(set())
    assert consumer.held == set()
    consumer.records = {TopicPartition("t", 0): ["it can be read now"]}
    polled.poll(0)
    assert polled.unreadable == {}
    polled._unreadable[TopicPartition("t", 0)] = what
    polled.poll(0)
    listener.changes.append(Change("revoked", [Partition("t", 0)], {}))
    consumer.records = {}
    polled.poll(0)
    assert polled.unreadable == {}


def test_given_no_partition_when_a_heartbeat_was_answered_since_the_join_then_it_is_a_standby(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    consumer = FakeConsumer()
    polled, _ = made(consumer)
    heartbeat = consumer._coordinator.heartbeat
    heartbeat.last_reset, heartbeat.last_receive = 2.0, 1.0
    monkeypatch.setattr(consumer, "assignment", set)
    assert not polled.standby
    heartbeat.last_receive = 3.0
    assert polled.standby
    consumer.expired = True
    assert not polled.standby


def test_given_members_with_range_or_round_robin_when_joining_then_their_protocols_are_offered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offered = [assignor.name for assignor in connected(monkeypatch).config["partition_assignment_strategy"]]
    assert offered == ["cooperative-sticky", "range", "roundrobin", "RoundRobinAssigner"]


@pytest.fixture
def hangs_up() -> Iterator[str]:
    """The address of a broker that closes every connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def test_given_a_handshake_that_fails_when_connecting_then_the_error_says_how(
    hangs_up: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_BOOTSTRAP_MS", 300)
    security = {"security_protocol": "SSL", "ssl_context": ssl.create_default_context()}
    with pytest.raises(KafkaError, match=r"Unable to bootstrap .*Handshake failed"):
        connect(mapping(hangs_up), 6, security)


def test_given_a_broker_that_hangs_up_with_its_refusal_when_connecting_then_access_is_denied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source, "_BOOTSTRAP_MS", 300)
    with refusing_broker() as address, pytest.raises(AccessDenied, match="Kafka refuses the credentials"):
        connect(mapping(address), 6, {})


@pytest.fixture
def holds_still() -> Iterator[str]:
    """The address of a broker that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_given_a_broker_that_never_answers_to_tls_when_connecting_then_it_is_given_up(
    holds_still: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_BOOTSTRAP_MS", 300)
    monkeypatch.setattr(source, "_HANDSHAKE_SECONDS", 0.5)
    security = {"security_protocol": "SSL", "ssl_context": ssl.create_default_context()}
    with pytest.raises(KafkaError, match=r"Unable to bootstrap .*no connection was made within 0.5 s"):
        connect(mapping(holds_still), 6, security)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("Handshake failed: [SSL: CERTIFICATE_VERIFY_FAILED] no issuer", "SERVER_ROOT_CA_CERTIFICATE"),
        ("[SSL: SSLV3_ALERT_BAD_CERTIFICATE] sslv3 alert bad certificate", "CLIENT_CERTIFICATE_TLS_AUTH"),
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] required", "CLIENT_CERTIFICATE_TLS_AUTH"),
        ("[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca", "CLIENT_CERTIFICATE_TLS_AUTH"),
    ],
)
def test_given_a_certificate_that_is_not_accepted_when_explained_then_the_remedy_is_named(
    said: str, named: str
) -> None:
    client = source._Client.__new__(source._Client)
    client._denied = client._trouble = None
    client._note(KafkaConnectionError(said))
    client._note(KafkaTimeoutError("cut short by the end of the attempts"))
    explained = str(client.explained(KafkaError("no broker")))
    assert said in explained
    assert named in explained
