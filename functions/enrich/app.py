"""Kafka topic `user.events` to Qdrant: embed each created user and make it searchable."""

from collections.abc import Sequence

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import KafkaEvent, event_source
from aws_lambda_powertools.utilities.typing import LambdaContext
from users import dead_letters
from users.dead_letters import Poison
from users.events import PoisonRecordError, Reason, UserCreated, parse
from users.received import Received, received
from vectors.embedder import embed
from vectors.index import Entry, user_index

logger = Logger()
metrics = Metrics()

Good = tuple[Received, UserCreated]


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@event_source(data_class=KafkaEvent)
def lambda_handler(event: KafkaEvent, context: LambdaContext) -> None:
    """Index the users of a batch, then send its poison to the dead-letter topic.

    A failure raises, and the batch is delivered again: indexing twice changes nothing, and as the dead
    letters come last, a Qdrant that fails does not make them twice.
    """
    good, poison = sorted_out(event)
    poison += index(good)
    dead_letters.send(poison)
    report(users=len(good), poison=poison)


def sorted_out(event: KafkaEvent) -> tuple[list[Good], list[Poison]]:
    """Return the records of a batch that can be processed, and those that never can."""
    good: list[Good] = []
    poison: list[Poison] = []
    for record in map(received, event.records):
        try:
            good.append((record, parse(*record.record)))
        except PoisonRecordError as error:
            poison.append(Poison(record, error))
    return good, poison


def index(good: Sequence[Good]) -> list[Poison]:
    """Make users searchable, with one embedding call and one upsert; return those that Qdrant refuses."""
    if not good:
        return []
    vectors = embed([text_of(user) for _, user in good])
    refused = user_index().upsert(
        [entry(user, vector) for (_, user), vector in zip(good, vectors, strict=True)]
    )
    error = PoisonRecordError(Reason.REFUSED, "the vector store refuses the user")
    return [Poison(good[position][0], error) for position in refused]


def report(users: int, poison: Sequence[Poison]) -> None:
    """Count what was done, and name every dead letter: somebody has to look at it."""
    for (topic, partition, offset, _), error in poison:
        logger.error(
            "dead letter sent",
            topic=topic,
            partition=partition,
            offset=offset,
            reason=error.reason,
            error=str(error),
        )
    refused = sum(error.reason == Reason.REFUSED for _, error in poison)
    metrics.add_metric("UsersIndexed", MetricUnit.Count, users - refused)
    metrics.add_metric("DeadLetters", MetricUnit.Count, len(poison))
    logger.info("batch indexed", users=users - refused, dead_letters=len(poison))


def text_of(user: UserCreated) -> str:
    """Return what is embedded: who the user is, in a sentence."""
    return f"{user.name}. {user.profile}".strip()


def entry(user: UserCreated, vector: list[float]) -> Entry:
    """Return the index entry of a user."""
    return Entry(user.tenant_id, user.id, user.email, user.name, user.profile, vector)
