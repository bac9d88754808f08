"""The way to DynamoDB for what is done on behalf of a tenant."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BRIEF = Config(connect_timeout=0.5, read_timeout=0.5, retries={"total_max_attempts": 1})


def tenant_dynamodb(tenant_id: str) -> DynamoDBClient:
    """Return a client for this tenant's items. It gives up soon: what it is used for can be done without."""
    return _client()


@cache
def _client() -> DynamoDBClient:
    return boto3.client("dynamodb", config=BRIEF)
