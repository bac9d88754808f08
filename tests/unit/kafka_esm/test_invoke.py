"""What counts as processed, and what is retried."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError
from kafka_esm.errors import ConfigurationError
from kafka_esm.invoke import Outcome, invoke, judge, lambda_client

SECRET = "alice@tenant-a.dev"


@pytest.mark.parametrize("payload", [b"null", b'"done"', b"{}", b'{"batchItemFailures":[]}', b"[]"])
def test_given_an_answer_when_nothing_says_error_then_the_batch_is_processed(payload: bytes) -> None:
    assert judge(200, None, payload).ok


def failed_with(kind: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": SECRET}).encode()


def test_given_a_function_error_when_judged_then_it_is_a_failure_without_the_functions_data() -> None:
    outcome = judge(200, "Unhandled", failed_with("ValueError"))
    assert outcome == Outcome("function_error", "the function failed: ValueError")


def test_given_an_error_only_in_the_payload_when_judged_then_it_is_a_failure() -> None:
    assert judge(200, None, failed_with("ValueError")).name == "function_error"


@pytest.mark.parametrize("payload", [b"", b"<html>", b"\xff"])
def test_given_an_answer_that_is_not_json_when_judged_then_it_is_a_failure(payload: bytes) -> None:
    assert judge(200, None, payload).name == "malformed"


def test_given_an_asynchronous_answer_when_judged_then_it_is_a_failure() -> None:
    assert judge(202, None, b"null").name == "malformed"


def raising(exc: Exception) -> Any:
    def call(**_: object) -> None:
        raise exc

    return SimpleNamespace(invoke=call)


def client_error(status: int, code: str) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": SECRET}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "Invoke",
    )


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: client_error(429, "TooManyRequestsException"), "throttled"),
        (lambda: client_error(404, "ResourceNotFoundException"), "rejected"),
        (lambda: client_error(500, "ServiceException"), "rejected"),
        (lambda: ReadTimeoutError(endpoint_url="http://x"), "timeout"),
        (lambda: EndpointConnectionError(endpoint_url="http://x"), "unreachable"),
        (lambda: ConnectTimeoutError(endpoint_url="http://x"), "unreachable"),
        (lambda: ResponseParserError("bad"), "malformed"),
        (lambda: KeyError("StatusCode"), "malformed"),
    ],
)
def test_given_a_call_that_fails_when_invoked_then_it_is_a_failure_not_an_exception(
    make: Callable[[], Exception], name: str
) -> None:
    outcome = invoke(raising(make()), "f", b"{}")
    assert (outcome.name, outcome.ok) == (name, False)
    assert SECRET not in str(outcome)


def test_given_no_credentials_when_a_client_is_made_then_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(ConfigurationError, match="AWS_ACCESS_KEY_ID"):
        lambda_client("http://127.0.0.1:1", "us-east-1", 3)


def test_given_an_endpoint_that_is_not_a_url_when_a_client_is_made_then_it_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with pytest.raises(ConfigurationError, match="--endpoint-url"):
        lambda_client("nonsense", "us-east-1", 3)
