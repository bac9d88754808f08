"""The poller on what only a real broker makes: compressed topics, transactions, added partitions, groups."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition, codec
from kafka.admin import NewPartitions, NewTopic
from kafka.coordinator.assignors.range import RangePartitionAssignor
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from kafka.errors import RetriableError
from kafka_esm.consumer import source
from kafka_esm.mappings.mapping import Mapping, StartingPosition, Target

from tests.apache_kafka.broker import PLAINTEXT, Broker
from tests.apache_kafka.conftest import Start
from tests.apache_kafka.polled import polling
from tests.integration.kafka_esm.conftest import eventually


@pytest.fixture
def broker(start: Start) -> Broker:
    return start()


@pytest.fixture
def admin(broker: Broker) -> Iterator[KafkaAdminClient]:
    with closing(KafkaAdminClient(**broker.client(PLAINTEXT))) as client:
        yield client


@pytest.fixture
def producer(broker: Broker) -> Iterator[KafkaProducer]:
    with closing(KafkaProducer(**broker.client(PLAINTEXT))) as made:
        yield made


def mapped(broker: Broker, topic: str, position: StartingPosition = "TRIM_HORIZON") -> Mapping:
    return Mapping(Target("f", 3), (broker.listeners[PLAINTEXT].address,), topic, "g", 100, 0, position)


def committed(admin: KafkaAdminClient) -> dict[int, int]:
    try:
        offsets = admin.list_group_offsets("g")
    except RetriableError:  # the first group is just being made
        return {}
    found = offsets.get("g", offsets)
    return {tp.partition: value.offset for tp, value in found.items() if value.offset >= 0}


def test_given_topics_that_the_broker_compresses_when_polled_then_all_is_delivered(
    broker: Broker, admin: KafkaAdminClient, producer: KafkaProducer
) -> None:
    for name in ("zstd", "snappy", "lz4", "gzip"):
        admin.create_topics([NewTopic(name, 1, 1, topic_configs={"compression.type": name})])
        for _ in range(3):
            producer.send(name, b"x" * 600_000)
        producer.flush()
        with polling(replace(mapped(broker, name), group="g")) as polled:
            delivered = polled.delivered
            eventually(name, lambda: len(delivered) == 3)  # noqa: B023 - called at once


def test_given_transactions_when_polled_then_the_position_after_their_markers_is_committed(
    broker: Broker, admin: KafkaAdminClient
) -> None:
    admin.create_topics([NewTopic("t", 1, 1)])
    with closing(KafkaProducer(**broker.client(PLAINTEXT), transactional_id="x")) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        for _ in range(3):
            producer.send("t", b"x")
        producer.commit_transaction()
        with polling(mapped(broker, "t")) as polled:
            eventually("the marker is passed", lambda: committed(admin) == {0: 4})
        producer.begin_transaction()
        producer.send("t", b"aborted").get(timeout=30)
        producer.abort_transaction()
    with polling(mapped(broker, "t"), "read_committed") as again:
        eventually("the aborted record is passed", lambda: committed(admin) == {0: 6})
    assert polled.delivered == [(0, 0), (0, 1), (0, 2)]
    assert again.delivered == []
    with polling(replace(mapped(broker, "t"), group="other")) as uncommitted:
        eventually("it is delivered, too", lambda: (0, 4) in uncommitted.delivered)


@pytest.mark.parametrize("when", ["while it polls", "while it is down"])
def test_given_latest_when_a_partition_is_added_and_written_to_then_nothing_of_it_is_lost(
    broker: Broker, admin: KafkaAdminClient, producer: KafkaProducer, when: str
) -> None:
    admin.create_topics([NewTopic("t", 1, 1)])
    producer.send("t", b"before").get(timeout=30)

    def add() -> None:
        admin.create_partitions({"t": NewPartitions(3)})
        with closing(KafkaProducer(**broker.client(PLAINTEXT))) as fresh:
            for partition in (1, 2):
                fresh.send("t", b"at once", partition=partition).get(timeout=30)

    with polling(mapped(broker, "t", "LATEST")) as first:
        eventually("it has its place", lambda: committed(admin).get(0) == 1)
        if when == "while it polls":
            add()
            eventually("both come", lambda: {(1, 0), (2, 0)} <= set(first.delivered))
    if when == "while it is down":
        add()
        with polling(mapped(broker, "t", "LATEST")) as second:
            eventually("both come", lambda: {(1, 0), (2, 0)} <= set(second.delivered))
    assert (0, 0) not in first.delivered


@pytest.mark.parametrize("assignor", [RangePartitionAssignor, RoundRobinPartitionAssignor])
@pytest.mark.parametrize("first", ["the poller", "the other"])
def test_given_a_member_with_range_or_round_robin_when_polled_then_the_partitions_are_shared(
    broker: Broker, admin: KafkaAdminClient, producer: KafkaProducer, assignor: Any, first: str
) -> None:
    admin.create_topics([NewTopic("t", 4, 1)])
    stop = threading.Event()
    got: list[set[TopicPartition]] = [set()]

    def other() -> None:
        consumer = KafkaConsumer(
            "t",
            group_id="g",
            **broker.client(PLAINTEXT),
            partition_assignment_strategy=(assignor,),
            enable_auto_commit=False,
        )
        while not stop.is_set():
            consumer.poll(timeout_ms=100)
            got[0] = set(consumer.assignment())
        consumer.close()

    thread = threading.Thread(target=other, daemon=True)
    try:
        if first == "the other":
            thread.start()
            eventually("it has all", lambda: len(got[0]) == 4)
        with polling(mapped(broker, "t")) as polled:
            if first == "the poller":
                eventually("it has all", lambda: len(polled.poller.status.lag) == 4)
                thread.start()
            eventually("they share", lambda: len(got[0]) == 2 and len(polled.poller.status.lag) == 2)
            for partition in range(4):
                producer.send("t", b"x", partition=partition)
            producer.flush()
            mine = {0, 1, 2, 3} - {tp.partition for tp in got[0]}
            eventually("its own come", lambda: {(p, 0) for p in mine} <= set(polled.delivered))
    finally:
        stop.set()
        thread.join(20)


def test_given_more_pollers_than_partitions_when_one_stands_by_then_it_says_so(
    broker: Broker, admin: KafkaAdminClient
) -> None:
    admin.create_topics([NewTopic("t", 1, 1)])
    with polling(mapped(broker, "t")) as one, polling(mapped(broker, "t")) as two:
        eventually(
            "one polls and the other stands by",
            lambda: {one.poller.status.state, two.poller.status.state} == {"polling", "standby"},
        )


def test_given_a_partition_that_cannot_be_read_when_polled_then_it_stops_alone_until_it_can(
    broker: Broker, admin: KafkaAdminClient, producer: KafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_REREAD_SECONDS", 0.5)
    admin.create_topics([NewTopic("t", 2, 1)])
    producer.send("t", b"plain", partition=0).get(timeout=30)
    with closing(KafkaProducer(**broker.client(PLAINTEXT), compression_type="zstd")) as compressing:
        compressing.send("t", b"x" * 10_000, partition=0).get(timeout=30)
    with polling(mapped(broker, "t")) as polled:
        with monkeypatch.context() as without:
            without.setattr(codec, "zstd", None)
            eventually("it is named", lambda: "t-0" in polled.poller.status.stopped)
            for number in range(3):
                producer.send("t", b"x", partition=1).get(timeout=30)
                done = number + 1
                eventually("the other goes on", lambda: committed(admin).get(1) == done)  # noqa: B023
            assert committed(admin)[0] == 1
            assert "offset 1" in polled.poller.status.stopped["t-0"]
            assert polled.poller.status.state == "polling"
        eventually("it is read again", lambda: committed(admin) == {0: 2, 1: 3})
        eventually("nothing is stopped", lambda: not polled.poller.status.stopped)
    assert sorted(polled.delivered) == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]


def test_given_a_batch_that_is_corrupt_on_the_disk_when_polled_then_its_partition_stops_alone_until_mended(
    broker: Broker, admin: KafkaAdminClient, producer: KafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "_REREAD_SECONDS", 0.5)
    admin.create_topics([NewTopic("t", 2, 1)])
    for value in (b"before", b"corrupt", b"after"):
        producer.send("t", value, partition=0).get(timeout=30)
    (segment,) = (broker.folder / "log" / "t-0").glob("*.log")

    def put(value: bytes) -> None:
        at = segment.read_bytes().index(b"orrupt") - 1
        with segment.open("r+b") as file:
            file.seek(at)
            file.write(value)

    put(b"C")
    with polling(mapped(broker, "t")) as polled:
        eventually("it is named", lambda: "CorruptRecord" in polled.poller.status.stopped.get("t-0", ""))
        producer.send("t", b"x", partition=1).get(timeout=30)
        eventually("the other goes on", lambda: committed(admin) == {0: 1, 1: 1})
        put(b"c")
        eventually("it is read again", lambda: committed(admin) == {0: 3, 1: 1})
        eventually("nothing is stopped", lambda: not polled.poller.status.stopped)
    assert sorted(polled.delivered) == [(0, 0), (0, 1), (0, 2), (1, 0)]
