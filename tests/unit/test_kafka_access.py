"""What opens a Kafka that is elsewhere goes into Secrets Manager, named by the parameters of the template."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from mesh.errors import MeshError
from mesh.kafka import kafka_access
from mesh.state import Component, State
from moto import mock_aws

ELSEWHERE = State(components=[Component("kafka", "kafka.example:9096")])


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("USERNAME", "PASSWORD", "ROOT_CA"):
        monkeypatch.delenv(f"KAFKA_{name}", raising=False)
    with mock_aws():
        made = boto3.client("secretsmanager", region_name="us-east-1")
        monkeypatch.setattr(kafka_access, "client", lambda *_: made)
        yield made


def test_given_a_password_and_an_authority_when_published_then_the_parameters_name_them(
    secrets: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root_ca = tmp_path / "ca.pem"
    root_ca.write_text("PEM")
    for name, value in (("USERNAME", "mesh"), ("PASSWORD", "old"), ("ROOT_CA", str(root_ca))):
        monkeypatch.setenv(f"KAFKA_{name}", value)
    kafka_access.publish(ELSEWHERE)
    monkeypatch.setenv("KAFKA_PASSWORD", "new")

    parameters = kafka_access.publish(ELSEWHERE)

    contents = {
        name: json.loads(secrets.get_secret_value(SecretId=arn)["SecretString"])
        for name, arn in parameters.items()
    }
    assert contents == {
        "KafkaSecretArn": {"username": "mesh", "password": "new"},
        "KafkaRootCaSecretArn": {"certificate": "PEM"},
    }


@pytest.mark.parametrize("component", [*ELSEWHERE.components, Component("kafka", "127.0.0.1:1", pid=1)])
def test_given_a_kafka_that_is_open_when_published_then_there_is_no_secret(
    secrets: Any, component: Component
) -> None:
    assert kafka_access.publish(State(broker="tansu", components=[component])) == {}
    assert secrets.list_secrets()["SecretList"] == []


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("KAFKA_USERNAME", "mesh", "Of KAFKA_USERNAME and KAFKA_PASSWORD one is given"),
        ("KAFKA_PASSWORD", "secret", "Of KAFKA_USERNAME and KAFKA_PASSWORD one is given"),
        ("KAFKA_ROOT_CA", "/nowhere/ca.pem", "KAFKA_ROOT_CA names no PEM file that can be read"),
    ],
)
def test_given_half_of_what_is_needed_when_published_then_it_says_what_is_missing(
    secrets: Any, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(MeshError, match=said):
        kafka_access.publish(ELSEWHERE)
