"""One producer, made on first use and made anew after an error."""

from collections.abc import Iterator
from typing import Any

import pytest
from kafka import KafkaProducer
from users import publisher as publishers
from users.errors import UnavailableError
from users.events import Record, user_created
from users.outbox import Event
from users.publisher import Publisher, announce

from tests.people import ALICE
from tests.unit.fakes import FakeKafka

RECORD = user_created(ALICE)


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> FakeKafka:
    fake = FakeKafka()
    monkeypatch.setattr("users.publisher.KafkaProducer", fake.producer)
    return fake


@pytest.fixture
def publisher(broker: FakeKafka) -> Publisher:
    return Publisher(lambda: {"bootstrap_servers": ["kafka-0:9092", "kafka-1:9092"]}, "user.events")


def test_given_no_event_when_made_then_nothing_connects(publisher: Publisher, broker: FakeKafka) -> None:
    assert broker.producers == []


def test_given_several_events_when_published_then_one_producer_sends_them(
    publisher: Publisher, broker: FakeKafka
) -> None:
    publisher.publish(RECORD)
    publisher.publish(RECORD)
    assert (len(broker.producers), len(broker.records)) == (1, 2)
    assert broker.records[0].key == b"tenant-a:123"


def test_given_a_producer_when_made_then_it_is_idempotent_and_waits_for_all_replicas(
    publisher: Publisher, broker: FakeKafka
) -> None:
    publisher.publish(RECORD)
    config = broker.producers[0].config
    assert config["bootstrap_servers"] == ["kafka-0:9092", "kafka-1:9092"]
    assert (config["acks"], config["enable_idempotence"]) == ("all", True)
    assert config["allow_auto_create_topics"] is False
    assert config.keys() <= KafkaProducer.DEFAULT_CONFIG.keys()


@pytest.mark.parametrize("step", ["connect", "send", "acknowledge"])
def test_given_kafka_fails_when_published_then_the_next_event_has_a_new_producer(
    publisher: Publisher, broker: FakeKafka, step: Any
) -> None:
    broker.fails_to = step
    with pytest.raises(UnavailableError, match="Kafka did not acknowledge the record: "):
        publisher.publish(RECORD)
    failed = list(broker.producers)
    assert all(producer.closed_with_timeout == 0 for producer in failed)
    broker.fails_to = None
    publisher.publish(RECORD)
    assert len(broker.producers) == len(failed) + 1
    assert len(broker.records) == 1


def test_given_some_of_many_are_not_acknowledged_when_published_then_each_has_its_own_answer(
    publisher: Publisher, broker: FakeKafka
) -> None:
    broker.refuses = {b"tenant-a:2"}
    records = [Record(f"tenant-a:{number}".encode(), b"{}", []) for number in range(4)]

    errors = publisher.publish_all(records)

    assert [error is None for error in errors] == [True, True, False, True]
    assert [record.key for record in broker.records] == [b"tenant-a:0", b"tenant-a:1", b"tenant-a:3"]


def test_given_no_broker_when_many_are_published_then_it_is_asked_once(
    publisher: Publisher, broker: FakeKafka
) -> None:
    broker.fails_to = "connect"
    assert all(publisher.publish_all([RECORD] * 100))
    assert broker.connections == 1


def test_given_a_publisher_that_never_sent_when_closed_then_it_is_well(publisher: Publisher) -> None:
    publisher.close()


class Outbox:
    """Keeps what was removed from it; it can be down."""

    def __init__(self) -> None:
        self.removed: list[Event] = []
        self.down = False

    def remove(self, events: list[Event]) -> None:
        if self.down:
            raise UnavailableError("DynamoDB did not remove the events.")
        self.removed += events


@pytest.fixture
def outbox(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outbox]:
    monkeypatch.setattr(publishers, "event_publisher", lambda: publisher)
    publishers.breaker().close()
    yield Outbox()
    publishers.breaker().close()


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The events that were left to the relay, and why."""
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(
        publishers._logger, "warning", lambda _, event_id, reason, **__: told.append((event_id, reason))
    )
    return told


def events(count: int) -> list[Event]:
    records = [user_created(ALICE.model_copy(update={"id": number})) for number in range(1, count + 1)]
    return [Event("tenant-a", record) for record in records]


def test_given_many_events_when_announced_then_they_are_sent_by_one_producer_and_leave_the_outbox(
    outbox: Outbox, broker: FakeKafka, left: list[tuple[str, str]]
) -> None:
    many = events(100)
    announce(outbox, *many)
    assert [record.key for record in broker.records] == [event.record.key for event in many]
    assert (outbox.removed, left, len(broker.producers)) == (many, [], 1)


def test_given_no_events_when_announced_then_nothing_connects(outbox: Outbox, broker: FakeKafka) -> None:
    announce(outbox)
    assert broker.connections == 0


def test_given_some_are_not_acknowledged_when_announced_then_only_they_are_left_to_the_relay(
    outbox: Outbox, broker: FakeKafka, left: list[tuple[str, str]]
) -> None:
    many = events(3)
    broker.refuses = {b"tenant-a:2"}
    announce(outbox, *many)
    assert outbox.removed == [many[0], many[2]]
    [(event_id, reason)] = left
    assert event_id == many[1].id
    assert "Kafka did not acknowledge" in reason


def test_given_kafka_failed_when_more_are_announced_then_it_is_not_asked_and_all_are_left(
    outbox: Outbox, broker: FakeKafka, left: list[tuple[str, str]]
) -> None:
    broker.fails_to = "connect"
    for _ in range(3):
        announce(outbox, *events(2))
    assert (broker.connections, outbox.removed, len(left)) == (1, [], 6)
    assert "a moment ago" in left[-1][1]


def test_given_the_outbox_is_down_when_announced_then_what_stays_in_it_is_told(
    outbox: Outbox, broker: FakeKafka, left: list[tuple[str, str]]
) -> None:
    outbox.down = True
    many = events(2)
    announce(outbox, *many)
    assert (len(broker.records), [event_id for event_id, _ in left]) == (2, [event.id for event in many])
