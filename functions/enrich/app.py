"""Kafka topic `user.events` to Qdrant: embed each created user and make it searchable."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from users import dead_letters
from users.attempts import TIMEOUTS, Attempts
from users.dead_letters import Poison
from users.events import PoisonRecordError, Reason, UserChanged, parse
from users.invocation import batch, is_warm_up
from users.received import Received
from users.settings import StoreSettings
from vectors.embedder import embed, open_model
from vectors.errors import UnavailableError
from vectors.index import Entry, user_index
from vectors.settings import settings

logger = Logger()
metrics = Metrics()

Good = tuple[Received, UserChanged]


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Index the users of a batch, then send its poison to the dead-letter topic.

    A failure raises, and the batch is delivered again: indexing twice changes nothing, and as the dead
    letters come last, a Qdrant that fails does not make them twice. WrongEventError for what is no batch.
    """
    if is_warm_up(event):
        metrics.add_metric("WarmUps", MetricUnit.Count, 1)
        return
    good, poison = sorted_out(batch(event))
    unindexed: list[Poison] = []
    if good:
        # Before the batch counts as begun: what fails here is no record's fault.
        open_model()
        user_index()
        unindexed = attempts().process(good, index, context.get_remaining_time_in_millis, UnavailableError)
    dead_letters.send(poison)
    report(users=len(good) - len(unindexed), dead_letters=len(poison) + len(unindexed))


@cache
def attempts() -> Attempts:
    """Return the execution environment's notes on batches."""
    client = boto3.client("dynamodb", config=TIMEOUTS)
    return Attempts(client, StoreSettings.read().table_name, settings().qdrant_collection)


def sorted_out(records: Iterable[Received]) -> tuple[list[Good], list[Poison]]:
    """Return the records of a batch that can be processed, and those that never can."""
    good: list[Good] = []
    poison: list[Poison] = []
    for record in records:
        try:
            event = parse(*record.record)
            if isinstance(event, UserChanged):
                good.append((record, event))
        except PoisonRecordError as error:
            poison.append(Poison(record, error))
    return good, poison


def index(good: Sequence[Good]) -> list[Poison]:
    """Make users searchable, with one embedding call and one upsert; return those that Qdrant refuses."""
    vectors = embed([text_of(user) for _, user in good])
    refused = user_index().upsert(
        [entry(user, vector) for (_, user), vector in zip(good, vectors, strict=True)]
    )
    error = PoisonRecordError(Reason.REFUSED, "the vector store refuses the user")
    return [Poison(good[position][0], error) for position in refused]


def report(users: int, dead_letters: int) -> None:
    """Count what was done."""
    metrics.add_metric("UsersIndexed", MetricUnit.Count, users)
    metrics.add_metric("DeadLetters", MetricUnit.Count, dead_letters)
    logger.info("batch indexed", users=users, dead_letters=dead_letters)


def text_of(user: UserChanged) -> str:
    """Return what is embedded: who the user is, in a sentence."""
    return f"{user.name}. {user.profile}".strip()


def entry(user: UserChanged, vector: list[float]) -> Entry:
    """Return the index entry of a user."""
    return Entry(user.tenant_id, user.id, user.email, user.name, user.profile, vector)
