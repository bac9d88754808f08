"""The event source mappings that the Lambda API at the endpoint knows."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.mapping import Target, is_cluster
from kafka_esm.mappings.validation import Found, check_mapping, own_groups

_LONGEST_TIMEOUT = 900
_CONFIGS = ("SelfManagedKafkaEventSourceConfig", "AmazonManagedKafkaEventSourceConfig")
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


def find_mappings(client: Any, timeouts: dict[str, int] | None = None) -> list[Found]:
    """Find every mapping for Kafka that ListEventSourceMappings lists, but for those being deleted.

    `client` is boto3's for Lambda. `timeouts` keeps what is known of functions from one call to the next.
    Some emulators do not keep what is needed to poll; then the mapping has an error that says so.

    Raises:
        ConfigurationError: the endpoint does not answer.

    """
    try:
        pages = client.get_paginator("list_event_source_mappings").paginate()
        rows = [row for page in pages for row in page["EventSourceMappings"]]
    except (BotoCoreError, ClientError, KeyError) as exc:
        raise ConfigurationError(f"--from-api: the mappings cannot be listed: {exc}") from None
    return own_groups(
        [
            found_mapping(client, row, timeouts)
            for row in rows
            if row.get("State") != "Deleting" and _is_kafka(row)
        ]
    )


def _is_kafka(row: Mapping[str, Any]) -> bool:
    # A mapping of another source has that one's ARN: with neither, it was for Kafka and has lost it.
    arn = row.get("EventSourceArn")
    return bool(row.get("SelfManagedEventSource") or row.get("Topics")) or not arn or is_cluster(str(arn))


def found_mapping(client: Any, row: Mapping[str, Any], timeouts: dict[str, int] | None = None) -> Found:
    """Check one mapping, as GetEventSourceMapping describes it."""
    where = f"mapping {row.get('UUID')}"
    if not row.get("SelfManagedEventSource") and not row.get("EventSourceArn"):
        reason = f"{where}: the endpoint has not kept its SelfManagedEventSource"
        return Found(where, error=ConfigurationError(f"{reason}; read the template instead (--template)"))
    function = str(row.get("FunctionArn", ""))
    known: dict[str, int] = {} if timeouts is None else timeouts
    found = check_mapping(where, lambda: _target(client, function, known), lambda: _as_sam(row))
    if found.mapping is None or any((row.get(name) or {}).get("ConsumerGroupId") for name in _CONFIGS):
        return found
    note = "the endpoint has kept no ConsumerGroupId: the group is the mapping's UUID, as on AWS without one"
    return replace(found, mapping=replace(found.mapping, notes=(*found.mapping.notes, note)))


def _target(client: Any, function: str, timeouts: dict[str, int]) -> Target:
    if not function:
        raise ConfigurationError("FunctionArn is missing")
    try:
        timeouts[function] = int(client.get_function_configuration(FunctionName=function)["Timeout"])
    except (BotoCoreError, ClientError, KeyError):
        # Waiting longer than needed is safe, giving up early is not.
        timeouts.setdefault(function, _LONGEST_TIMEOUT)
    # By its name (and alias), as in the template's mappings: an emulator's ARNs may hold any account.
    name = ":".join(function.split(":")[6:]) if function.startswith("arn:") else function
    return Target(name, timeouts[function], timeout_known=timeouts[function] != _LONGEST_TIMEOUT)


def _as_sam(row: Mapping[str, Any]) -> dict[str, Any]:
    """Rename the API's fields as SAM names them."""
    properties = {name: value for name, value in row.items() if name not in _IGNORED and value is not None}
    if source := properties.pop("SelfManagedEventSource", None):
        # LocalStack's users had to give an ARN, too: the brokers are what can be polled.
        properties.pop("EventSourceArn", None)
        endpoints = source.get("Endpoints") or {}
        # CloudFormation's spelling is found at emulators that store what they are given.
        properties["KafkaBootstrapServers"] = endpoints.get("KAFKA_BOOTSTRAP_SERVERS") or endpoints.get(
            "KafkaBootstrapServers"
        )
    for name in _CONFIGS:
        properties |= properties.pop(name, None) or {}
    if not properties.get("ConsumerGroupId"):
        properties["ConsumerGroupId"] = str(row.get("UUID"))
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
