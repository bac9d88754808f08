"""DynamoDB, as far as one tenant reaches."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TIMEOUTS = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "max_attempts": 2})


@cache
def _client() -> DynamoDBClient:
    return boto3.client("dynamodb", config=_TIMEOUTS)


def tenant_dynamodb(tenant_id: str) -> DynamoDBClient:
    """Return a client for what a function does on behalf of the tenant."""
    return _client()
