"""What every HTTP function owes its caller, whatever the endpoint does."""

import json
import re
from itertools import cycle
from threading import Thread
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests import sam
from tests.unit import gateway, issuer
from tests.unit.conftest import ColdStart, Function, dynamodb
from tests.unit.fakes import DynamoFaults, FakeKafka, FakeModel, FakeQdrant

USERS = 3  # of a tenant, whose ids are 1, 2, …; no test needs more of them, and to store one takes its time


class Spec(NamedTuple):
    """An endpoint: a request that succeeds, and what makes it 422."""

    method: str
    route: str
    parts: dict[str, Any]
    success: int
    wrong: dict[str, Any]
    allow: str


A = {"email": "a@b.dev", "name": "A"}
ENDPOINTS = {
    "create_user": Spec("POST", "/users/create", {"json": A}, 201, {"json": {}}, "POST"),
    "import_users": Spec("POST", "/users/import", {"json": [A]}, 200, {"json": []}, "POST"),
    "get_user": Spec("GET", "/users/{id}", {}, 200, {"path": "/users/x"}, "DELETE, GET, HEAD, PATCH"),
    "update_user": Spec("PATCH", "/users/{id}", {"json": {"name": "B"}}, 200, {"json": {"id": 1}}, "PATCH"),
    "delete_user": Spec("DELETE", "/users/{id}", {}, 204, {"path": "/users/x"}, "DELETE"),
    "list_users": Spec("GET", "/users", {}, 200, {"query": {"limit": "0"}}, "GET, HEAD"),
    "search": Spec(
        "GET", "/ai/users/search", {"query": {"query": "chef"}}, 200, {"query": {"limit": "0"}}, "GET, HEAD"
    ),
}
READERS = [name for name, spec in ENDPOINTS.items() if spec.method == "GET"]
LISTS = ["list_users", "search"]
TOO_LARGE = "x" * (1024 * 1024 + 1)  # for any of them


class Endpoint:
    def __init__(self, function: Function) -> None:
        self.function = function
        self.method, self.route, self.parts, self.success, self.wrong, self.allow = ENDPOINTS[function.name]
        self._users = cycle(range(1, 1 + USERS))

    @property
    def path(self) -> str:
        """The path to ask next: each is another user's, for one can be deleted once only."""
        return self.route.replace("{id}", str(next(self._users)))

    def call(self, **more: Any) -> gateway.Answer:
        return self.function.http(self.method, **{"path": self.path, **self.parts, **more})

    def give_users_to(self, *tenants: str) -> None:
        """Store users of these tenants, if the endpoint asks for one: that takes longer than most tests."""
        if "{id}" in self.route:
            for tenant in tenants:
                store_users(tenant)

    def break_down(self, monkeypatch: pytest.MonkeyPatch, why: str = "on request") -> None:
        """Have what the function calls fail as nobody foresaw."""

        def fail(*_: Any) -> None:
            raise RuntimeError(why)

        for name in {"UserStore", "embed_query"} & vars(self.function.module).keys():
            monkeypatch.setattr(self.function.module, name, fail)


def store_users(tenant: str) -> None:
    """Store the users whom the endpoints of one user ask for."""
    from users import table

    items: list[dict[str, Any]] = []
    for user in range(1, 1 + USERS):
        email = f"user{user}@{tenant}.dev"
        items.append({**table.key(tenant, table.email_sk(email)), "userId": {"N": str(user)}})
        items.append(
            {
                **table.key(tenant, table.user_sk(user)),
                "id": {"N": str(user)},
                "email": {"S": email},
                "name": {"S": "A"},
                "profile": {"S": ""},
                "createdAt": {"S": "2026-01-01T00:00:00+00:00"},
            }
        )
    puts: list[Any] = [{"PutRequest": {"Item": item}} for item in items]
    dynamodb().batch_write_item(RequestItems={sam.TABLE_NAME: puts})


@pytest.fixture(params=ENDPOINTS)
def endpoint(
    request: pytest.FixtureRequest,
    aws: DynamoFaults,
    kafka: FakeKafka,
    qdrant: FakeQdrant,
    model: FakeModel,
    cold_start: ColdStart,
) -> Endpoint:
    endpoint = Endpoint(cold_start(request.param))
    endpoint.give_users_to("tenant-a")
    aws.requests.clear()
    return endpoint


