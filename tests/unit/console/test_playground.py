"""What the page asks of the API: passed on as a tenant, and nothing else."""

import json
from collections.abc import Iterator

import httpx
import pytest
from mesh.console.playground import Playground
from starlette.testclient import TestClient

from tests.unit.console.fakes import FakeErrands, FakeMesh, page


@pytest.fixture
def mesh() -> FakeMesh:
    return FakeMesh()


@pytest.fixture
def playground(mesh: FakeMesh) -> Iterator[TestClient]:
    with page(Playground(lambda: mesh.state, FakeErrands(), mesh.client())) as client:
        client.headers["X-Tenant"] = "acme"
        yield client


def test_given_a_call_when_passed_on_then_it_is_the_tenants_and_its_answer_comes_back(
    mesh: FakeMesh, playground: TestClient
) -> None:
    mesh.answer = httpx.Response(
        201, json={"id": 1}, headers={"ETag": '"1"', "traceresponse": "00-a-b-03", "Set-Cookie": "no"}
    )
    answer = playground.post(
        "/api/mesh/users/create", json={"email": "é@x.dev"}, headers={"Cookie": "c=1", "If-Match": '"0"'}
    )
    [asked] = mesh.requests
    assert (asked.method, str(asked.url)) == ("POST", "http://api/v1/users/create")
    assert json.loads(asked.content) == {"email": "é@x.dev"}
    assert asked.headers["authorization"] == "Bearer acme:console"
    assert asked.headers["if-match"] == '"0"'
    assert "cookie" not in asked.headers
    assert "x-tenant" not in asked.headers
    assert (answer.status_code, answer.json()) == (201, {"id": 1})
    assert (answer.headers["etag"], answer.headers["traceresponse"]) == ('"1"', "00-a-b-03")
    assert "set-cookie" not in answer.headers


def test_given_a_query_when_passed_on_then_it_is_as_it_was(mesh: FakeMesh, playground: TestClient) -> None:
    playground.get("/api/mesh/ai/users/search?query=a%26b%23+%C3%A9&minScore=0.33")
    assert mesh.requests[0].url.params.multi_items() == [("query", "a&b# é"), ("minScore", "0.33")]


def test_given_a_problem_when_passed_on_then_it_comes_back_as_it_is(
    mesh: FakeMesh, playground: TestClient
) -> None:
    problem = {
        "title": "Unprocessable Content",
        "status": 422,
        "errors": [{"pointer": "body.email", "detail": "no @"}],
    }
    mesh.answer = httpx.Response(422, json=problem, headers={"Content-Type": "application/problem+json"})
    answer = playground.post("/api/mesh/users/create", json={})
    assert (answer.status_code, answer.json()) == (422, problem)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "users/../../_admin",
        "users/%2e%2e/%2e%2e/",
        "http://evil.example/",
        "//evil.example",
        "users/1/2",
        "users/create/",
        "_localstack",
        "users/%0d%0aHost:%20evil",
        "@evil.example",
        "users/١",
    ],
)
def test_given_what_is_no_path_of_the_api_when_asked_then_nobody_is(
    mesh: FakeMesh, playground: TestClient, path: str
) -> None:
    assert playground.get(f"/api/mesh/{path}").status_code == 404
    assert mesh.requests == []


@pytest.mark.parametrize("tenant", ["", "a:b", "a b", "-a", "a" * 129])
def test_given_what_is_no_tenant_when_asked_then_it_says_what_is(
    mesh: FakeMesh, playground: TestClient, tenant: str
) -> None:
    answer = playground.get("/api/mesh/users", headers={"X-Tenant": tenant})
    assert answer.status_code == 400
    assert "There can be no tenant" in answer.json()["detail"]
    assert mesh.requests == []


def test_given_a_body_that_is_too_long_when_sent_then_it_is_not_passed_on(
    mesh: FakeMesh, playground: TestClient
) -> None:
    assert playground.post("/api/mesh/users/import", content=b" " * (2**20 + 1)).status_code == 413
    assert mesh.requests == []


def test_given_an_api_that_is_away_when_asked_then_it_is_a_problem_that_says_what_to_do(
    mesh: FakeMesh,
) -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    http = httpx.AsyncClient(transport=httpx.MockTransport(away))
    answer = page(Playground(lambda: mesh.state, FakeErrands(), http)).get(
        "/api/mesh/users", headers={"X-Tenant": "a"}
    )
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/problem+json"
    assert "mesh status" in answer.json()["detail"]


def test_given_signed_tokens_when_asked_twice_then_one_is_fetched_and_none_gets_to_the_page() -> None:
    mesh, errands = FakeMesh("jwt"), FakeErrands(authorization="Bearer signed")
    with page(Playground(lambda: mesh.state, errands, mesh.client())) as client:
        answers = [client.get("/api/mesh/users", headers={"X-Tenant": "acme"}) for _ in range(2)]
    assert errands.asked == [("authorization", {"tenant": "acme", "user": "console"})]
    assert [each.headers["authorization"] for each in mesh.requests] == ["Bearer signed"] * 2
    assert all("signed" not in str([each.text, each.headers]) for each in answers)
