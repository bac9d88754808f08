"""Sends events to Kafka: acknowledged by all replicas, idempotent, keyed."""

from contextlib import suppress
from functools import cache
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from users.errors import UnavailableError
from users.events import user_created
from users.model import User
from users.settings import KafkaSettings

_CONNECT_MS = 3_000  # to find the brokers, and again to learn of the topic
_DELIVERY_MS = 4_000
_DECIDED_SECONDS = 6  # longer than delivery: the producer shall have decided before we give up


class EventPublisher:
    """One producer per execution environment: made on first use, made anew after an error."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._bootstrap_servers = bootstrap_servers.split(",")
        self._topic = topic
        self._producer: Any = None

    def publish(self, user: User, traceparent: str | None = None) -> None:
        """Announce `user` and wait for Kafka's acknowledgement; UnavailableError without one."""
        record = user_created(user, traceparent)
        try:
            if self._producer is None:
                self._producer = self._connect()
            sent = self._producer.send(
                self._topic, key=record.key, value=record.value, headers=record.headers
            )
            sent.get(timeout=_DECIDED_SECONDS)
        except KafkaError as error:
            self.close()
            raise UnavailableError("Kafka did not acknowledge the event.") from error

    def close(self) -> None:
        """Drop the producer, with whatever it has not sent."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError):  # a batch that is not decided yet
                producer.close(timeout=0)

    def _connect(self) -> Any:
        return KafkaProducer(
            bootstrap_servers=self._bootstrap_servers,
            client_id="event-mesh.users",
            acks="all",
            enable_idempotence=True,
            allow_auto_create_topics=False,
            bootstrap_timeout_ms=_CONNECT_MS,
            max_block_ms=_CONNECT_MS,
            request_timeout_ms=_DELIVERY_MS - 1_000,
            delivery_timeout_ms=_DELIVERY_MS,
            metrics_enabled=False,
        )


@cache
def event_publisher() -> EventPublisher:
    """Return the execution environment's publisher."""
    settings = KafkaSettings.read()
    return EventPublisher(settings.kafka_bootstrap_servers, settings.user_events_topic)
