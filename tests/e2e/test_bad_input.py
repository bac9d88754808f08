"""What the deployed API answers to bad input: always a problem, always with a request id, never a 5xx."""

import http.client
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from mesh.clients.http_api import TenantClient

from tests.e2e.page import ORIGIN

TOKEN = "Bearer tenant-a:someone"
USER = {"email": "a@x.dev", "name": "A"}
Headers = list[tuple[str, str]]


class Answer:
    """A response, read by http.client: it sends what it is told, be it wrong."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.text = response.read().decode()

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["Content-Type"] == "application/problem+json", self.text
        assert self.headers["X-Request-Id"]
        body: dict[str, Any] = json.loads(self.text)
        assert body["status"] == self.status
        assert {"type", "title", "detail"} <= set(body)
        assert "Traceback" not in self.text
        return body


@pytest.fixture
def send(api_url: str) -> Callable[..., Answer]:
    def send(method: str, path: str, headers: Headers | None = None, body: bytes | None = None) -> Answer:
        url = urlsplit(api_url)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
        connection.putrequest(method, url.path + path)
        for name, value in headers or []:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        try:
            return Answer(connection.getresponse())
        finally:
            connection.close()

    return send


@pytest.fixture
def post(send: Callable[..., Answer], authorization: str) -> Callable[[bytes], Answer]:
    def post(body: bytes) -> Answer:
        headers = [("Authorization", authorization), ("Content-Type", "application/json")]
        return send("POST", "/users/create", headers, body)

    return post


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer tenant-a")],
        [("Authorization", "Bearer tenant-a:")],
        [("Authorization", "Bearer :user")],
        [("Authorization", "Bearer tenant-a:user:more")],
        [("Authorization", "Bearer tenant/a:user")],
        [("Authorization", "Bearer -tenant:user")],
        [("Authorization", f"Bearer {'a' * 129}:user")],
        [("Authorization", f"Bearer tenant-a:{'u' * 129}")],
        [("Authorization", "Basic dGVuYW50LWE6dXNlcg==")],
        [("Authorization", "tenant-a:user")],
        [("Authorization", TOKEN), ("Authorization", "Bearer tenant-b:user")],
        [("Authorization", "Bearer tenant-a:user, Bearer tenant-b:user")],
    ],
)
@pytest.mark.parametrize("path", ["/users", "/ai/users/search?query=x"])
def test_every_other_token_is_401(send: Callable[..., Answer], path: str, headers: Headers) -> None:
    answer = send("GET", path, headers)

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.problem["title"] == "Unauthorized"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"null", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b"{}", 422),
        (b"\xff\xfe{}", 400),
        (b"[" * 30_000, 400),
        (json.dumps({**USER, "admin": True}).encode(), 422),
        (json.dumps({**USER, "id": 1}).encode(), 422),
        (json.dumps({**USER, "tenantId": "tenant-b"}).encode(), 422),
        (json.dumps({**USER, "email": "nobody"}).encode(), 422),
        (json.dumps({**USER, "email": 7}).encode(), 422),
        (json.dumps({**USER, "email": "a" * 250 + "@x.dev"}).encode(), 422),
        (json.dumps({**USER, "name": ""}).encode(), 422),
        (json.dumps({**USER, "name": "   "}).encode(), 422),
        (json.dumps({**USER, "name": "\u200b"}).encode(), 422),
        (json.dumps({**USER, "profile": "\0"}).encode(), 422),
        (json.dumps({**USER, "email": "ada@corp.local"}).encode(), 422),
        (json.dumps({**USER, "name": "n" * 201}).encode(), 422),
        (json.dumps({**USER, "profile": "p" * 2001}).encode(), 422),
        (json.dumps({**USER, "profile": None}).encode(), 422),
        (b'{"email":"a@x.dev","name":"\\ud800"}', 422),
        (b'{"email":"a@x.dev","name":"A","\\ud800":1}', 422),
        (json.dumps({**USER, "profile": "p" * 65_536}).encode(), 413),
    ],
)
def test_every_other_body_is_refused(post: Callable[[bytes], Answer], body: bytes, status: int) -> None:
    answer = post(body)

    assert answer.status == status, answer.text
    assert answer.problem["detail"]
    if status == 422:
        assert answer.problem["errors"]


def test_a_body_that_does_not_say_that_it_is_json_is_415(
    send: Callable[..., Answer], authorization: str
) -> None:
    headers = [("Authorization", authorization), ("Content-Type", "application/x-www-form-urlencoded")]

    answer = send("POST", "/users/create", headers, json.dumps(USER).encode())

    assert answer.status == 415
    assert "application/json" in answer.problem["detail"]


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "limit=1.5", f"cursor={'c' * 300}"),
        *("limit=1_0", "limit=0_1", "limit=%2B5", "limit=5.0", "limit=%205", "limit=05"),
    ],
)
def test_a_limit_or_cursor_out_of_range_is_422(
    send: Callable[..., Answer], authorization: str, query: str
) -> None:
    answer = send("GET", f"/users?{query}", [("Authorization", authorization)])

    assert answer.status == 422
    assert answer.problem["errors"]


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "A" * 24, "%00", "%F0%9F%98%80"])
def test_a_cursor_that_we_did_not_make_is_400(
    send: Callable[..., Answer], authorization: str, cursor: str
) -> None:
    answer = send("GET", f"/users?cursor={cursor}", [("Authorization", authorization)])

    assert answer.status == 400
    assert "cursor" in answer.problem["detail"]


@pytest.mark.parametrize(
    "query",
    [
        *("", "query=", "query=+", "query=%E2%80%8B", "query=%00", "query=%F0%9F%A6%8A", "query=..."),
        *(f"query={'q' * 501}", "query=x&limit=0", "query=x&limit=51", "query=x&limit=x"),
    ],
)
def test_a_search_out_of_range_is_422(send: Callable[..., Answer], authorization: str, query: str) -> None:
    answer = send("GET", f"/ai/users/search?{query}", [("Authorization", authorization)])

    assert answer.status == 422
    assert answer.problem["errors"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/health"),
        ("POST", "/users"),
        ("DELETE", "/users"),
        ("GET", "/users/create"),
        ("PUT", "/users/create"),
        ("POST", "/ai/users/search"),
    ],
)
def test_a_wrong_method_is_405(
    send: Callable[..., Answer], authorization: str, method: str, path: str
) -> None:
    answer = send(method, path, [("Authorization", authorization)])

    assert answer.status == 405
    assert answer.headers["Allow"]
    assert answer.problem["title"] == "Method Not Allowed"


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/users/1/x", "/users/create/x", "/ai", "/ai/users/search/x"]
)
def test_a_wrong_path_is_404(send: Callable[..., Answer], authorization: str, path: str) -> None:
    answer = send("GET", path, [("Authorization", authorization)])

    assert answer.status == 404
    assert answer.problem["title"] == "Not Found"


def test_the_same_address_in_another_case_is_409(tenant: Callable[[], TenantClient]) -> None:
    client = tenant()
    client.create("Alice@x.dev", "Alice")

    answer = client.http.post("/users/create", json={"email": "aLICE@X.dev", "name": "Other"})

    assert answer.status_code == 409
    assert answer.json()["title"] == "Conflict"


def test_a_cursor_of_another_tenant_is_400(tenant: Callable[[], TenantClient]) -> None:
    mine, theirs = tenant(), tenant()
    for number in range(2):
        theirs.create(f"u{number}@x.dev", "U")
    cursor = theirs.page(limit=1)["nextCursor"]

    assert theirs.page(limit=1, cursor=cursor)["users"]
    assert mine.http.get("/users", params={"cursor": cursor}).status_code == 400


@pytest.mark.parametrize(
    "header",
    [
        ("X-Forwarded-Port", "443,80"),
        ("X-Forwarded-Port", ""),
        ("X-Forwarded-Proto", "gopher"),
        ("X-Forwarded-Host", "a.dev, [::1]:x"),
        ("X-Forwarded-For", "unknown"),
        ("X-Forwarded-Prefix", "/elsewhere"),
        ("Forwarded", "for=_hidden;;"),
        ("X-Nobody", "n\xf6body"),
        ("X-Nobody", "x" * 4_000),
    ],
)
@pytest.mark.parametrize("path", ["/health", "/users?limit=1"])
def test_a_header_that_nobody_uses_changes_nothing(
    send: Callable[..., Answer], authorization: str, path: str, header: tuple[str, str]
) -> None:
    headers = [("Authorization", authorization), header]

    assert [send("GET", path, more).status for more in (headers, [*headers, header])] == [200, 200]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/health", 200), ("/users", 200), ("/users?limit=0", 422), ("/users/create", 405), ("/nothing", 404)],
)
def test_head_is_get_without_the_body(
    send: Callable[..., Answer], authorization: str, path: str, status: int
) -> None:
    answer = send("HEAD", path, [("Authorization", authorization)])

    assert (answer.status, answer.text) == (status, "")
    assert answer.headers["X-Request-Id"]


def test_a_page_that_is_let_in_asks_first_and_reads_every_answer(
    send: Callable[..., Answer], authorization: str
) -> None:
    wanted = [("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", "authorization")]

    asked = send("OPTIONS", "/users/create", [("Origin", ORIGIN), *wanted])
    read = [send("GET", path, [("Origin", ORIGIN)]) for path in ("/health", "/users", "/nothing")]

    assert asked.status == 200
    assert asked.headers["Access-Control-Allow-Methods"] == "POST"
    assert asked.headers["Access-Control-Allow-Headers"] == "authorization"
    assert [answer.status for answer in read] == [200, 401, 404]
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in [asked, *read]} == {ORIGIN}
    assert "Retry-After" in read[0].headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{ORIGIN}.evil"])
def test_another_page_is_let_in_nowhere(send: Callable[..., Answer], authorization: str, origin: str) -> None:
    headers = [("Origin", origin), ("Authorization", authorization)]

    asked = send("OPTIONS", "/users", [*headers, ("Access-Control-Request-Method", "GET")])
    read = [send("GET", path, headers) for path in ("/health", "/users", "/nothing")]

    assert asked.problem["status"] == 400
    assert not any("Access-Control-Allow-Origin" in answer.headers for answer in [asked, *read])


def test_health_needs_no_token(send: Callable[..., Answer]) -> None:
    answer = send("GET", "/health")

    assert (answer.status, json.loads(answer.text)) == (200, {"status": "OK"})
    assert answer.headers["X-Request-Id"]
