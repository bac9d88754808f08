"""What the gateway says by itself is a problem, or what the template wants."""

import json
from typing import Any

import pytest
from function_host.http.gateway_responses import response

ID = "c6af9ac6"
KINDS = {
    "MISSING_AUTHENTICATION_TOKEN": 403,
    "REQUEST_TOO_LARGE": 413,
    "THROTTLED": 429,
    "INTEGRATION_TIMEOUT": 504,
    "DEFAULT_5XX": 502,
}


@pytest.mark.parametrize(("kind", "status"), KINDS.items())
def test_given_nothing_then_it_is_a_problem_with_its_status(kind: str, status: int) -> None:
    found, headers, body = response(kind, {}, ID)

    problem = json.loads(body)
    assert (found, problem["status"]) == (status, status)
    assert problem.keys() == {"type", "title", "status", "detail"}
    assert dict(headers) == {"Content-Type": "application/problem+json", "X-Request-Id": ID}


def test_given_a_response_of_the_template_then_status_headers_and_body_are_its_own() -> None:
    given = {
        "THROTTLED": {
            "StatusCode": 503,
            "ResponseTemplates": {
                "application/json": '{"a":$context.error.messageString,"id":"$context.requestId"}'
            },
            "ResponseParameters": {
                "Headers": {
                    "Content-Type": "'application/problem+json'",
                    "Retry-After": "'5'",
                    "X-Request-Id": "context.requestId",
                    "X-Other": "method.request.header.other",
                }
            },
        }
    }

    status, headers, body = response("THROTTLED", given, ID)

    assert (status, json.loads(body)) == (503, {"a": "Too Many Requests", "id": ID})
    assert dict(headers) == {
        "Content-Type": "application/problem+json",
        "Retry-After": "5",
        "X-Request-Id": ID,
    }


@pytest.mark.parametrize(
    ("kind", "default"), [("THROTTLED", "DEFAULT_4XX"), ("INTEGRATION_TIMEOUT", "DEFAULT_5XX")]
)
def test_given_a_default_of_the_template_then_it_counts_for_what_has_none(kind: str, default: str) -> None:
    given: dict[str, Any] = {default: {}}

    status, headers, body = response(kind, given, ID)

    assert status == KINDS[kind]
    assert dict(headers) == {"Content-Type": "application/json"}
    assert json.loads(body).keys() == {"message"}
