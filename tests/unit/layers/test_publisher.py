"""One producer, made on first use and made anew after an error."""

from typing import Any

import pytest
from kafka import KafkaProducer
from users.errors import UnavailableError
from users.events import Record, user_created
from users.publisher import Publisher

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
