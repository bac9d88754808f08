"""Transactions on the table, and how long a change waits for others that write the same items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from random import uniform
from time import sleep
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from users.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

FAILED = "ConditionalCheckFailed"
_PASSING = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}

# Before a transaction is tried again: seconds at most, and half of them at least. They are 2 in all.
_PAUSES = (0.025, 0.05, 0.1, 0.2, 0.4, 0.4, 0.4, 0.4)


class Patience:
    """How long one change goes on trying."""

    def __init__(self) -> None:
        self._pauses = iter(_PAUSES)

    def wait(self) -> None:
        """Wait, each time longer; UnavailableError after two seconds in all."""
        longest = next(self._pauses, None)
        if longest is None:
            raise UnavailableError("DynamoDB did not change the items: too many conflicts.")
        sleep(longest * uniform(0.5, 1))  # noqa: S311 - so that those who met do not meet again


class Transactions:
    """Writes several items of the table, all or none."""

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    def commit(self, token: str, writes: Sequence[Mapping[str, Any]], patience: Patience) -> list[str]:
        """Do all writes or none: return nothing once they are done, or for each why it was not.

        Sent again with the same token, it is the same transaction: it tells how the first one ended.
        """
        transaction: list[Any] = [
            {operation: {"TableName": self._table, **what} for operation, what in write.items()}
            for write in writes
        ]
        while True:
            try:
                self._client.transact_write_items(TransactItems=transaction, ClientRequestToken=token)
            except self._client.exceptions.TransactionInProgressException:
                patience.wait()  # it is this very one, whose answer was lost
            except self._client.exceptions.TransactionCanceledException as error:
                refusals = [reason["Code"] for reason in error.response["CancellationReasons"]]
                if not {FAILED, *_PASSING} & set(refusals):
                    raise
                return refusals
            else:
                return []


@contextmanager
def answering(wanted: str) -> Iterator[None]:
    """Have a DynamoDB that fails be an UnavailableError, which says what it did not do."""
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise UnavailableError(f"DynamoDB did not {wanted}.") from error