def test_given_a_token_when_called_then_it_succeeds_with_a_request_id(endpoint: Endpoint) -> None:
    answer = endpoint.call(token="tenant-a:user-1")
    assert answer.status == endpoint.success
    assert answer.headers["x-request-id"] == gateway.REQUEST_ID


@pytest.mark.parametrize(
    "authorization",
    [
        [],
        ["tenant-a:user-1"],
        ["Bearertenant-a:user-1"],
        ["Bearer\ttenant-a:user-1"],
        ["Bearer tenant-a:user-1:admin"],
        ["Bearer tenant-a:user-1 "],
        ["Bearer tenant-a:user-1\n"],
        ["Bearer tenänt:user-1"],
        ["Bearer tenant-a:user-1", "Bearer tenant-a:user-1"],
        ["Bearer tenant-a:user-1", ""],
    ],
)
def test_given_no_good_token_when_called_then_401(endpoint: Endpoint, authorization: list[str]) -> None:
    answer = endpoint.call(headers={"Authorization": authorization} if authorization else {})
    assert answer.problem(401)["detail"] == "Send one header 'Authorization: Bearer <tenant>:<user>'."
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER ", "Bearer  "])
def test_given_the_scheme_in_another_case_when_called_then_it_succeeds(
    endpoint: Endpoint, scheme: str
) -> None:
    assert endpoint.call(headers={"Authorization": f"{scheme}tenant-a:user-1"}).status == endpoint.success


near = st.text("Bearer tn-a:ué\n\t, ", max_size=24).map(lambda text: f"Bearer {text}")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(headers=st.lists(st.text() | near | st.binary().map(lambda raw: raw.decode("latin-1")), max_size=3))
@example(headers=["Bearer a:u"])
@example(headers=["Bearer a:u", "Bearer a:u"])
@example(headers=["", "Bearer a:u"])
def test_given_any_authorization_headers_when_called_then_401_unless_it_is_one_good_token(
    endpoint: Endpoint, headers: list[str]
) -> None:
    answer = endpoint.call(headers={"Authorization": headers} if headers else {})
    if len(headers) != 1 or not re.fullmatch(
        r"(?i:bearer) +[A-Za-z0-9][A-Za-z0-9._-]{0,127}:[a-zA-Z0-9._-]{1,128}", headers[0]
    ):
        answer.problem(401)
    else:
        assert answer.status != 401


def test_given_a_token_when_called_then_it_is_verified_once(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tenant_auth import caller

    verified = []
    authenticate = caller.authenticate
    monkeypatch.setattr(
        caller, "authenticate", lambda header: verified.append(header) or authenticate(header)
    )
    endpoint.call(token="tenant-a:user-1")
    endpoint.call(token="tenant-b:user-2")
    assert verified == ["Bearer tenant-a:user-1", "Bearer tenant-b:user-2"]


def test_given_signed_tokens_when_called_then_the_claims_count_and_a_dev_token_is_401(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    with issuer.endpoint() as keys:
        keys.publish(issuer.jwk(issuer.private_key("ES256")))
        given = {"AUTH_MODE": "jwt", "JWT_JWKS_URL": keys.url}
        given |= {"JWT_ISSUER": issuer.ISSUER, "JWT_AUDIENCE": issuer.AUDIENCE}
        for variable, value in given.items():
            monkeypatch.setenv(variable, value)
        assert endpoint.call(token=issuer.token()).status == endpoint.success
        assert endpoint.function.logs(message="request", tenant="tenant-a")
        assert endpoint.call(token="tenant-a:user-1").problem(401)
        assert endpoint.call(token=issuer.token(key=issuer.private_key("ES256", 1))).problem(401)
        assert len(keys.requests) == 1


def test_given_an_issuer_that_is_down_when_called_then_503(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"AUTH_MODE": "jwt", "JWT_JWKS_URL": "http://127.0.0.1:1/jwks.json"}
    given |= {"JWT_ISSUER": issuer.ISSUER, "JWT_AUDIENCE": issuer.AUDIENCE}
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    assert "cannot be verified now" in endpoint.call(token=issuer.token()).problem(503)["detail"]
    assert endpoint.call(token="tenant-a:user-1").problem(401)


def test_given_lower_case_header_names_when_called_then_it_succeeds(endpoint: Endpoint) -> None:
    assert endpoint.call(headers={"authorization": "Bearer tenant-a:user-1"}).status == endpoint.success


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "QUERY", "get"])
def test_given_another_method_when_called_then_405_says_which_are_allowed(
    endpoint: Endpoint, method: str
) -> None:
    if method == endpoint.method:
        return
    answer = endpoint.function.http(method, endpoint.path, token="tenant-a:user-1")
    assert method in answer.problem(405)["detail"]
    assert answer.headers["allow"] == endpoint.allow


