"""The operator's way to the table: to all tenants' items."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import boto3

from users import table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@cache
def dynamodb() -> DynamoDBClient:
    """Return the execution environment's client."""
    return boto3.client("dynamodb", config=table.TIMEOUTS)
