"""Mappings are read from ListEventSourceMappings, where the emulator has kept what is needed."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.api import find_mappings
from kafka_esm.mappings.mapping import Target
from kafka_esm.mappings.validation import accepted

ARN = "arn:aws:lambda:us-east-1:000000000000:function:enrich:live"
UUID = "5c6f0d7e-0000-4000-8000-000000000000"


@pytest.fixture
def client() -> Any:
    return boto3.client("lambda", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


def row(**more: Any) -> dict[str, Any]:
    return {
        "UUID": UUID,
        "FunctionArn": ARN,
        "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["a:1", "b:2"]}},
        "SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": "g"},
        "Topics": ["t"],
        "StartingPosition": "TRIM_HORIZON",
        "State": "Enabled",
        "LastModified": datetime(2026, 1, 1, tzinfo=UTC),
        "MaximumRetryAttempts": -1,
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
    } | more


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in row().items() if key != name}


def test_given_a_mapping_when_listed_then_it_is_read_as_from_a_template(client: Any) -> None:
    start = datetime(2025, 11, 22, 8, 26, 40, tzinfo=UTC)
    rows = [
        row(StartingPosition="AT_TIMESTAMP", StartingPositionTimestamp=start, BatchSize=7),
        row(State="Disabled", DestinationConfig={"OnFailure": {"Destination": "kafka://dlq"}}),
        {"UUID": UUID.replace("5", "6"), "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q"},
    ]
    with Stubber(client) as stub:
        stub.add_response("list_event_source_mappings", {"EventSourceMappings": rows[:1], "NextMarker": "m"})
        stub.add_response("list_event_source_mappings", {"EventSourceMappings": rows[1:]})
        stub.add_response("get_function_configuration", {"Timeout": 12}, {"FunctionName": ARN})
        stub.add_client_error("get_function_configuration", "ResourceNotFoundException")
        first, second = accepted(find_mappings(client))
    assert (first.target, second.target) == (Target("enrich:live", 12), Target("enrich:live", 900))
    assert (first.bootstrap, first.topic, first.group, first.batch_size) == ("a:1,b:2", "t", "g", 7)
    assert (first.starting_timestamp, first.enabled, first.destination) == (1_763_800_000.0, True, None)
    assert (second.enabled, second.destination, second.max_retries) == (False, "kafka://dlq", 10)


def test_given_an_endpoint_that_does_not_keep_the_source_when_listed_then_it_says_so(client: Any) -> None:
    lost = without("SelfManagedEventSource")
    with Stubber(client) as stub:
        stub.add_response("list_event_source_mappings", {"EventSourceMappings": [lost]})
        with pytest.raises(ConfigurationError, match=r"not kept .* 5c6f0d7e-.*--template"):
            find_mappings(client)


def test_given_no_topic_when_listed_then_that_mapping_is_refused(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_response("list_event_source_mappings", {"EventSourceMappings": [without("Topics")]})
        stub.add_response("get_function_configuration", {"Timeout": 12})
        (found,) = find_mappings(client)
    assert f"mapping {UUID}: Topics" in str(found.error)


def test_given_an_endpoint_that_refuses_when_listed_then_it_is_one_clear_error(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("list_event_source_mappings", "AccessDeniedException")
        with pytest.raises(ConfigurationError, match="--from-api: the mappings cannot"):
            find_mappings(client)


def test_given_a_key_when_listed_then_it_is_only_noted(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_response(
            "list_event_source_mappings",
            {"EventSourceMappings": [row(KMSKeyArn="arn:aws:kms:us-east-1:000000000000:key/k")]},
        )
        stub.add_response("get_function_configuration", {"Timeout": 12})
        (mapping,) = accepted(find_mappings(client))
    assert "KmsKeyArn has no meaning outside AWS" in mapping.notes
