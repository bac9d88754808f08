"""What a function returns becomes the response that API Gateway makes of it."""

import json
from typing import Any

import pytest
from function_host.http.proxy_answer import MalformedError, answer


def answered(**given: Any) -> Any:
    return answer(json.dumps(given).encode())


def test_everything_has_a_default() -> None:
    found = answered()

    assert (found.status, found.headers, found.body) == (200, [("Content-Type", "application/json")], b"")


def test_headers_of_both_kinds_are_there_and_the_same_one_once() -> None:
    found = answered(
        headers={"X-A": "1", "set-cookie": "c=3", "content-type": "text/plain", "n": 5, "b": True},
        multiValueHeaders={"Set-Cookie": ["a=1", "b=2"], "x-a": ["1"]},
    )

    assert sorted(found.headers) == [
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("b", "true"),
        ("content-type", "text/plain"),
        ("n", "5"),
        ("set-cookie", "c=3"),
        ("x-a", "1"),
    ]


@pytest.mark.parametrize("name", ["Content-Length", "connection", "Transfer-Encoding", "date"])
def test_what_is_the_servers_own_is_left_to_it(name: str) -> None:
    assert answered(headers={name: "5"}).headers == [("Content-Type", "application/json")]


def test_a_body_in_base64_is_what_it_stands_for() -> None:
    assert answered(body="/wA=", isBase64Encoded=True).body == b"\xff\x00"
    assert answered(body="/wA=").body == b"/wA="
    assert answered(body="é").body == "é".encode()


@pytest.mark.parametrize("status", [200, 204, "404", 599])
def test_a_status_may_be_text(status: Any) -> None:
    assert answered(statusCode=status).status == int(status)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"not json",
        b"null",
        b"[]",
        b'"ok"',
        b'{"message":"ok"}',
        b'{"statusCode":"ok"}',
        b'{"statusCode":100}',
        b'{"statusCode":600}',
        b'{"statusCode":[]}',
        b'{"headers":["a"]}',
        b'{"headers":{"a":null}}',
        b'{"headers":{"a":"x\\r\\nSet-Cookie: b=1"}}',
        b'{"headers":{"a b":"x"}}',
        b'{"headers":{"":"x"}}',
        b'{"multiValueHeaders":{"a":"x"}}',
        b'{"multiValueHeaders":{"a":[{}]}}',
        b'{"body":{}}',
        b'{"body":"%","isBase64Encoded":true}',
    ],
)
def test_anything_else_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedError):
        answer(payload)