@pytest.mark.parametrize("endpoint", READERS, indirect=True)
@pytest.mark.parametrize("more", [{}, {"query": {"limit": "0"}}, {"token": None}, {"path": "/nothing"}])
def test_given_head_when_called_then_it_is_as_get_without_the_body(
    endpoint: Endpoint, more: dict[str, Any]
) -> None:
    parts = {"path": endpoint.path, "token": "tenant-a:user-1", **endpoint.parts, **more}
    got, head = (endpoint.function.http(method, **parts) for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (got.status, "")
    assert head.headers.keys() == got.headers.keys()
    assert int(head.headers["content-length"]) == len(got.body)


@pytest.mark.parametrize("endpoint", [name for name in ENDPOINTS if name not in READERS], indirect=True)
def test_given_head_where_there_is_no_get_when_called_then_405_without_a_body(endpoint: Endpoint) -> None:
    answer = endpoint.function.http("HEAD", endpoint.path, token="tenant-a:user-1")
    assert (answer.status, answer.headers["allow"], answer.body) == (405, endpoint.allow, "")


@pytest.mark.parametrize("status", [200, 422, 401])
def test_given_any_answer_when_it_is_about_people_then_no_cache_keeps_it(
    endpoint: Endpoint, status: int
) -> None:
    more = {200: {}, 422: endpoint.wrong, 401: {"token": None}}[status]
    answer = endpoint.call(**{"token": "tenant-a:user-1", **more})
    assert answer.status == (endpoint.success if status == 200 else status)
    assert answer.headers["cache-control"] == "no-store"


NO_INTEGERS = [
    *("1_0", "0_1", "+5", "5.0", " 5", "5 ", "05", "-0", "0x5", "1e1", "５", "٥", "", "five", "true", "5\n"),
    *("--5", "5,0", "½", "NaN", "9" * 5_000),
]


@pytest.mark.parametrize("endpoint", LISTS, indirect=True)
@pytest.mark.parametrize("limit", NO_INTEGERS)
def test_given_a_limit_that_is_not_written_as_an_integer_when_called_then_422_names_it(
    endpoint: Endpoint, limit: str
) -> None:
    query = {**endpoint.parts.get("query", {}), "limit": limit}
    problem = endpoint.call(token="tenant-a:user-1", query=query).problem(422)
    assert [error["pointer"] for error in problem["errors"]] == ["query.limit"]


@pytest.mark.parametrize("path", ["/", "/nothing", "/docs", "/redoc", "/openapi.json"])
def test_given_another_path_when_called_then_404(endpoint: Endpoint, path: str) -> None:
    assert endpoint.function.http("GET", path).problem(404)["detail"] == f"There is nothing at {path}."


def test_given_a_slash_too_many_when_called_then_404_and_no_redirect(endpoint: Endpoint) -> None:
    answer = endpoint.function.http(endpoint.method, endpoint.path + "/", token="tenant-a:user-1")
    assert answer.problem(404)


def test_given_a_request_id_of_the_client_when_called_then_the_gateways_counts(endpoint: Endpoint) -> None:
    answer = endpoint.call(token="tenant-a:user-1", headers={"X-Request-Id": "mine"})
    assert answer.headers["x-request-id"] == gateway.REQUEST_ID


def fields_of(answer: gateway.Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("ratelimit")}


def allow(monkeypatch: pytest.MonkeyPatch, burst: int, per_second: str = "0.01") -> None:
    """Give the function that was just started a rate limit of its own."""
    monkeypatch.setenv("RATE_LIMIT_PER_SECOND", per_second)
    monkeypatch.setenv("RATE_LIMIT_BURST", str(burst))


def test_given_too_many_requests_when_called_then_429_says_when_to_come_back_and_nothing_is_done(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, aws: DynamoFaults, model: FakeModel
) -> None:
    allow(monkeypatch, burst=1)
    endpoint.call(token="tenant-a:user-1")
    aws.requests.clear()
    model.calls.clear()
    answer = endpoint.call(token="tenant-a:user-2")
    problem = answer.problem(429)
    assert problem["title"] == "Too Many Requests"
    assert "Retry-After" in problem["detail"]
    assert answer.headers["retry-after"] in ("99", "100")
    assert fields_of(answer) == {
        "ratelimit-policy": f'"{endpoint.function.name}";q=1;w=100',
        "ratelimit": f'"{endpoint.function.name}";r=0;t={answer.headers["retry-after"]}',
    }
    assert (aws.requests, model.calls) == ([], [])
    assert endpoint.function.metrics()[-1]["Throttled"] == [1]
    assert endpoint.function.logs(message="request", status=429, tenant="tenant-a")


def test_given_a_tenants_flood_when_another_calls_then_it_succeeds(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.give_users_to("tenant-b")
    allow(monkeypatch, burst=2)
    statuses = [endpoint.call(token="tenant-a:user-1").status for _ in range(9)]
    assert statuses[2:] == [429] * 7
    assert endpoint.call(token="tenant-b:user-1").status == endpoint.success


def test_given_a_tenant_with_a_limit_of_its_own_when_called_then_that_one_counts(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = json.dumps({"tenant-a": {endpoint.function.name: {"perSecond": 0.5, "burst": 7}}})
    monkeypatch.setenv("RATE_LIMIT_OVERRIDES", own)
    policies = [
        fields_of(endpoint.call(token=f"{tenant}:user-1"))["ratelimit-policy"]
        for tenant in ("tenant-a", "tenant-b")
    ]
    burst = sam.environment(endpoint.function.name)["RATE_LIMIT_BURST"]
    assert policies == [f'"{endpoint.function.name}";q=7;w=14', f'"{endpoint.function.name}";q={burst};w=4']


@pytest.mark.parametrize("status", [200, 413, 415, 422, 500])
def test_given_a_request_that_was_counted_when_answered_then_the_answer_says_what_is_left(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    parts: dict[int, dict[str, Any]] = {
        413: {"json": None, "body": TOO_LARGE},
        415: {"json": None, "body": "x", "headers": {"Content-Type": "text/plain"}},
        422: endpoint.wrong,
    }
    if status == 500:
        endpoint.break_down(monkeypatch)
    allow(monkeypatch, burst=9)
    answer = endpoint.call(token="tenant-a:user-1", **parts.get(status, {}))
    assert answer.status == (endpoint.success if status == 200 else status)
    name = endpoint.function.name
    assert fields_of(answer) == {
        "ratelimit-policy": f'"{name}";q=9;w=900',
        "ratelimit": f'"{name}";r=8;t=100',
    }


def test_given_nobody_known_when_called_then_nothing_is_counted(
    endpoint: Endpoint, aws: DynamoFaults
) -> None:
    answers = [endpoint.call(), endpoint.function.http("GET", "/nothing", token="tenant-a:user-1")]
    assert [fields_of(answer) for answer in answers] == [{}, {}]
    assert aws.requests == []


def test_given_no_limit_when_called_then_nothing_is_written_or_said(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, aws: DynamoFaults
) -> None:
    tenants = [f"tenant-{number}" for number in range(3)]
    endpoint.give_users_to(*tenants)
    aws.requests.clear()
    allow(monkeypatch, burst=1, per_second="0")
    answers = [endpoint.call(token=f"{tenant}:user-1") for tenant in tenants]
    assert [(answer.status, fields_of(answer)) for answer in answers] == [(endpoint.success, {})] * 3
    assert "UpdateItem" not in aws.requests


def test_given_dynamodb_cannot_count_when_called_then_the_request_goes_through_and_that_is_counted(
    endpoint: Endpoint, aws: DynamoFaults
) -> None:
    aws.answer("InternalServerError")
    answer = endpoint.call(token="tenant-a:user-1")
    assert (answer.status, fields_of(answer)) == (endpoint.success, {})
    assert endpoint.function.metrics()[-1]["RateLimitUnavailable"] == [1]
    (line,) = endpoint.function.logs(level="WARNING", tenant="tenant-a")
    assert line["message"] == "DynamoDB did not count a request, it goes through"


def test_given_a_wrong_rate_limit_when_called_then_500_and_the_log_names_the_variable(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATE_LIMIT_OVERRIDES", "{")
    endpoint.call(token="tenant-a:user-1").problem(500)
    (line,) = endpoint.function.logs(level="ERROR")
    assert "RATE_LIMIT_OVERRIDES" in line["exception"]


def test_given_an_unforeseen_error_when_called_then_500_says_nothing_and_the_log_everything(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.break_down(monkeypatch, "no route to 10.0.0.7:6333")
    problem = endpoint.call(token="tenant-a:user-1").problem(500)
    assert problem["detail"] == f"Something went wrong here. Please report {gateway.REQUEST_ID}."
    (line,) = endpoint.function.logs(level="ERROR", request_id=gateway.REQUEST_ID, tenant="tenant-a")
    assert "no route to 10.0.0.7:6333" in line["exception"]
    assert endpoint.function.logs(message="request", status=500)


def test_given_a_request_when_answered_then_the_access_log_tells_who_what_and_how_long(
    endpoint: Endpoint,
) -> None:
    endpoint.call(token="tenant-a:user-1")
    (line,) = endpoint.function.logs(message="request")
    assert line["service"] == line["function_name"] == endpoint.function.name
    assert (line["tenant"], line["request_id"]) == ("tenant-a", gateway.REQUEST_ID)
    assert (line["method"], line["route"], line["status"]) == (
        endpoint.method,
        endpoint.route,
        endpoint.success,
    )
    assert line["duration_ms"] >= 0


def test_given_a_tenants_request_when_the_next_has_no_token_then_its_line_names_no_tenant(
    endpoint: Endpoint,
) -> None:
    endpoint.call(token="tenant-a:user-1")
    endpoint.call()
    assert ["tenant" in line for line in endpoint.function.logs(message="request")] == [True, False]


def test_given_a_request_when_answered_then_its_metrics_are_in_the_namespace_of_the_template(
    endpoint: Endpoint,
) -> None:
    endpoint.call(token="tenant-a:user-1")
    line = endpoint.function.metrics()[-1]
    (metrics,) = line["_aws"]["CloudWatchMetrics"]
    assert metrics["Namespace"] == "EventMesh"
    assert metrics["Dimensions"] == [["service"]]
    assert line["service"] == endpoint.function.name
    assert line["Requests"] == [1]


def test_given_a_request_when_answered_then_its_metrics_say_for_whom_and_with_which_status(
    endpoint: Endpoint,
) -> None:
    endpoint.call(token="tenant-a:user-1")
    endpoint.call()
    lines = [line for line in endpoint.function.metrics() if "Requests" in line]
    assert [(line.get("tenant"), line["status"]) for line in lines] == [
        ("tenant-a", endpoint.success),
        (None, 401),
    ]


def test_given_a_request_when_answered_then_no_thread_is_started_for_it(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Thread.start
    started: list[Thread] = []

    def noted(thread: Thread) -> None:
        started.append(thread)
        start(thread)

    monkeypatch.setattr(Thread, "start", noted)

    assert endpoint.call(token="tenant-a:me").status == endpoint.success
    assert not started


def test_given_a_host_that_is_no_host_when_a_path_is_unknown_then_a_problem(endpoint: Endpoint) -> None:
    answer = endpoint.function.http("GET", "/nothing", token="tenant-a:user-1", headers={"Host": "["})
    answer.problem(404)
