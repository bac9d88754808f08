"""All that the table holds of a tenant beside its users, so that it can leave."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from users import table
from users.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_MOST_REMOVED = 1_000
_USERS = table.user_sk(0).rstrip("0")
_OUTBOX = table.outbox_sk("")


class TenantItems:
    """The items of one tenant; each method raises UnavailableError if DynamoDB does not answer."""

    def __init__(self, client: DynamoDBClient, table_name: str, tenant_id: str) -> None:
        self._client = client
        self._table = table_name
        self._tenant = tenant_id

    def newest_user(self) -> datetime | None:
        """Return when the tenant created its newest user; None if it has none."""
        for item in self._items(_USERS, ScanIndexForward=False, Limit=1):
            return datetime.fromisoformat(item["createdAt"]["S"])
        return None

    def waiting(self) -> int:
        """Return how many of the tenant's events Kafka has yet to get."""
        return sum(1 for _ in self._items(_OUTBOX, ProjectionExpression="sk"))

    def remove_rest(self) -> int:
        """Remove what is there beside users and the tenant's own item: up to 1,000 items. Return how many."""
        keys = (
            {"pk": item["pk"], "sk": item["sk"]}
            for item in self._items("", ProjectionExpression="pk, sk")
            if item["sk"]["S"] != table.TENANT_SK and not item["sk"]["S"].startswith(_USERS)
        )
        return table.remove(self._client, self._table, islice(keys, _MOST_REMOVED))

    def remove_tenant(self) -> None:
        """Take the tenant from the list of tenants: the last that is known of it."""
        try:
            self._client.delete_item(TableName=self._table, Key=table.key(self._tenant, table.TENANT_SK))
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("DynamoDB did not remove the tenant.") from error

    def _items(self, prefix: str, **more: Any) -> Iterator[dict[str, Any]]:
        """Yield the tenant's items whose sort key begins so."""
        condition, values = "pk = :pk", {":pk": {"S": table.pk(self._tenant)}}
        if prefix:
            condition, values[":prefix"] = f"{condition} AND begins_with(sk, :prefix)", {"S": prefix}
        try:
            for page in self._client.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=values,
                ConsistentRead=True,
                **more,
            ):
                yield from page["Items"]
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("DynamoDB did not list the tenant's items.") from error
