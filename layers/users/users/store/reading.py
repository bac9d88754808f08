"""Users as they are in the table: by id, by address, page by page."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from users import cursor as cursors
from users import table
from users.errors import NotFoundError, VersionMismatchError
from users.model import User, unique_email
from users.store import items
from users.store.transaction import answering

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Page(NamedTuple):
    """Users, oldest first, and the cursor of the next page (None after the last)."""

    users: list[User]
    next_cursor: str | None


class UserReader:
    """The users of every tenant; each method is given the one tenant it works for.

    All of them raise UnavailableError if DynamoDB does not answer.
    """

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def get(self, tenant_id: str, user_id: int) -> User:
        """Return a user of the tenant; NotFoundError if there is none with this id."""
        with answering("read the user"):
            return self._user(tenant_id, user_id)

    def by_email(self, tenant_id: str, address: str) -> User | None:
        """Return the user of the tenant who has an address, in any spelling of it; None if nobody has.

        ValueError for what is no address.
        """
        with answering("read the address"):
            found = self._get(tenant_id, table.email_sk(address))
            if not found:
                return None
            try:
                user = self._user(tenant_id, int(found["userId"]["N"]))
            except NotFoundError:  # erased in between
                return None
        return user if unique_email(user.email) == unique_email(address) else None  # changed in between

    def page(self, tenant_id: str, limit: int, cursor: str | None = None) -> Page:
        """Return up to `limit` users of the tenant, those after `cursor` if there is one.

        Raises InvalidCursorError for a cursor that is not this tenant's.
        """
        after = cursors.decode(tenant_id, cursor) if cursor is not None else 0
        with answering("list the users"):
            answer = self._client.query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
                ExpressionAttributeValues={
                    ":pk": {"S": table.pk(tenant_id)},
                    ":first": {"S": table.user_sk(after + 1)},
                    ":last": {"S": table.user_sk(2**53)},
                },
                Limit=limit + 1,  # one more than asked for tells whether there is a next page
                ConsistentRead=True,
            )
        found = [items.user_of(tenant_id, item) for item in answer["Items"]]
        more = len(found) > limit or "LastEvaluatedKey" in answer
        users = found[:limit]
        return Page(users, cursors.encode(tenant_id, users[-1].id) if more and users else None)

    def tenants(self) -> Iterator[str]:
        """Yield every tenant that ever had a user."""
        with answering("list the tenants"):
            for page in self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName=table.INDEX,
                KeyConditionExpression="#list = :list",
                ExpressionAttributeNames={"#list": "list"},
                ExpressionAttributeValues={":list": {"S": table.TENANTS}},
            ):
                yield from (item["position"]["S"] for item in page["Items"])

    def _user(self, tenant_id: str, user_id: int, expected: Collection[int] | None = None) -> User:
        item = self._get(tenant_id, table.user_sk(user_id))
        if not item:
            raise NotFoundError
        user = items.user_of(tenant_id, item)
        if expected is not None and user.version not in expected:
            raise VersionMismatchError
        return user

    def _get(self, tenant_id: str, sk: str) -> dict[str, Any]:
        found = self._client.get_item(
            TableName=self._table, Key=table.key(tenant_id, sk), ConsistentRead=True
        )
        return found.get("Item", {})
