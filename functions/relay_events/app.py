"""Every minute: send what the outbox still holds to the Kafka topic `user.events`; every hour, heartbeats."""

from datetime import datetime
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from tracing.handler import traced
from users import table
from users.errors import UnavailableError
from users.events import HEARTBEAT
from users.outbox import Outbox
from users.publisher import event_publisher
from users.settings import StoreSettings

_PAGE_MILLIS = 15_000  # the longest that one page takes: Kafka gives up, DynamoDB is slow

logger = Logger()
metrics = Metrics()


@cache
def event_outbox() -> Outbox:
    """Return the execution environment's outbox, that of all tenants."""
    return Outbox(boto3.client("dynamodb", config=table.TIMEOUTS), StoreSettings.read().table_name)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics(capture_cold_start_metric=True)
@traced(logger, metrics)
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Relay page by page, as long as there is time and Kafka takes any.

    Two runs at once send some events twice, each time with the same id: nothing changes by that.
    """
    if begins_an_hour(event):
        send_heartbeats()
    outbox = event_outbox()
    relayed = 0
    for events in outbox.pages():
        errors = event_publisher().publish_all([each.record for each in events])
        acknowledged = [each for each, error in zip(events, errors, strict=True) if error is None]
        outbox.remove(acknowledged)
        relayed += len(acknowledged)
        if not acknowledged or context.get_remaining_time_in_millis() < _PAGE_MILLIS:
            logger.warning("events left in the outbox", reason=str(next(filter(None, errors), "no time")))
            break
    backlog = outbox.backlog()
    metrics.add_metric("EventsRelayed", MetricUnit.Count, relayed)
    metrics.add_metric("OutboxSize", MetricUnit.Count, backlog.size)
    metrics.add_metric("OutboxAge", MetricUnit.Seconds, backlog.age_seconds)
    logger.info("outbox relayed", events=relayed, left=backlog.size, age_seconds=backlog.age_seconds)


def begins_an_hour(event: dict[str, Any]) -> bool:
    """Whether the schedule's time is an hour's first minute: so Lambda's retry of that run is one, too."""
    return "time" in event and datetime.fromisoformat(event["time"]).minute == 0


def send_heartbeats() -> None:
    """Have no partition idle: Kafka compacts a segment only once a later record has come."""
    try:
        event_publisher().publish_everywhere(HEARTBEAT)
    except UnavailableError as error:
        logger.warning("heartbeats left to the next hour", reason=str(error))
