"""boto3's own variables say where a service answers, before --endpoint-url."""

import pytest
from kafka_esm.aws import api_client
from kafka_esm.delivery.destinations import _client
from kafka_esm.delivery.invoke import lambda_client

URL = "http://127.0.0.1:4566"


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")


def test_given_services_elsewhere_when_called_then_each_is_where_its_variable_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for port, service in enumerate(("LAMBDA", "SQS", "SECRETS_MANAGER", "SSM"), start=1):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", f"http://127.0.0.1:{port}")
    assert lambda_client(URL, "us-east-1", 3).meta.endpoint_url == "http://127.0.0.1:1"
    assert _client("sqs", URL, "us-east-1").meta.endpoint_url == "http://127.0.0.1:2"
    assert api_client("secretsmanager", URL, "us-east-1").meta.endpoint_url == "http://127.0.0.1:3"
    assert api_client("ssm", URL, "us-east-1").meta.endpoint_url == "http://127.0.0.1:4"
    assert _client("sns", URL, "us-east-1").meta.endpoint_url == URL


def test_given_variables_that_are_to_be_ignored_when_called_then_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert _client("sqs", URL, "us-east-1").meta.endpoint_url == URL
