"""How long Apache Kafka keeps what a newer event has replaced: the bytes of its segments are looked at."""

from contextlib import closing
from functools import partial

import pytest
from kafka import KafkaProducer
from kafka.errors import InvalidRecordError
from mesh.deployment import provision
from mesh.process import wait_until

from tests import sam
from tests.apache_kafka.broker import PLAINTEXT, Broker, create
from tests.apache_kafka.conftest import Start

CANARY = b"Canary Unguessable"
KEY = b"tenant-a:1"
PATIENCE = 60
DEFAULTS = {name: str(rule.get("Default", "")) for name, rule in sam.template()["Parameters"].items()}
SHORT = {**DEFAULTS, "UserEventsPartitions": "1", "UserEventsMaxCompactionLagMs": "1000"}
OFTEN = {"log.cleaner.backoff.ms": "100"}  # it looks every 15 s else


@pytest.fixture
def broker(start: Start) -> Broker:
    return start(others=OFTEN)


def send(broker: Broker, *values: bytes | None, key: bytes | None = KEY) -> None:
    with closing(KafkaProducer(**broker.client(PLAINTEXT))) as producer:
        for value in values:
            producer.send("user.events", value, key).get(30)


def segments(broker: Broker) -> bytes:
    return b"".join(path.read_bytes() for path in broker.folder.rglob("*.log"))


def provisioned(broker: Broker) -> None:
    client = broker.client(PLAINTEXT)
    provision.create_topics(
        {**client, "bootstrap_servers": [client["bootstrap_servers"]]}, provision.topics(SHORT)
    )


def is_gone(broker: Broker, text: bytes) -> bool:
    """Whether a text left the log, given that others go on writing: a segment ends when a record comes."""
    send(broker, None, key=b"tenant-a:2")
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
