"""Pages of other origins: those that are listed read every answer, and no others any."""

from typing import Any

import pytest

from tests.unit import gateway, issuer
from tests.unit.fakes import DynamoFaults
from tests.unit.functions.test_every_http_function import TOO_LARGE, Endpoint, allow
from tests.unit.functions.test_every_http_function import endpoint as any_endpoint

__all__ = ["any_endpoint"]

PAGE = "https://app.example"
OTHERS = ["https://evil.example", "null", "https://app.example.evil", "http://app.example", "", "*"]
EXPOSED = {
    "ETag",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "traceresponse",
    "X-Request-Id",
}
ALLOW_ORIGIN = "access-control-allow-origin"


@pytest.fixture
def endpoint(any_endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    monkeypatch.setenv("CORS_ALLOWED_ORIGINS", f"{PAGE}, http://localhost:5173")
    return any_endpoint


def from_page(origin: str = PAGE, **headers: str) -> dict[str, str | list[str]]:
    return {"Origin": origin, **headers}


def preflight(endpoint: Endpoint, origin: str = PAGE, **headers: str) -> gateway.Answer:
    asked = {"Access-Control-Request-Method": endpoint.method, **headers}
    return endpoint.function.http("OPTIONS", endpoint.path, headers=from_page(origin, **asked))


def cors_headers(answer: gateway.Answer) -> set[str]:
    return {name for name in answer.headers if name.startswith("access-control-")}


def names(text: str) -> set[str]:
    return set(text.split(", "))


@pytest.mark.parametrize("origin", [PAGE, "http://localhost:5173"])
def test_given_a_preflight_of_a_listed_origin_then_it_may_send_its_request_and_nothing_is_counted(
    endpoint: Endpoint, aws: DynamoFaults, origin: str
) -> None:
    wanted = "authorization, content-type, idempotency-key, if-match, traceparent, baggage, sentry-trace"
    answer = preflight(endpoint, origin, **{"Access-Control-Request-Headers": wanted})
    assert (answer.status, answer.is_base64) == (200, False)
    assert answer.headers[ALLOW_ORIGIN] == origin
    assert endpoint.method in names(answer.headers["access-control-allow-methods"])
    assert names(answer.headers["access-control-allow-headers"]) == names(wanted)
    assert int(answer.headers["access-control-max-age"]) > 0
    assert "access-control-allow-credentials" not in answer.headers
    assert "Origin" in names(answer.headers["vary"])
    assert answer.headers["x-request-id"] == gateway.REQUEST_ID
    assert "ratelimit" not in answer.headers
    assert aws.requests == []
    assert endpoint.function.logs(message="request", method="OPTIONS", status=200)


@pytest.mark.parametrize("origin", OTHERS)
def test_given_a_preflight_of_another_origin_then_400_and_no_leave(endpoint: Endpoint, origin: str) -> None:
    answer = preflight(endpoint, origin)
    assert "origin" in answer.problem(400)["detail"]
    assert ALLOW_ORIGIN not in answer.headers


def test_given_a_preflight_for_a_method_that_no_route_takes_then_400_names_those_that_are_taken(
    endpoint: Endpoint,
) -> None:
    answer = preflight(endpoint, **{"Access-Control-Request-Method": "PUT"})
    assert "method" in answer.problem(400)["detail"]
    assert names(answer.headers["access-control-allow-methods"]) == names(endpoint.allow)


def test_given_options_that_is_no_preflight_then_405(endpoint: Endpoint) -> None:
    answer = endpoint.function.http("OPTIONS", endpoint.path, headers=from_page())
    answer.problem(405)
    assert answer.headers[ALLOW_ORIGIN] == PAGE


@pytest.mark.parametrize("status", [200, 401, 404, 405, 413, 415, 422, 429, 500, 503])
def test_given_a_listed_origin_when_answered_then_its_page_can_read_the_answer(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, aws: DynamoFaults, status: int
) -> None:
    answer = _answer(endpoint, monkeypatch, aws, status, PAGE)
    assert answer.headers[ALLOW_ORIGIN] == PAGE
    assert names(answer.headers["access-control-expose-headers"]) == EXPOSED
    assert "access-control-allow-credentials" not in answer.headers
    assert names(answer.headers["vary"]) == {"Origin"}


@pytest.mark.parametrize("origin", OTHERS)
@pytest.mark.parametrize("status", [200, 500])
def test_given_another_origin_when_answered_then_its_page_cannot_read_the_answer(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, aws: DynamoFaults, status: int, origin: str
) -> None:
    answer = _answer(endpoint, monkeypatch, aws, status, origin)
    assert ALLOW_ORIGIN not in answer.headers
    assert names(answer.headers["vary"]) == {"Origin"}


@pytest.mark.parametrize("status", [200, 401, 404, 500])
def test_given_no_list_when_answered_then_nothing_says_that_there_are_pages(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, aws: DynamoFaults, status: int
) -> None:
    monkeypatch.setenv("CORS_ALLOWED_ORIGINS", "")
    answer = _answer(endpoint, monkeypatch, aws, status, PAGE)
    assert not cors_headers(answer)
    assert "vary" not in answer.headers


def test_given_no_list_when_a_preflight_comes_then_405(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_ALLOWED_ORIGINS", "")
    answer = preflight(endpoint)
    answer.problem(405)
    assert not cors_headers(answer)


def test_given_every_origin_when_answered_then_any_page_can_read_the_answer(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_ALLOWED_ORIGINS", "*")
    answer = endpoint.call(token="tenant-a:user-1", headers=from_page("https://any.example"))
    assert (answer.status, answer.headers[ALLOW_ORIGIN]) == (endpoint.success, "*")
    assert preflight(endpoint, "https://any.example").headers[ALLOW_ORIGIN] == "*"


@pytest.mark.parametrize("origins", ["https://a.dev/", f"{PAGE},a.dev", "null"])
def test_given_a_list_that_is_wrong_when_called_then_500_and_the_log_names_the_variable(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, origins: str
) -> None:
    monkeypatch.setenv("CORS_ALLOWED_ORIGINS", origins)
    endpoint.call(token="tenant-a:user-1").problem(500)
    (line,) = endpoint.function.logs(level="ERROR")
    assert "CORS_ALLOWED_ORIGINS" in line["exception"]
    assert f"{origins.rpartition(',')[2]!r} is no origin" in line["exception"]


def _answer(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, aws: DynamoFaults, status: int, origin: str
) -> gateway.Answer:
    """Have the endpoint answer a page of `origin` with `status`."""
    parts: dict[int, dict[str, Any]] = {
        401: {"token": None},
        413: {"json": None, "body": TOO_LARGE},
        415: {"json": None, "body": "x", "headers": from_page(origin, **{"Content-Type": "text/plain"})},
        422: endpoint.wrong,
    }
    if status == 429:
        allow(monkeypatch, burst=1)
        endpoint.call(token="tenant-a:user-1")
    if status == 500:
        endpoint.break_down(monkeypatch)
    if status == 503:
        unavailable = {"AUTH_MODE": "jwt", "JWT_JWKS_URL": "http://127.0.0.1:1/jwks.json"}
        unavailable |= {"JWT_ISSUER": issuer.ISSUER, "JWT_AUDIENCE": issuer.AUDIENCE}
        for variable, value in unavailable.items():
            monkeypatch.setenv(variable, value)
        parts[503] = {"token": issuer.token()}
    method = {404: "GET", 405: "PUT"}.get(status, endpoint.method)
    path = "/nothing" if status == 404 else endpoint.path
    given = {"path": path, "token": "tenant-a:user-1", "headers": from_page(origin), **endpoint.parts}
    answer = endpoint.function.http(method, **{**given, **parts.get(status, {})})
    assert answer.status == (endpoint.success if status == 200 else status)
    return answer
