"""users.publisher against a Kafka broker."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

import psutil
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.admin import NewTopic
from mesh import components, process
from users.errors import UnavailableError
from users.events import HEARTBEAT, UserChanged, parse, user_created
from users.model import User
from users.publisher import Publisher

from tests.people import somebody

TOPIC = "user.events"


def user(number: int) -> User:
    return somebody("tenant-a", number, email=f"u{number}@x.dev", name="Zoë", profile="")


def reached(bootstrap_servers: str) -> dict[str, str]:
    return {"bootstrap_servers": bootstrap_servers}


def create_topic(bootstrap_servers: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    admin.create_topics([NewTopic(TOPIC, 6, 1)])
    admin.close()


def consume(bootstrap_servers: str, records: int) -> list[UserChanged]:
    consumer = KafkaConsumer(
        TOPIC, bootstrap_servers=bootstrap_servers, auto_offset_reset="earliest", consumer_timeout_ms=20_000
    )
    found = []
    for record in consumer:
        event = parse(record.key, record.value, record.headers)
        assert isinstance(event, UserChanged)
        found.append(event)
        if len(found) == records:
            break
    consumer.close()
    return found


def test_every_published_event_is_in_the_topic_once_and_can_be_parsed(kafka: str) -> None:
    create_topic(kafka)
    publisher = Publisher(partial(reached, kafka), TOPIC)

    for number in range(1, 21):
        publisher.publish(user_created(user(number)))
    publisher.close()

    assert sorted(event.id for event in consume(kafka, 20)) == list(range(1, 21))


def test_a_heartbeat_is_in_every_partition(kafka: str) -> None:
    topic, partitions = "idle.events", [TopicPartition("idle.events", number) for number in range(3)]
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        admin.create_topics([NewTopic(topic, len(partitions), 1)])
    with closing(Publisher(partial(reached, kafka), topic)) as publisher:
        publisher.publish_everywhere(HEARTBEAT)

    with closing(KafkaConsumer(bootstrap_servers=kafka)) as consumer:
        assert consumer.end_offsets(partitions) == dict.fromkeys(partitions, 1)


@contextmanager
def own_broker(port: int) -> Iterator[psutil.Process]:
    """A broker with the topic, for a test that does it harm."""
    broker = components.start_kafka(port)
    try:
        components.wait_ready(broker)
        create_topic(broker.address)
        running = process.find(broker.pid or 0)
        assert running is not None
        yield running
    finally:
        components.stop(broker)


def test_a_broker_that_is_killed_costs_one_failure_and_not_the_next_event() -> None:
    port = process.free_port()
    publisher = Publisher(partial(reached, f"127.0.0.1:{port}"), TOPIC)
    with own_broker(port) as broker:
        publisher.publish(user_created(user(1)))
        broker.kill()
        broker.wait()
        with pytest.raises(UnavailableError):
            publisher.publish(user_created(user(2)))

    with own_broker(port):
        publisher.publish(user_created(user(3)))
        publisher.close()
        assert [event.id for event in consume(f"127.0.0.1:{port}", 1)] == [3]


def test_a_broker_that_freezes_is_given_up() -> None:
    port = process.free_port()
    publisher = Publisher(partial(reached, f"127.0.0.1:{port}"), TOPIC)
    with own_broker(port) as broker:
        publisher.publish(user_created(user(1)))
        broker.suspend()
        try:
            assert process.wait_until(lambda: broker.status() == psutil.STATUS_STOPPED, 20)
            with pytest.raises(UnavailableError):
                publisher.publish(user_created(user(2)))
        finally:
            broker.resume()


def test_without_a_broker_it_says_unavailable_and_recovers_when_there_is_one() -> None:
    port = process.free_port()
    publisher = Publisher(partial(reached, f"127.0.0.1:{port}"), TOPIC)
    with pytest.raises(UnavailableError):
        publisher.publish(user_created(user(1)))

    with own_broker(port):
        publisher.publish(user_created(user(2)))
        publisher.close()
        assert [event.id for event in consume(f"127.0.0.1:{port}", 1)] == [2]
