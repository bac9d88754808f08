"""What AWS would refuse or limit is found, with where AWS says so; what it takes is not."""

import time
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from kafka_esm.consumer.access import REGISTRY_ACCESS
from kafka_esm.mappings.mapping import Target, mapping_from_properties
from kafka_esm.mappings.rules import Finding, of_private_key
from kafka_esm.mappings.secrets import with_key_findings
from kafka_esm.mappings.validation import Found
from moto import mock_aws

SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:kafka-abcdef"
GOOD: dict[str, Any] = {
    "KafkaBootstrapServers": ["b-1.example.com:9092"],
    "Topics": ["user.events"],
    "ConsumerGroupId": "g",
    "StartingPosition": "TRIM_HORIZON",
    "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": SECRET}],
}
CLUSTER = "arn:aws:kafka:us-east-1:000000000000:cluster/demo/5c6f0d7e-1"
POLLERS = {"ProvisionedPollerConfig": {"MinimumPollers": 1}}


def registry(**more: Any) -> dict[str, Any]:
    return {"SchemaRegistryConfig": {"SchemaRegistryURI": "https://r.example.com"} | more}


def found(properties: dict[str, Any], target: Target | None = None) -> list[Finding]:
    return list(mapping_from_properties("Fn.Events.E", target or Target("f", 60), properties).findings)


def test_given_what_aws_takes_when_checked_then_nothing_is_found() -> None:
    assert found(GOOD) == []
    everything = {
        "MaximumRetryAttempts": 2,
        "BisectBatchOnFunctionError": True,
        "LoggingConfig": {"SystemLogLevel": "INFO"},
        "DestinationConfig": {"OnFailure": {"Destination": "kafka://dead"}},
    }
    assert found(GOOD | POLLERS | everything) == []


@pytest.mark.parametrize(
    ("properties", "rule"),
    [
        ({"Topics": ["t"]}, "topic-name"),
        ({"Topics": [".hidden"]}, "topic-name"),
        ({"ConsumerGroupId": "g{1}"}, "consumer-group-id"),
        ({"KafkaBootstrapServers": ["kafka_1:9092"]}, "bootstrap-server"),
        ({"KafkaBootstrapServers": [f"b-{n}:9092" for n in range(11)]}, "bootstrap-servers"),
        (
            {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": time.time() + 3600},
            "starting-timestamp",
        ),
        ({"BisectBatchOnFunctionError": "true"}, "provisioned-only"),
        ({"LoggingConfig": {"SystemLogLevel": "INFO"}}, "provisioned-only"),
        ({"DestinationConfig": {"OnFailure": {"Destination": "kafka://dead"}}}, "provisioned-only"),
        ({"ProvisionedPollerConfig": {"PollerGroupName": "a b"}}, "poller-group-name"),
        ({"SourceAccessConfigurations": []}, "source-access"),
        ({"SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": "kafka"}]}, "secret-arn"),
        (registry(), "provisioned-only"),
        (POLLERS | registry(SchemaRegistryURI="https://r/~ours"), "schema-registry-uri"),
        (registry(AccessConfigs=[{"Type": "BASIC_AUTH", "URI": "r"}]) | POLLERS, "secret-arn"),
        (
            registry(AccessConfigs=[{"Type": kind, "URI": SECRET} for kind in REGISTRY_ACCESS]) | POLLERS,
            "schema-registry-access",
        ),
        ({"EventSourceArn": CLUSTER}, "source-access"),
        ({"ConsumerGroupId": "{{resolve:ssm-secure:/group}}"}, "ssm-secure"),
    ],
)
def test_given_what_aws_would_refuse_when_checked_then_it_is_found_with_its_source(
    properties: dict[str, Any], rule: str
) -> None:
    (finding,) = found(GOOD | properties)
    assert finding.rule == rule
    assert finding.source.startswith("https://docs.aws.amazon.com/")


def test_given_a_timeout_when_checked_then_fourteen_minutes_are_the_most() -> None:
    assert found(GOOD, Target("f", 840)) == []
    (finding,) = found(GOOD, Target("f", 841))
    assert finding.rule == "function-timeout"
    assert found(GOOD, Target("f", 900, timeout_known=False)) == []  # nobody knows it


def key(*, encrypted: bool) -> str:
    how: Any = serialization.BestAvailableEncryption(b"x") if encrypted else serialization.NoEncryption()
    made = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8
    return made.private_bytes(serialization.Encoding.PEM, form, how).decode()


def test_given_a_private_key_when_checked_then_pbes2_is_found() -> None:
    assert list(of_private_key(key(encrypted=False))) == []
    (finding,) = of_private_key(key(encrypted=True))
    assert finding.rule == "private-key"


def test_given_an_endpoint_when_checked_then_the_private_key_in_the_secret_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        secrets = boto3.client("secretsmanager", "us-east-1")
        text = key(encrypted=True).replace("\n", "\\n")
        arn = secrets.create_secret(Name="mtls", SecretString=f'{{"privateKey": "{text}"}}')["ARN"]
        for uri, rules, notes in ((arn, ["private-key"], 0), ("nothing", ["secret-arn"], 1)):
            access = [{"Type": "CLIENT_CERTIFICATE_TLS_AUTH", "URI": uri}]
            mapping = mapping_from_properties(
                "M", Target("f", 60), GOOD | {"SourceAccessConfigurations": access}
            )
            (one,) = with_key_findings([Found("M", mapping)], secrets)
            assert one.mapping is not None
            assert [finding.rule for finding in one.mapping.findings] == rules
            assert len(one.mapping.notes) == notes
