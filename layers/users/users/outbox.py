"""The transactional outbox: events that are stored with their user, until Kafka has acknowledged them.

Source: https://microservices.io/patterns/data/transactional-outbox.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from users import table
from users.errors import UnavailableError
from users.events import Record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PaginatorConfigTypeDef

_IN_FLIGHT = timedelta(seconds=10)  # create_user is done with an event by then, one way or the other
_PAGE = 100


class Event(NamedTuple):
    """A tenant's event, as the record that goes into the topic."""

    tenant_id: str
    record: Record

    @property
    def id(self) -> str:
        """The event's CloudEvents id: a record that is sent twice has it twice."""
        return dict(self.record.headers)["ce_id"].decode()


class Backlog(NamedTuple):
    """How many events the outbox holds, and how many seconds the oldest has waited (0 if none)."""

    size: int
    age_seconds: float


class Outbox:
    """What is still to be sent."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def remove(self, events: Sequence[Event]) -> None:
        """Forget events that Kafka has acknowledged; UnavailableError if DynamoDB does not answer.

        One that stays all the same, as DynamoDB may leave some unprocessed, is sent again, which changes
        nothing: it has the same id.
        """
        keys = [table.key(event.tenant_id, table.outbox_sk(event.id)) for event in events]
        table.remove(self._client, self._table, keys)

    def pages(self) -> Iterator[list[Event]]:
        """Yield, up to a hundred at a time, the events that nobody is sending at the moment.

        A tenant's events are in one shard and come oldest first. Raises UnavailableError if DynamoDB does
        not answer.
        """
        until = datetime.now(UTC) - _IN_FLIGHT
        for shard in range(table.OUTBOX_SHARDS):
            for page in self._query(shard, until, {"PageSize": _PAGE}):
                if page["Items"]:
                    yield [_event(item) for item in page["Items"]]

    def backlog(self) -> Backlog:
        """Return the outbox's size and age; UnavailableError if DynamoDB does not answer."""
        now = datetime.now(UTC)
        size, stored = 0, now
        for shard in range(table.OUTBOX_SHARDS):
            size += sum(page["Count"] for page in self._query(shard, now, Select="COUNT"))
            for first in next(self._query(shard, now, {"PageSize": 1}))["Items"]:
                stored = min(stored, datetime.fromisoformat(first["position"]["S"]))
        return Backlog(size, (now - stored).total_seconds())

    def _query(
        self, shard: int, until: datetime, pages: PaginatorConfigTypeDef | None = None, **more: Any
    ) -> Iterator[Any]:
        """Yield the answers to a query for a shard's events up to a moment, oldest first."""
        try:
            yield from self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName=table.INDEX,
                KeyConditionExpression="#list = :list AND #position <= :until",
                ExpressionAttributeNames={"#list": "list", "#position": "position"},
                ExpressionAttributeValues={
                    ":list": {"S": table.outbox_list(shard)},
                    ":until": {"S": _position(until)},
                },
                PaginationConfig=pages or {},
                **more,
            )
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("DynamoDB did not list the outbox.") from error


def item(event: Event, stored_at: datetime) -> dict[str, Any]:
    """Return the item that keeps an event until Kafka has it."""
    record = event.record
    return {
        **table.key(event.tenant_id, table.outbox_sk(event.id)),
        "list": {"S": table.outbox_list(table.outbox_shard(event.tenant_id))},
        "position": {"S": _position(stored_at)},
        "tenantId": {"S": event.tenant_id},
        "key": {"B": record.key},
        "value": {"B": record.value},
        "headers": {"L": [{"L": [{"S": name}, {"B": value}]} for name, value in record.headers]},
    }


def _event(item: dict[str, Any]) -> Event:
    headers = [(name["S"], value["B"]) for name, value in (pair["L"] for pair in item["headers"]["L"])]
    return Event(item["tenantId"]["S"], Record(item["key"]["B"], item["value"]["B"], headers))


def _position(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
