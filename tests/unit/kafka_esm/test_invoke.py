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
from kafka_esm.delivery.invoke import client_config, invoke, lambda_client
from kafka_esm.delivery.outcome import judge
from kafka_esm.errors import ConfigurationError

SECRET = "alice@tenant-a.dev"


@pytest.mark.parametrize("payload", [b"null", b'"done"', b"{}", b'{"batchItemFailures":[]}', b"[]"])
def test_given_an_answer_when_nothing_says_error_then_the_batch_is_processed(payload: bytes) -> None:
    assert judge(200, None, payload).ok


def failed_with(kind: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": SECRET}).encode()


def test_given_a_function_error_when_judged_then_it_is_a_failure_without_the_functions_data() -> None:
    outcome = judge(200, "Unhandled", failed_with("ValueError"))
    assert (outcome.name, outcome.error) == ("function_error", "the function failed: ValueError")
    assert (outcome.status, outcome.function_error, outcome.counted) == (200, "Unhandled", True)


def test_given_an_error_only_in_the_payload_when_judged_then_it_is_a_failure() -> None:
    assert judge(200, None, failed_with("ValueError")).name == "function_error"


@pytest.mark.parametrize("payload", [b"", b"<html>", b"\xff"])
def test_given_an_answer_that_is_not_json_when_judged_then_it_is_a_failure(payload: bytes) -> None:
    outcome = judge(200, None, payload)
    assert (outcome.name, outcome.ok, outcome.counted) == ("bad_response", False, True)


def test_given_a_function_error_when_its_body_is_not_json_then_it_still_is_one() -> None:
    outcome = judge(200, "Unhandled", b"Runtime exited: " + SECRET.encode())
    assert (outcome.name, outcome.function_error, outcome.counted) == ("function_error", "Unhandled", True)
    assert SECRET not in str(outcome)


def test_given_an_asynchronous_answer_when_judged_then_it_is_a_failure() -> None:
    assert judge(202, None, b"null").name == "malformed"
    assert judge(202, None, b"").name == "malformed"


SENT = {"t-0": {5, 6}, "t-1": {9}}


def items(*failures: tuple[object, object]) -> bytes:
    rows = [{"itemIdentifier": {"partition": p, "offset": offset}} for p, offset in failures]
    return json.dumps({"batchItemFailures": rows}).encode()


@pytest.mark.parametrize(
    "payload", [b"null", b"{}", b'{"batchItemFailures":null}', b'{"batchItemFailures":[]}']
)
def test_given_no_failed_items_when_judged_then_the_batch_is_processed(payload: bytes) -> None:
    assert judge(200, None, payload, SENT).ok


def test_given_failed_items_when_judged_then_they_are_named() -> None:
    outcome = judge(200, None, items(("t-0", 6), ("t-1", 9), ("t-0", 6)), SENT)
    assert (outcome.name, outcome.ok, outcome.counted) == ("partial", False, True)
    assert outcome.failed == {("t-0", 6), ("t-1", 9)}


def test_given_failed_items_when_the_mapping_does_not_ask_for_them_then_they_say_nothing() -> None:
    assert judge(200, None, items(("t-0", 6))).ok


@pytest.mark.parametrize(
    "payload",
    [
        items(("t-0", 7)),
        items(("t-0", 5), ("u-0", 5)),
        items(("t-1", 5)),
        items(("t-0", "5")),
        items(("t-0", True)),
        items((None, 5)),
        b'{"batchItemFailures":[{"itemIdentifier":""}]}',
        b'{"batchItemFailures":[{}]}',
        b'{"batchItemFailures":["x"]}',
        b'{"batchItemFailures":{}}',
        b'"done"',
    ],
)
def test_given_failed_items_that_are_not_of_the_batch_when_judged_then_the_whole_batch_failed(
    payload: bytes,
) -> None:
    outcome = judge(200, None, payload, SENT)
    assert (outcome.name, outcome.failed, outcome.counted) == ("bad_response", frozenset(), True)


@pytest.mark.parametrize(
    ("payload", "form"),
    [
        (items(("t-0", "5")), "an itemIdentifier whose partition is a string and whose offset is a string"),
        (items((0, 5)), "an itemIdentifier whose partition is a number and whose offset is a number"),
        (b'{"batchItemFailures":[{"itemIdentifier":"t-0-5"}]}', "an itemIdentifier that is a string"),
        (b'{"batchItemFailures":[{"itemIdentifier":null}]}', "an itemIdentifier that is null"),
        (
            b'{"batchItemFailures":[{"itemIdentifier":{}}]}',
            "whose partition is missing",
        ),
        (b'{"batchItemFailures":["t-0-5"]}', "a string without itemIdentifier"),
    ],
)
def test_given_an_id_of_another_form_when_judged_then_the_error_says_what_form_it_has(
    payload: bytes, form: str
) -> None:
    error = judge(200, None, payload, SENT).error or ""
    assert form in error
    assert '{"itemIdentifier": {"partition": "TOPIC-PARTITION", "offset": NUMBER}}' in error
    assert "t-0" not in error


def test_given_a_cold_start_when_invoked_then_it_is_waited_for_beyond_the_functions_timeout() -> None:
    assert client_config(3).read_timeout == 303
    assert client_config(3, cold_start_seconds=900).read_timeout == 903


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
