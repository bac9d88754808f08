"""How long Apache Kafka keeps what a newer event has replaced: the bytes of its segments are looked at."""

from contextlib import closing
from functools import partial

import pytest
from kafka import KafkaProducer
from kafka.errors import InvalidRecordError
from mesh.deployment import provision
from mesh.process import wait_until
from users.events import HEARTBEAT
from users.publisher import Publisher

from tests import sam
from tests.apache_kafka.broker import PLAINTEXT, Broker, create
from tests.apache_kafka.conftest import Start

CANARY = b"Canary Unguessable"
KEY = b"tenant-a:1"
PATIENCE = 60
DEFAULTS = {name: str(rule.get("Default", "")) for name, rule in sam.template()["Parameters"].items()}
SHORT = {**DEFAULTS, "UserEventsMaxCompactionLagMs": "1000"}
OFTEN = {"log.cleaner.backoff.ms": "100"}  # it looks every 15 s else


@pytest.fixture
def broker(start: Start) -> Broker:
    return start(others=OFTEN)


def send(broker: Broker, *values: bytes | None, key: bytes | None = KEY, partition: int = 0) -> None:
    with closing(KafkaProducer(**broker.client(PLAINTEXT))) as producer:
        for value in values:
            producer.send("user.events", value, key, partition=partition).get(30)


def segments(broker: Broker) -> bytes:
    return b"".join(path.read_bytes() for path in broker.folder.rglob("*.log"))


def provisioned(broker: Broker, partitions: int = 1) -> None:
    parameters = {**SHORT, "UserEventsPartitions": str(partitions)}
    client = broker.client(PLAINTEXT)
    provision.create_topics(
        {**client, "bootstrap_servers": [client["bootstrap_servers"]]}, provision.topics(parameters)
    )


def is_gone(broker: Broker, text: bytes) -> bool:
    """Whether a text left the log of a partition to which nobody but relay_events writes."""
    with closing(Publisher(partial(broker.client, PLAINTEXT), "user.events")) as publisher:
        publisher.publish_everywhere(HEARTBEAT)
    return text not in segments(broker)


@pytest.mark.parametrize("older", [False, True], ids=["new", "of an older mesh"])
def test_an_erased_person_leaves_the_topic(broker: Broker, older: bool) -> None:
    if older:
        create("user.events", broker.client(PLAINTEXT))
    provisioned(broker)
    send(broker, CANARY, b"without")
    assert CANARY in segments(broker)
    assert wait_until(partial(is_gone, broker, CANARY), PATIENCE, 0.2)
    assert b"without" in segments(broker)


def test_without_heartbeats_an_erased_person_stays_in_an_idle_partition(broker: Broker) -> None:
    """Another partition has them: when the person has left it, the broker has had the time."""
    provisioned(broker, partitions=2)
    for partition in range(2):
        send(broker, CANARY + bytes([partition]), b"without", partition=partition)
    with closing(KafkaProducer(**broker.client(PLAINTEXT))) as producer:

        def is_gone_from_one() -> bool:
            producer.send("user.events", HEARTBEAT.value, HEARTBEAT.key, partition=1).get(30)
            return CANARY + bytes([1]) not in segments(broker)

        assert wait_until(is_gone_from_one, PATIENCE, 0.2)
    assert CANARY + bytes([0]) in segments(broker)
    assert wait_until(partial(is_gone, broker, CANARY), PATIENCE, 0.2)


def test_the_newest_event_of_a_user_stays(broker: Broker) -> None:
    provisioned(broker)
    send(broker, b"older", CANARY)
    assert wait_until(partial(is_gone, broker, b"older"), PATIENCE, 0.2)
    assert CANARY in segments(broker)


def test_a_record_without_a_key_is_refused(broker: Broker) -> None:
    """So that kind of poison cannot come any more: tests/poison.py."""
    provisioned(broker)
    with pytest.raises(InvalidRecordError, match="cannot accept message without key"):
        send(broker, b"poison", key=None)
