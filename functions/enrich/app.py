"""Kafka topic `user.events` to Qdrant: embed each created user and make it searchable."""

from collections.abc import Iterator

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import KafkaEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext
from users.events import PoisonRecordError, UserCreated, parse
from vectors.embedder import embed
from vectors.index import Entry, user_index

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@event_source(data_class=KafkaEvent)
def lambda_handler(event: KafkaEvent, context: LambdaContext) -> None:
    """Index a batch: one embedding call, one upsert. A failure raises, and the batch is delivered again."""
    created = list(readable(event))
    if created:
        vectors = embed([text_of(user) for user in created])
        user_index().upsert([entry(user, vector) for user, vector in zip(created, vectors, strict=True)])
    metrics.add_metric("UsersIndexed", MetricUnit.Count, len(created))
    logger.info("batch indexed", users=len(created))


def readable(event: KafkaEvent) -> Iterator[UserCreated]:
    """Yield the events of a batch; a poison record is named in the log and passed over (the topic has it)."""
    for record in event.records:
        try:
            value = record.decoded_value if record.get("value") is not None else None
            yield parse(record.decoded_key, value, record.decoded_headers)
        except PoisonRecordError as error:
            metrics.add_metric("PoisonRecords", MetricUnit.Count, 1)
            logger.error(
                "poison record passed over",
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
                reason=str(error),
            )


def text_of(user: UserCreated) -> str:
    """Return what is embedded: who the user is, in a sentence."""
    return f"{user.name}. {user.profile}".strip()


def entry(user: UserCreated, vector: list[float]) -> Entry:
    """Return the index entry of a user."""
    return Entry(user.tenant_id, user.id, user.email, user.name, user.profile, vector)
