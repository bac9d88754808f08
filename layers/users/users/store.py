"""Users in DynamoDB: each stored with its address and its event, all three or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from random import uniform
from time import sleep
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from users import cursor as cursors
from users import outbox, table
from users.errors import EmailTakenError, UnavailableError
from users.events import user_created
from users.model import NewUser, User, new_user

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Before a transaction is tried again: seconds at most, and half of them at least. They are 2 in all.
_PAUSES = (0.025, 0.05, 0.1, 0.2, 0.4, 0.4, 0.4, 0.4)
_TAKEN = "ConditionalCheckFailed"
_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}

_registered: set[str] = set()  # the tenants that this execution environment knows to be in the table


class Page(NamedTuple):
    """Users, oldest first, and the cursor of the next page (None after the last)."""

    users: list[User]
    next_cursor: str | None


class Created(NamedTuple):
    """A stored user, and the event to publish; None if the outbox has taken care of it."""

    user: User
    event: outbox.Event | None


class UserStore:
    """The users of every tenant; each method is given the one tenant it works for."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def create(
        self, tenant_id: str, new: NewUser, traceparent: str | None = None, request: str | None = None
    ) -> Created:
        """Store a new user, its address and its event, all three or none.

        `request` names the client's request: if the very same request has stored the user before, and died
        before it could say so, that user is returned. Raises EmailTakenError if the tenant has another user
        with the address (in any case), UnavailableError if DynamoDB does not answer, or others write the same
        items for longer than two seconds.
        """
        try:
            self._register(tenant_id)
            user, event = _new(tenant_id, new, traceparent)
            for longest in (*_PAUSES, 0):
                try:
                    self._put(
                        event.id,
                        _email_item(user, request),
                        _user_item(user),
                        outbox.item(event, user.created_at),
                    )
                except self._client.exceptions.TransactionInProgressException:
                    pass  # it is this very one, whose answer was lost: sent again, it tells how it ended
                except self._client.exceptions.TransactionCanceledException as error:
                    reasons = [reason["Code"] for reason in error.response["CancellationReasons"]]
                    if reasons[0] == _TAKEN:
                        return self._created_before(tenant_id, new.email, request)
                    if not {_TAKEN, *_PASSING} & set(reasons):
                        raise
                    user, event = _new(tenant_id, new, traceparent)
                else:
                    return Created(user, event)
                sleep(longest * uniform(0.5, 1))  # noqa: S311 - so that those who met do not meet again
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("DynamoDB did not store the user.") from error
        raise UnavailableError("DynamoDB did not store the user: too many conflicts.")

    def page(self, tenant_id: str, limit: int, cursor: str | None = None) -> Page:
        """Return up to `limit` users of the tenant, those after `cursor` if there is one.

        Raises InvalidCursorError for a cursor that is not this tenant's, UnavailableError if DynamoDB
        does not answer.
        """
        after = cursors.decode(tenant_id, cursor) if cursor is not None else 0
        try:
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
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("DynamoDB did not list the users.") from error
        found = [_user(tenant_id, item) for item in answer["Items"]]
        more = len(found) > limit or "LastEvaluatedKey" in answer
        users = found[:limit]
        return Page(users, cursors.encode(tenant_id, users[-1].id) if more and users else None)

    def tenants(self) -> Iterator[str]:
        """Yield every tenant that ever had a user; UnavailableError if DynamoDB does not answer."""
        try:
            for page in self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName=table.INDEX,
                KeyConditionExpression="#list = :list",
                ExpressionAttributeNames={"#list": "list"},
                ExpressionAttributeValues={":list": {"S": table.TENANTS}},
            ):
                yield from (item["position"]["S"] for item in page["Items"])
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("DynamoDB did not list the tenants.") from error

    def _register(self, tenant_id: str) -> None:
        """Have the tenant in the list of tenants, before its first user is there."""
        if tenant_id in _registered:
            return
        tenant = {"list": {"S": table.TENANTS}, "position": {"S": tenant_id}}
        self._client.put_item(TableName=self._table, Item={**table.key(tenant_id, table.TENANT_SK), **tenant})
        _registered.add(tenant_id)

    def _put(self, token: str, *items: dict[str, Any]) -> None:
        """Add items, all or none; sent again with the same token, it is the same transaction."""
        new = "attribute_not_exists(pk)"
        puts: list[Any] = [
            {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": new}} for item in items
        ]
        self._client.transact_write_items(TransactItems=puts, ClientRequestToken=token)

    def _created_before(self, tenant_id: str, email: str, request: str | None) -> Created:
        """Return the user whom an earlier attempt of the same request has stored."""
        address = self._get(tenant_id, table.email_sk(email))
        if request is None or "request" not in address or address["request"]["S"] != request:
            raise EmailTakenError
        item = self._get(tenant_id, table.user_sk(int(address["userId"]["N"])))
        return Created(_user(tenant_id, item), None)

    def _get(self, tenant_id: str, sk: str) -> dict[str, Any]:
        found = self._client.get_item(
            TableName=self._table, Key=table.key(tenant_id, sk), ConsistentRead=True
        )
        return found.get("Item", {})


def _new(tenant_id: str, new: NewUser, traceparent: str | None) -> tuple[User, outbox.Event]:
    """Return a user with an id and a time, and the event that announces it."""
    user = new_user(tenant_id, new)
    return user, outbox.Event(tenant_id, user_created(user, traceparent))


def _email_item(user: User, request: str | None) -> dict[str, Any]:
    return {
        **table.key(user.tenant_id, table.email_sk(user.email)),
        "userId": {"N": str(user.id)},
        **({"request": {"S": request}} if request else {}),
    }


def _user_item(user: User) -> dict[str, Any]:
    return {
        **table.key(user.tenant_id, table.user_sk(user.id)),
        "id": {"N": str(user.id)},
        "email": {"S": user.email},
        "name": {"S": user.name},
        "profile": {"S": user.profile},
        "createdAt": {"S": user.created_at.isoformat()},
    }


def _user(tenant_id: str, item: dict[str, Any]) -> User:
    return User.model_validate(
        {
            "id": int(item["id"]["N"]),
            "tenantId": tenant_id,
            **{name: item[name]["S"] for name in ("email", "name", "profile", "createdAt")},
        }
    )
