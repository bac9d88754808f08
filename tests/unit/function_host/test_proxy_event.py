"""A request becomes the event that API Gateway makes of it."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from function_host.config import Gateway, Route
from function_host.http.proxy_event import Request, event
from function_host.http.routes import Match, Routes
from mesh import paths

EVENTS = [
    path
    for path in sorted((paths.ROOT / "events").glob("*.json"))
    if "httpMethod" in json.loads(path.read_text(encoding="utf-8"))
]
BY_STAGE = Gateway(base_path="/v1", api_id="abc123")
ANY = Match(Route("ANY", "/{proxy+}", "f"), {"proxy": "x"})


def request(path: str = "/x", **parts: Any) -> Request:
    given = {
        "method": "GET",
        "path": path,
        "query": "",
        "headers": [],
        "body": b"",
        "client": "192.0.2.1",
        "scheme": "https",
        "request_id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        "trace_id": "Root=1-2-3",
        "time": datetime(2026, 12, 1, 14, 5, 9, 250_000, UTC),
    }
    return Request(**{**given, **parts})


def made(path: str = "/x", gateway: Gateway = BY_STAGE, **parts: Any) -> dict[str, Any]:
    return event(request(path, **parts), ANY, gateway)


def within(wanted: Any, found: Any) -> None:
    """Assert that what is wanted is in what was found, however deep, and other things may be."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name, value in wanted.items():
            assert name in found
            within(value, found[name])
    else:
        assert found == wanted


@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_given_what_an_event_in_events_was_made_of_then_it_is_made(path: Path) -> None:
    golden = json.loads(path.read_text(encoding="utf-8"))
    many = golden["multiValueHeaders"] | {"User-Agent": ["test"]}
    headers = [(name.lower(), value) for name, values in many.items() for value in values]
    query = urlencode(golden["multiValueQueryStringParameters"] or {}, doseq=True)
    came = request(
        golden["path"],
        method=golden["httpMethod"],
        headers=headers,
        query=query,
        body=(golden["body"] or "").encode(),
    )
    match = Routes([Route("ANY", golden["resource"], "f")]).match(came.method, came.path)
    assert match is not None

    found = event(came, match, BY_STAGE)

    within(golden, found)
    assert found.keys() == golden.keys()


def test_every_http_function_has_an_event_that_is_looked_at() -> None:
    assert len(EVENTS) >= 6


@pytest.mark.parametrize(
    ("base_path", "path", "full_path"),
    [("/v1", "/x", "/v1/x"), ("", "/x", "/x"), ("/people", "/people/x", "/people/x")],
)
def test_a_functions_path_has_the_base_path_of_a_domain_and_not_the_stage(
    base_path: str, path: str, full_path: str
) -> None:
    found = made(gateway=Gateway(base_path=base_path))

    assert (found["path"], found["requestContext"]["path"]) == (path, full_path)
    assert found["requestContext"]["stage"] == "v1"


def test_a_path_stays_as_it_came_and_a_query_is_decoded() -> None:
    found = made("/a%2Bb/%C3%A4", query="email=a%2Bb%40x.dev&a=1&q=a+b&a=2&empty=&bare")

    assert found["path"] == "/a%2Bb/%C3%A4"
    assert found["multiValueQueryStringParameters"] == {
        "email": ["a+b@x.dev"],
        "a": ["1", "2"],
        "q": ["a b"],
        "empty": [""],
        "bare": [""],
    }
    assert found["queryStringParameters"]["a"] == "2"


def test_the_last_of_several_headers_counts_and_all_are_there() -> None:
    found = made(headers=[("accept", "a"), ("accept", "b"), ("if-none-match", '"1"')])

    assert found["headers"]["Accept"] == "b"
    assert found["multiValueHeaders"]["Accept"] == ["a", "b"]
    assert found["headers"]["If-None-Match"] == '"1"'


def test_headers_of_the_connection_do_not_get_through_and_the_gateways_own_do() -> None:
    came = {
        "connection": "close",
        "content-length": "3",
        "expect": "100-continue",
        "te": "trailers",
        "transfer-encoding": "chunked",
        "x-forwarded-for": "198.51.100.7",
        "x-forwarded-port": "1",
        "x-amzn-trace-id": "of somebody",
    }

    found = made(headers=[*came.items()])["multiValueHeaders"]

    assert found == {
        "X-Amzn-Trace-Id": ["Root=1-2-3"],
        "X-Forwarded-For": ["198.51.100.7, 192.0.2.1"],
        "X-Forwarded-Port": ["443"],
        "X-Forwarded-Proto": ["https"],
    }


@pytest.mark.parametrize(
    ("body", "text", "is_base64"),
    [
        (b"", None, False),
        ('{"a":"é"}'.encode(), '{"a":"é"}', False),
        (b"a=1&b=2", "a=1&b=2", False),
        (b"\xff\x00", base64.b64encode(b"\xff\x00").decode(), True),
    ],
)
def test_a_body_is_text_or_else_base64(body: bytes, text: str | None, is_base64: bool) -> None:
    found = made(body=body)

    assert (found["body"], found["isBase64Encoded"]) == (text, is_base64)


def test_the_context_says_when_and_from_where() -> None:
    found = made(headers=[("host", "api.example:8443"), ("user-agent", "curl")])["requestContext"]

    assert found["requestTime"] == "01/Dec/2026:14:05:09 +0000"
    assert found["requestTimeEpoch"] == 1796133909250
    assert (found["domainName"], found["domainPrefix"]) == ("api.example", "api")
    assert (found["identity"]["sourceIp"], found["identity"]["userAgent"]) == ("192.0.2.1", "curl")
    assert found["identity"]["cognitoIdentityId"] is None


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [
        ("a.dev:8443", "a.dev", "8443"),
        ("a.dev", "a.dev", "443"),
        ("[::1]:80", "[::1]", "80"),
        ("[::1]", "[::1]", "443"),
        ("[", "[", "443"),
        ("a:b:c", "a:b:c", "443"),
        (":80", ":80", "443"),
        ("", "", "443"),
    ],
)
def test_any_host_header_is_taken(host: str, name: str, port: str) -> None:
    found = made(headers=[("host", host)])

    assert found["requestContext"]["domainName"] == name
    assert found["headers"]["X-Forwarded-Port"] == port
