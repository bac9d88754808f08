"""Sends records to Kafka: acknowledged by all replicas, idempotent, in the order of each key."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from kafka import KafkaProducer
from kafka.errors import KafkaError
from opentelemetry.trace import StatusCode
from pybreaker import CircuitBreaker, CircuitBreakerError

from users.errors import UnavailableError
from users.events import Record
from users.kafka_client import Connections, access_options
from users.outbox import Event, Outbox
from users.settings import UserEventsSettings
from users.spans import sending

_CONNECT_MS = 1_000  # to find the brokers, and again to learn of the topic
_DELIVERY_MS = 2_000
_DECIDED_SECONDS = 3  # longer than delivery: the producer shall have decided before we give up
_PAUSE_SECONDS = 15
_MAX_REQUEST_BYTES = 8 * 2**20  # the broker says what is too large

_logger = Logger()
_metrics = Metrics()


class Publisher:
    """A topic's producer, one per execution environment: made on first use, made anew after an error.

    `access` gives kafka-python's options for the brokers. Each producer asks for them, so that after a
    failure the secrets are read again.
    """

    def __init__(self, access: Callable[[], Mapping[str, Any]], topic: str) -> None:
        self._access = access
        self._topic = topic
        self._producer: Any = None
        self._connections = Connections()

    def publish(self, *records: Record) -> None:
        """Send records and wait a few seconds at most until Kafka has them all; else UnavailableError."""
        if error := next(filter(None, self.publish_all(records)), None):
            raise UnavailableError(f"Kafka did not acknowledge the record: {error}") from error

    def publish_all(self, records: Sequence[Record]) -> list[KafkaError | None]:
        """Send records side by side; return for each what went wrong, None once Kafka has acknowledged it.

        A record without an acknowledgement may be in the topic all the same.
        """
        with sending(self._topic, records) as spans:
            errors = self._publish_all(records)
            for span, error in zip(spans, errors, strict=True):
                if error:
                    span.set_status(StatusCode.ERROR)
                    span.set_attribute("error.type", type(error).__name__)
        return errors

    def _publish_all(self, records: Sequence[Record]) -> list[KafkaError | None]:
        sent: list[Any] = []
        failed: KafkaError | None = None
        try:
            producer = self._connected()
            for record in records:
                sent.append(producer.send(self._topic, record.value, record.key, record.headers))
        except KafkaError as error:
            failed = error
        errors = [_error(each) for each in sent] + [failed] * (len(records) - len(sent))
        if any(errors):
            errors = [error and self._connections.explained(error) for error in errors]
            self.close()
        return errors

    def publish_everywhere(self, record: Record) -> None:
        """Append a record to each of the topic's partitions, and wait as `publish` does.

        Raises UnavailableError if one did not take it: the others have it all the same.
        """
        try:
            producer = self._connected()
            partitions = sorted(producer.partitions_for(self._topic))
            sent = [
                producer.send(self._topic, record.value, record.key, record.headers, partition)
                for partition in partitions
            ]
            failed = next(filter(None, map(_error, sent)), None)
        except KafkaError as error:
            failed = error
        if failed:
            explained = self._connections.explained(failed)
            self.close()
            raise UnavailableError(f"Kafka did not acknowledge the record: {explained}") from failed

    def close(self) -> None:
        """Drop the producer, with whatever it has not sent."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError):  # a batch that is not decided yet
                producer.close(timeout=0)

    def _connected(self) -> Any:
        self._producer = self._producer or self._connect()
        return self._producer

    def _connect(self) -> Any:
        self._connections = Connections()  # an old producer's connections end later, and explain nothing new
        return KafkaProducer(
            **{**self._access(), "kafka_client": self._connections},
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
    settings = UserEventsSettings.read()
    return Publisher(partial(access_options, settings), settings.user_events_topic)


@cache
def breaker() -> CircuitBreaker:
    """Return what keeps the execution environment from asking Kafka for some seconds after a failure."""
    return CircuitBreaker(fail_max=1, reset_timeout=_PAUSE_SECONDS, throw_new_error_on_trip=False)


def announce(outbox: Outbox, *events: Event) -> None:
    """Publish stored events, if Kafka takes them soon; relay_events sends what stays in the outbox.

    For some seconds after a failure Kafka is not asked at all: one request waits for it, not every one.
    """
    if not events:
        return
    try:
        errors = _published([event.record for event in events])
        outbox.remove([event for event, error in zip(events, errors, strict=True) if error is None])
    except Exception as error:
        errors = [error] * len(events)
    left = [(event, reason) for event, reason in zip(events, errors, strict=True) if reason is not None]
    for event, reason in left:
        unforeseen = None if isinstance(reason, UnavailableError) else reason
        _logger.warning("event left to the relay", event_id=event.id, reason=str(reason), exc_info=unforeseen)
    if left:
        _metrics.add_metric("EventsLeftToRelay", MetricUnit.Count, len(left))


def _published(records: Sequence[Record]) -> Sequence[Exception | None]:
    """Send user events; return for each why Kafka does not have it, None if it does."""
    errors: list[UnavailableError | None] = []
    try:
        with breaker().calling():
            for refused in event_publisher().publish_all(records):
                said = f"Kafka did not acknowledge the record: {refused}"
                errors.append(UnavailableError(said) if refused else None)
            if failed := next(filter(None, errors), None):
                raise failed
    except CircuitBreakerError:
        said = "Kafka failed a moment ago, and is asked again in some seconds."
        return [UnavailableError(said)] * len(records)
    except UnavailableError:
        pass
    return errors


def _error(sent: Any) -> KafkaError | None:
    try:
        sent.get(timeout=_DECIDED_SECONDS)
    except KafkaError as error:
        return error
    return None
