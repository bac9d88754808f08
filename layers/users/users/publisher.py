"""Sends records to Kafka: acknowledged by all replicas, idempotent, in the order of each key."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from users.errors import UnavailableError
from users.events import Record
from users.settings import KafkaSettings

_CONNECT_MS = 1_000  # to find the brokers, and again to learn of the topic
_DELIVERY_MS = 2_000
_DECIDED_SECONDS = 3  # longer than delivery: the producer shall have decided before we give up
_MAX_REQUEST_BYTES = 8 * 2**20  # the broker says what is too large


class Publisher:
    """A topic's producer, one per execution environment: made on first use, made anew after an error."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._bootstrap_servers = bootstrap_servers.split(",")
        self._topic = topic
        self._producer: Any = None

    def publish(self, record: Record) -> None:
        """Send a record and wait some seconds at most until Kafka has it; UnavailableError if it has not."""
        [error] = self.publish_all([record])
        if error is not None:
            raise UnavailableError("Kafka did not acknowledge the record.") from error

    def publish_all(self, records: Sequence[Record]) -> list[KafkaError | None]:
        """Send records side by side; return for each what went wrong, None once Kafka has acknowledged it.

        A record without an acknowledgement may be in the topic all the same.
        """
        sent: list[Any] = []
        failed: KafkaError | None = None
        try:
            producer = self._producer = self._producer or self._connect()
            for record in records:
                sent.append(producer.send(self._topic, record.value, record.key, record.headers))
        except KafkaError as error:
            failed = error
        errors = [_error(each) for each in sent] + [failed] * (len(records) - len(sent))
        if any(errors):
            self.close()
        return errors

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
            max_request_size=_MAX_REQUEST_BYTES,
            request_timeout_ms=_DELIVERY_MS - 500,
            delivery_timeout_ms=_DELIVERY_MS,
            metrics_enabled=False,
        )


@cache
def event_publisher() -> Publisher:
    """Return the execution environment's publisher of user events."""
    settings = KafkaSettings.read()
    return Publisher(settings.kafka_bootstrap_servers, settings.user_events_topic)


def _error(sent: Any) -> KafkaError | None:
    try:
        sent.get(timeout=_DECIDED_SECONDS)
    except KafkaError as error:
        return error
    return None
