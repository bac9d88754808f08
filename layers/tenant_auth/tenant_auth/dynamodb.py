"""DynamoDB as far as one tenant reaches: credentials that open its items, and nobody else's.

A function that acts for tenants may not touch the table itself. It assumes a role that may, with a session
policy that leaves of it only what lies under the tenant's partition key.
Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
"""

from __future__ import annotations

import json
import logging
import time
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tenant_auth.settings import TenantRoleSettings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sts import STSClient
    from mypy_boto3_sts.type_defs import CredentialsTypeDef

_TENANTS = 256  # of one execution environment; a client takes 0.2 MB
_SESSION_SECONDS = 3_600  # the most that a role gives to another role's session
_USED_SECONDS = _SESSION_SECONDS // 2
_NAMED = Config(user_agent="event-mesh")  # boto3 describes itself anew in each call: a quarter of its time
_STANDARD = _NAMED.merge(
    Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "max_attempts": 2})
)
BRIEF = _NAMED.merge(Config(connect_timeout=0.5, read_timeout=0.5, retries={"total_max_attempts": 1}))


class TenantAccessError(Exception):
    """The credentials for a tenant cannot be had; the same call may succeed later."""


def tenant_dynamodb(tenant_id: str, timeouts: Config = _STANDARD) -> DynamoDBClient:
    """Return a client that reaches the tenant's items and no others; TenantAccessError if STS fails."""
    return _client(tenant_id, timeouts, int(time.time() // _USED_SECONDS))


def tenant_policy(tenant_id: str) -> dict[str, Any]:
    """Return the session policy for a tenant: whatever the role allows, if it names the tenant's partition.

    Without `Null`, a request that names none (a Scan) would pass: ForAllValues holds of nothing.
    """
    return {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": "dynamodb:*",
            "Resource": "*",
            "Condition": {
                "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [f"TENANT#{tenant_id}"]},
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        },
    }


@lru_cache(2 * _TENANTS)
def _client(tenant_id: str, timeouts: Config, period: int) -> DynamoDBClient:
    credentials = _credentials(tenant_id, period)
    return boto3.client(
        "dynamodb",
        config=timeouts,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


@lru_cache(_TENANTS)
def _credentials(tenant_id: str, period: int) -> CredentialsTypeDef:
    """Return credentials that outlast the period by half an hour."""
    try:
        return _sts().assume_role(
            RoleArn=TenantRoleSettings.read().tenant_role_arn,
            RoleSessionName=f"tenant.{tenant_id}"[:64],
            Policy=json.dumps(tenant_policy(tenant_id)),
            DurationSeconds=_SESSION_SECONDS,
        )["Credentials"]
    except (BotoCoreError, ClientError) as error:
        raise TenantAccessError("STS gave no credentials for the tenant.") from error


logging.getLogger("botocore.parsers").setLevel(logging.INFO)  # at DEBUG it logs every answer: credentials


@cache
def _sts() -> STSClient:
    return boto3.client("sts", config=_STANDARD)
