"""Kafka topic `user.events` to Qdrant: each user is searchable as it is now, and whoever is erased is not."""

import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache, partial
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from tracing.handler import traced
from users.consumer import dead_letters, order
from users.consumer.attempts import TIMEOUTS, Attempts
from users.consumer.dead_letters import Poison
from users.consumer.invocation import batch, is_warm_up
from users.consumer.order import Good, who
from users.consumer.received import Received
from users.events import PoisonRecordError, Reason, UserChanged, UserDeleted, UserEvent, parse, user_deleted
from users.settings import StoreSettings
from users.spans import processing
from vectors.embedding import open_embedder
from vectors.errors import UnavailableError
from vectors.index import Change, Entry, Marker, user_index
from vectors.settings import settings
from vectors.steps.run import run
from vectors.steps.step import Failed, Person

logger = Logger()
metrics = Metrics()


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@traced(logger, metrics)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Bring the index up to a batch, then send its poison to the dead-letter topic.

    A failure raises, and the batch is delivered again: only what is newer changes the index, and as the dead
    letters come last, a Qdrant that fails does not make them twice. WrongEventError for what is no batch.
    """
    if is_warm_up(event):
        metrics.add_metric("WarmUps", MetricUnit.Count, 1)
        return
    records = batch(event)
    with processing(records):
        process(records, context.get_remaining_time_in_millis)


def process(records: Sequence[Received], millis_left: Callable[[], int]) -> None:
    """Bring the index up to records, and send away those that are poison."""
    good, poison = sorted_out(records)
    unindexed: list[Poison] = []
    if good:
        # Before the batch counts as begun: what fails here is no record's fault.
        open_embedder()
        user_index()
        unindexed = attempts().process(
            good, partial(index, millis_left=millis_left), millis_left, UnavailableError
        )
    dead_letters.send(poison)
    metrics.add_metric("DeadLetters", MetricUnit.Count, len(poison) + len(unindexed))


@cache
def attempts() -> Attempts:
    """Return the execution environment's notes on batches."""
    client = boto3.client("dynamodb", config=TIMEOUTS)
    return Attempts(client, StoreSettings.read().table_name, settings().qdrant_collection)


def sorted_out(records: Iterable[Received]) -> tuple[list[Good], list[Poison]]:
    """Return the records of a batch that can be processed, and those that never can; count the rest."""
    good: list[Good] = []
    poison: list[Poison] = []
    for record in records:
        try:
            event = parse(*record.record)
        except PoisonRecordError as error:
            poison.append(Poison(record, error))
            continue
        if event is None:
            metrics.add_metric("EventsPassedOver", MetricUnit.Count, 1)
        else:
            good.append((record, event))
    return good, poison


def index(good: Sequence[Good], millis_left: Callable[[], int]) -> list[Poison]:
    """Take what is news, with one run of the steps and one upsert; return the records that cannot be."""
    known = user_index().versions({who(event) for _, event in good})
    news = order.news(good, known)
    lost: dict[int, PoisonRecordError] = {}
    left: dict[int, Change] = {}
    for place, change in enumerate(changes([event for _, event in news], millis_left)):
        if isinstance(change, Failed):
            lost[place] = PoisonRecordError(Reason.STEP_FAILED, change.why)
        else:
            left[place] = change
    places = list(left)
    for refused in user_index().write(list(left.values())) if left else []:
        lost[places[refused]] = PoisonRecordError(Reason.REFUSED, "the vector store refuses the user")
    repeat(order.outlived(good, known))
    count([event for place, (_, event) in enumerate(news) if place not in lost], late=len(good) - len(news))
    return [Poison(news[place][0], error) for place, error in lost.items()]


def changes(events: Sequence[UserEvent], millis_left: Callable[[], int]) -> list[Change | Failed]:
    """Return what events make of the index, in their order."""
    people = iter(run([person(event) for event in events if isinstance(event, UserChanged)], millis_left))
    now_ms = time.time_ns() // 1_000_000
    return [
        entry(next(people), event.version)
        if isinstance(event, UserChanged)
        else Marker(event.tenant_id, event.id, event.version, now_ms)
        for event in events
    ]


def repeat(deletions: Sequence[UserDeleted]) -> None:
    """Have deletions be the last that the topic says of these users."""
    if deletions:
        from users.publisher import event_publisher  # Kafka's import is for those who need it

        again = [user_deleted(each.tenant_id, each.id, each.version) for each in deletions]
        event_publisher().publish(*again)
        metrics.add_metric("DeletionsRepeated", MetricUnit.Count, len(again))


def count(taken: Sequence[UserEvent], late: int) -> None:
    """Count what the index has taken, and what it had no need of."""
    changed = sum(isinstance(event, UserChanged) for event in taken)
    metrics.add_metric("UsersIndexed", MetricUnit.Count, changed)
    metrics.add_metric("UsersErased", MetricUnit.Count, len(taken) - changed)
    metrics.add_metric("EventsLate", MetricUnit.Count, late)
    logger.info("batch indexed", users=changed, erased=len(taken) - changed, late=late)


def person(user: UserChanged) -> Person:
    """Return a user as the steps are given it."""
    return Person(user.tenant_id, user.id, user.email, user.name, user.profile)


def entry(person: Person | Failed, version: int) -> Entry | Failed:
    """Return the index entry of whom all steps have taken."""
    if isinstance(person, Failed):
        return person
    return Entry(
        person.tenant_id,
        person.user_id,
        person.email,
        person.name,
        person.profile,
        list(person.vectors),
        version,
        person.added,
    )
