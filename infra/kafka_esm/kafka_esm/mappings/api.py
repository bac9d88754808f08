"""The event source mappings that the Lambda API at the endpoint knows."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.mapping import Target
from kafka_esm.mappings.validation import Found, check_mapping, own_groups

_LONGEST_TIMEOUT = 900
# The API's own words, which say nothing about how to poll.
_IGNORED = frozenset(
    {
        "EventSourceMappingArn",
        "FilterCriteriaError",
        "FunctionArn",
        "LastModified",
        "LastProcessingResult",
        "ParallelizationFactor",
        "State",
        "StateTransitionReason",
        "TumblingWindowInSeconds",
        "UUID",
    }
)


def find_mappings(client: Any) -> list[Found]:
    """Find every mapping for self-managed Kafka that ListEventSourceMappings lists.

    `client` is boto3's for Lambda.

    Raises:
        ConfigurationError: the endpoint does not answer, or it knows no such mapping (some emulators do
            not keep what is needed to poll: read the template instead).

    """
    try:
        pages = client.get_paginator("list_event_source_mappings").paginate()
        rows = [row for page in pages for row in page["EventSourceMappings"]]
    except (BotoCoreError, ClientError, KeyError) as exc:
        raise ConfigurationError(f"--from-api: the mappings cannot be listed: {exc}") from None
    found = [found_mapping(client, row) for row in rows if "SelfManagedEventSource" in row]
    if not found:
        # A mapping of another source has that one's ARN: with neither, it was for Kafka and has lost it.
        lost = [row["UUID"] for row in rows if not row.get("EventSourceArn")]
        reason = (
            f"the endpoint has not kept the SelfManagedEventSource of {', '.join(lost)}"
            if lost
            else "the endpoint knows no mapping with a SelfManagedEventSource"
        )
        raise ConfigurationError(f"--from-api: {reason}; read the template instead (--template)")
    return own_groups(found)


def found_mapping(client: Any, row: Mapping[str, Any]) -> Found:
    """Check one mapping, as GetEventSourceMapping describes it."""
    function = str(row.get("FunctionArn", ""))
    return check_mapping(
        f"mapping {row.get('UUID')}", lambda: _target(client, function), lambda: _as_sam(row)
    )


def _target(client: Any, function: str) -> Target:
    if not function:
        raise ConfigurationError("FunctionArn is missing")
    try:
        timeout = int(client.get_function_configuration(FunctionName=function)["Timeout"])
    except (BotoCoreError, ClientError, KeyError):
        # Waiting longer than needed is safe, giving up early is not.
        timeout = _LONGEST_TIMEOUT
    # By its name (and alias), as in the template's mappings: an emulator's ARNs may hold any account.
    name = ":".join(function.split(":")[6:]) if function.startswith("arn:") else function
    return Target(name, timeout)


def _as_sam(row: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the API's fields as SAM names them."""
    properties = {name: value for name, value in row.items() if name not in _IGNORED and value is not None}
    endpoints = properties.pop("SelfManagedEventSource").get("Endpoints") or {}
    # CloudFormation's spelling is found at emulators that store what they are given.
    properties["KafkaBootstrapServers"] = endpoints.get("KAFKA_BOOTSTRAP_SERVERS") or endpoints.get(
        "KafkaBootstrapServers"
    )
    properties |= properties.pop("SelfManagedKafkaEventSourceConfig", {})
    # The API's spelling; CloudFormation's is KmsKeyArn.
    if "KMSKeyArn" in properties:
        properties["KmsKeyArn"] = properties.pop("KMSKeyArn")
    if str(row.get("State", "")).startswith("Disabl"):
        properties["Enabled"] = False
    if not any((properties.get("DestinationConfig") or {}).values()):
        properties.pop("DestinationConfig", None)
    else:
        properties["DestinationConfig"] = {
            name: value for name, value in properties["DestinationConfig"].items() if value
        }
    return properties
