"""The table: how its keys are made, how long a request waits for it, and how many items are removed.

pk = TENANT#<tenant>   sk = TENANT                  the tenant is there         in the index: TENANTS
pk = TENANT#<tenant>   sk = USER#<id, 16 digits>    a user
pk = TENANT#<tenant>   sk = EMAIL#<unique_email>    keeps the address unique in its tenant
pk = TENANT#<tenant>   sk = OUTBOX#<event id>       an event that Kafka has not   in the index: OUTBOX#<shard>
                                                    acknowledged, oldest first
pk = TENANT#<tenant>   sk = IDEMPOTENCY#…           what a request with an Idempotency-Key was answered
pk = TENANT#<tenant>   sk = REQUEST#<its name>      the user whom a request has created
pk = BATCHES           sk = <digest of a batch>     how often it was begun, and how far it is

The sparse index `across_tenants` (list, position) holds the few items that are looked for without knowing
their tenant. Everything else of a tenant is read and written under its partition key.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any
from zlib import crc32

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from users.errors import UnavailableError
from users.model import unique_email

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "across_tenants"
TENANTS = "TENANTS"
TENANT_SK = "TENANT"
BATCHES = "BATCHES"
OUTBOX_SHARDS = 4  # an index partition takes 1,000 writes a second; a tenant stays in one
EXPIRES_AT = "expiresAt"  # the table's TTL attribute, seconds since 1970

REMEMBERED_SECONDS = 24 * 60 * 60  # what a request with an Idempotency-Key has done

_WRITES = 25  # of one BatchWriteItem

TIMEOUTS = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "max_attempts": 2})


def pk(tenant_id: str) -> str:
    """Return the partition key of everything that is the tenant's."""
    return f"TENANT#{tenant_id}"


def key(tenant_id: str, sk: str) -> dict[str, Any]:
    """Return the primary key of one of the tenant's items."""
    return {"pk": {"S": pk(tenant_id)}, "sk": {"S": sk}}


def batch_key(digest: str) -> dict[str, Any]:
    """Return the primary key of the note on a batch, which may have records of many tenants."""
    return {"pk": {"S": BATCHES}, "sk": {"S": digest}}


def user_sk(user_id: int) -> str:
    """Return the sort key of a user; users sort by id, so by age."""
    return f"USER#{user_id:016d}"


def email_sk(email: str) -> str:
    """Return the sort key that two spellings of one address share."""
    return f"EMAIL#{unique_email(email)}"


def request_sk(name: str) -> str:
    """Return the sort key of what a request has created."""
    return f"REQUEST#{name}"


def outbox_sk(event_id: str) -> str:
    """Return the sort key of an event that is still to be acknowledged."""
    return f"OUTBOX#{event_id}"


def outbox_list(shard: int) -> str:
    """Return the index's partition key of one shard of the outbox."""
    return f"OUTBOX#{shard}"


def outbox_shard(tenant_id: str) -> int:
    """Return the shard that holds all of a tenant's events, so that they stay in order."""
    return crc32(tenant_id.encode()) % OUTBOX_SHARDS


def remove(client: DynamoDBClient, table_name: str, keys: Iterable[dict[str, Any]]) -> int:
    """Delete items, and return how many; UnavailableError if DynamoDB does not answer.

    DynamoDB may leave some unprocessed: whoever has to have them gone looks again.
    """
    left, removed = iter(keys), 0
    while some := [{"DeleteRequest": {"Key": key}} for key in islice(left, _WRITES)]:
        deletes: Any = {table_name: some}
        try:
            client.batch_write_item(RequestItems=deletes)
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("DynamoDB did not remove the items.") from error
        removed += len(some)
    return removed
