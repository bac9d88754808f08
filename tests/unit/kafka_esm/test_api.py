"""Mappings are read from ListEventSourceMappings, where the emulator has kept what is needed."""

import re
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from kafka_esm.errors import ConfigurationError
from kafka_esm.mappings.api import find_mappings
from kafka_esm.mappings.mapping import Target
from kafka_esm.mappings.validation import accepted
from kafka_esm.schemas.config import SchemaRegistry

ARN = "arn:aws:lambda:us-east-1:000000000000:function:enrich:live"
SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:registry-abcdef"
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
        stub.add_response("list_event_source_mappings", {"EventSourceMappings": [lost, row()]})
        stub.add_response("get_function_configuration", {"Timeout": 12})
        found, other = find_mappings(client)
    assert re.search(r"5c6f0d7e-.*not kept .*--template", str(found.error))
    assert other.mapping is not None


def test_given_a_source_of_both_kinds_when_listed_then_its_brokers_are_polled(client: Any) -> None:
    arn = "arn:aws:kafka:us-east-1:000000000000:cluster:kafka:29092"
    with Stubber(client) as stub:
        stub.add_response("list_event_source_mappings", {"EventSourceMappings": [row(EventSourceArn=arn)]})
        stub.add_response("get_function_configuration", {"Timeout": 12})
        (mapping,) = accepted(find_mappings(client))
    assert (mapping.bootstrap, mapping.event_source_arn) == ("a:1,b:2", None)


def test_given_rows_without_a_group_when_listed_then_each_has_its_uuid_and_it_is_said(client: Any) -> None:
    other = UUID.replace("5", "6")
    rows = [without("SelfManagedKafkaEventSourceConfig") | {"UUID": uuid} for uuid in (UUID, other)]
    with Stubber(client) as stub:
        stub.add_response("list_event_source_mappings", {"EventSourceMappings": rows})
        for _ in rows:
            stub.add_response("get_function_configuration", {"Timeout": 12})
        mappings = accepted(find_mappings(client))
    assert [mapping.group for mapping in mappings] == [UUID, other]
    assert all("kept no ConsumerGroupId" in mapping.notes[-1] for mapping in mappings)


def test_given_a_cluster_of_msk_when_listed_then_it_is_polled(client: Any) -> None:
    arn = "arn:aws:kafka:us-east-1:000000000000:cluster/demo/1-2"
    managed = without("SelfManagedEventSource") | {
        "EventSourceArn": arn,
        "SelfManagedKafkaEventSourceConfig": None,
        "AmazonManagedKafkaEventSourceConfig": {"ConsumerGroupId": "m"},
    }
    with Stubber(client) as stub:
        rows = [{name: value for name, value in managed.items() if value is not None}]
        stub.add_response("list_event_source_mappings", {"EventSourceMappings": rows})
        stub.add_response("get_function_configuration", {"Timeout": 12})
        (mapping,) = accepted(find_mappings(client))
    assert (mapping.event_source_arn, mapping.group, mapping.bootstrap_servers) == (arn, "m", ())


def test_given_an_arn_that_somebody_made_up_when_listed_then_it_is_not_left_out(client: Any) -> None:
    arn = "arn:aws:kafka:eu-central-1:000000000000:cluster:kafka:29092"
    managed = without("SelfManagedEventSource") | {"EventSourceArn": arn}
    with Stubber(client) as stub:
        stub.add_response("list_event_source_mappings", {"EventSourceMappings": [managed]})
        stub.add_response("get_function_configuration", {"Timeout": 12})
        (mapping,) = accepted(find_mappings(client))
    assert mapping.event_source_arn == arn


def test_given_a_mapping_that_is_being_deleted_when_listed_then_it_is_left_out(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_response("list_event_source_mappings", {"EventSourceMappings": [row(State="Deleting")]})
        assert find_mappings(client) == []


def test_given_an_endpoint_that_stumbles_when_listed_again_then_the_timeout_stays(client: Any) -> None:
    timeouts: dict[str, int] = {}
    with Stubber(client) as stub:
        for timeout in (12, None):
            stub.add_response("list_event_source_mappings", {"EventSourceMappings": [row()]})
            if timeout:
                stub.add_response("get_function_configuration", {"Timeout": timeout})
            else:
                stub.add_client_error("get_function_configuration", "ServiceException")
            (mapping,) = accepted(find_mappings(client, timeouts))
            assert mapping.target.timeout_seconds == 12


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


@pytest.mark.parametrize(
    "source", ["SelfManagedKafkaEventSourceConfig", "AmazonManagedKafkaEventSourceConfig"]
)
def test_given_a_schema_registry_when_listed_then_it_is_as_in_a_template(client: Any, source: str) -> None:
    uri = "https://registry.example.com"
    config = {
        "SchemaRegistryURI": uri,
        "EventRecordFormat": "SOURCE",
        "AccessConfigs": [{"Type": "BASIC_AUTH", "URI": SECRET}],
        "SchemaValidationConfigs": [{"Attribute": "VALUE"}],
    }
    with Stubber(client) as stub:
        listed = row(**{source: {"ConsumerGroupId": "g", "SchemaRegistryConfig": config}})
        stub.add_response("list_event_source_mappings", {"EventSourceMappings": [listed]})
        stub.add_response("get_function_configuration", {"Timeout": 12})
        (mapping,) = accepted(find_mappings(client))
    assert mapping.schema_registry == SchemaRegistry(uri, "SOURCE", ("VALUE",), (("BASIC_AUTH", SECRET),))
