"""Users in DynamoDB. Only this module knows their keys.

pk = TENANT#<tenant>   sk = USER#<id, 16 digits>       the user
pk = TENANT#<tenant>   sk = EMAIL#<unique_email>        keeps the address unique in its tenant
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from users import cursor as cursors
from users.errors import EmailTakenError, UnavailableError
from users.model import NewUser, User, new_user, unique_email
from users.settings import StoreSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ATTEMPTS = 5  # for an id that is taken, or a transaction that met another one
# With the publisher's times, and taking a user back, still less than the function's 28 s.
_TIMEOUTS = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "max_attempts": 2})


class Page(NamedTuple):
    """Users, oldest first, and the cursor of the next page (None after the last)."""

    users: list[User]
    next_cursor: str | None


class UserStore:
    """The users of every tenant; each method is given the one tenant it works for."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def create(self, tenant_id: str, new: NewUser) -> User:
        """Store a new user and reserve the address, both or neither.

        Raises EmailTakenError if the tenant has a user with the address (in any case), UnavailableError
        if DynamoDB does not answer.
        """
        for _ in range(_ATTEMPTS):
            user = new_user(tenant_id, new)
            try:
                self._client.transact_write_items(
                    TransactItems=[self._put(_email_item(user)), self._put(_user_item(user))]
                )
            except self._client.exceptions.TransactionCanceledException as error:
                email_reason = error.response["CancellationReasons"][0]["Code"]
                if email_reason == "ConditionalCheckFailed":
                    raise EmailTakenError from None
            except (BotoCoreError, ClientError) as error:
                raise UnavailableError("DynamoDB did not store the user.") from error
            else:
                return user
        raise UnavailableError("DynamoDB did not store the user: too many conflicts.")

    def remove(self, user: User) -> None:
        """Take a user back and free the address; UnavailableError if DynamoDB does not answer."""
        keys = [_key(user.tenant_id, _email_sk(user.email)), _key(user.tenant_id, _user_sk(user.id))]
        try:
            self._client.transact_write_items(
                TransactItems=[{"Delete": {"TableName": self._table, "Key": key}} for key in keys]
            )
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("DynamoDB did not remove the user.") from error

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
                    ":pk": {"S": _pk(tenant_id)},
                    ":first": {"S": _user_sk(after + 1)},
                    ":last": {"S": _user_sk(2**53)},
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

    def _put(self, item: dict[str, Any]) -> Any:
        return {
            "Put": {
                "TableName": self._table,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(pk)",
            }
        }


@cache
def user_store() -> UserStore:
    """Return the execution environment's store, made on first use."""
    return UserStore(boto3.client("dynamodb", config=_TIMEOUTS), StoreSettings.read().table_name)


def _pk(tenant_id: str) -> str:
    return f"TENANT#{tenant_id}"


def _user_sk(user_id: int) -> str:
    return f"USER#{user_id:016d}"


def _email_sk(email: str) -> str:
    return f"EMAIL#{unique_email(email)}"


def _key(tenant_id: str, sk: str) -> Any:
    return {"pk": {"S": _pk(tenant_id)}, "sk": {"S": sk}}


def _email_item(user: User) -> dict[str, Any]:
    return {**_key(user.tenant_id, _email_sk(user.email)), "userId": {"N": str(user.id)}}


def _user_item(user: User) -> dict[str, Any]:
    return {
        **_key(user.tenant_id, _user_sk(user.id)),
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
