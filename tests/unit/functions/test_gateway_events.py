"""Whatever gateway stands before a function, and whatever headers came with it, the request is the same."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit import gateway
from tests.unit.conftest import ColdStart, Function
from tests.unit.fakes import DynamoFaults
from tests.unit.functions.test_every_http_function import ENDPOINTS
from tests.unit.functions.test_list_users import stored

TOKEN = "tenant-a:user-1"
Event = dict[str, Any]

HEADERS = {
    "X-Forwarded-Port": ["443,80", "", "x", "-1", "99999"],
    "X-Forwarded-Proto": ["http,https", "", "gopher"],
    "X-Forwarded-For": ["unknown", "", "2001:db8::1, 192.0.2.1"],
    "X-Forwarded-Host": ["a.dev, b.dev", "[", ""],
    "X-Forwarded-Prefix": ["/elsewhere", "", "//"],
    "Forwarded": ["for=_hidden;proto=gopher", ";;"],
    "Host": ["[::1]:4566", "[", "a:b:c", "", "a.dev:port", "a.dev/x?y#z"],
    "X-HTTP-Method-Override": ["DELETE"],
    "Content-Length": ["-1", "many"],
    "Transfer-Encoding": ["gzip, chunked"],
    "Expect": ["200-ok"],
    "Cookie": ["=;;="],
    "Nötig": ["ä\ud800"],
    "X-Long": ["x" * 100_000],
}


@pytest.fixture
def list_users(aws: DynamoFaults, cold_start: ColdStart) -> Function:
    return cold_start("list_users")


@pytest.fixture
def users(list_users: Function) -> list[str]:
    return stored("tenant-a", 2)


def rest(path: str, resource: str, proxy: str | None = None, **more: Any) -> Event:
    """Return a REST API's event, as AWS makes it for this path and route."""
    event = gateway.request("GET", path, token=TOKEN, query={"limit": "1"})
    event["requestContext"] |= {"path": path, "resourcePath": resource}
    return {**event, "resource": resource, "pathParameters": proxy and {"proxy": proxy}, **more}


def http(path: str, **parts: Any) -> Event:
    return gateway.http_api_request("GET", path, token=TOKEN, query="limit=1", **parts)


EVENTS = {
    "REST, custom domain, base path": ("/people", rest("/people/users", "/users")),
    "REST, custom domain, base path of two": ("/a/people", rest("/a/people/users", "/users")),
    "REST, custom domain, no stage in the mapping": ("/people/v1", rest("/people/v1/users", "/users")),
    "REST, base path, greedy route": ("/people", rest("/people/users", "/{proxy+}", "users")),
    "REST, base path like the route": ("/users", rest("/users/users", "/users")),
    "REST, greedy route": ("", rest("/users", "/{proxy+}", "users")),
    "REST, encoded": ("/pe ople", rest("/pe%20ople/users", "/{proxy+}", "%75sers")),
    "HTTP, payload 1.0, named stage": ("/v1", rest("/v1/users", "/users", version="1.0")),
    "HTTP, payload 1.0, $default": ("/v1", rest("/v1/users", "$default", version="1.0")),
    "HTTP, named stage": ("/v1", http("/v1/users", stage="v1", route_key="GET /users")),
    "HTTP, named stage, route $default": ("/v1", http("/v1/users", stage="v1")),
    "HTTP, custom domain": ("/people", http("/people/users", stage="v1", route_key="ANY /users")),
    "HTTP, custom domain, greedy route": (
        "/people",
        {
            **http("/people/users", stage="v1", route_key="ANY /{proxy+}"),
            "pathParameters": {"proxy": "users"},
        },
    ),
    "HTTP, stage $default": ("", http("/users", route_key="GET /users")),
    "function URL": ("", http("/users")),
}


@pytest.mark.parametrize("kind", EVENTS)
def test_given_any_gateway_when_called_then_the_route_is_found_behind_what_it_puts_in_front(
    list_users: Function, users: list[str], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    root, event = EVENTS[kind]
    handled: list[tuple[str, str]] = []
    route = list_users.module.app.router.route_class
    handle = route.handle

    async def watched(self: Any, scope: Any, receive: Any, send: Any) -> None:
        handled.append((scope["root_path"], scope["path"]))
        await handle(self, scope, receive, send)

    monkeypatch.setattr(route, "handle", watched)
    answer = gateway.answer(list_users.invoke(event))
    assert answer.status == 200
    assert [user["email"] for user in answer.json["users"]] == users[:1]
    assert answer.headers["x-request-id"] == gateway.REQUEST_ID
    assert handled == [(root, f"{root}/users")]


@pytest.mark.parametrize(
    "event",
    [
        rest("/people/nothing", "/{proxy+}", "nothing"),
        rest("/usersx/users/", "/users"),
        rest("/people/users/", "/users"),
        http("/v1/nothing", stage="v1"),
        http("/v2/users", stage="v1"),
        http("/v1users", stage="v1"),
        http("", stage="v1"),
    ],
)
def test_given_a_path_that_is_no_route_behind_any_gateway_then_404(
    list_users: Function, event: Event
) -> None:
    gateway.answer(list_users.invoke(event)).problem(404)


def test_given_a_body_with_payload_2_when_created_then_it_is_read(
    aws: DynamoFaults, kafka: Any, cold_start: ColdStart
) -> None:
    create_user = cold_start("create_user")
    for number, body in enumerate(('{"email":"a0@b.dev","name":"A"}', b'{"email":"a1@b.dev","name":"A"}')):
        event = gateway.http_api_request("POST", "/v1/users/create", token=TOKEN, stage="v1", body=body)
        answer = gateway.answer(create_user.invoke({**event, "cookies": ["a=b", "c=d"]}))
        assert (answer.status, answer.json["email"]) == (201, f"a{number}@b.dev")


@pytest.mark.parametrize("payload", ["1.0", "2.0"])
@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in HEADERS.items() for value in values]
)
def test_given_a_header_that_nobody_uses_when_called_then_the_answer_is_the_same(
    list_users: Function, users: list[str], name: str, value: str, payload: str
) -> None:
    event = http("/users") if payload == "2.0" else rest("/users", "/users")
    without = gateway.answer(list_users.invoke(event))
    event["headers"] |= {name: value}
    if payload == "1.0":
        event["multiValueHeaders"] |= {name: [value, value]}
    answer = gateway.answer(list_users.invoke(event))
    assert (answer.status, answer.json) == (200, without.json)
    assert [user["email"] for user in answer.json["users"]] == users[:1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    name=st.sampled_from([*HEADERS, "", " ", "X\n"]),
    values=st.lists(st.text(st.characters()) | st.none() | st.integers(), max_size=3),
)
@example(name="X-Forwarded-Port", values=["443", "80"])
def test_given_any_header_of_any_content_when_asked_for_its_health_then_it_is_ok(
    list_users: Function, name: str, values: list[Any]
) -> None:
    for event in (rest("/health", "/health"), http("/health")):
        event["headers"][name] = values[0] if values else None
        event["multiValueHeaders"] = {name: values}
        answer = gateway.answer(list_users.invoke(event))
        assert (answer.status, answer.json) == (200, {"status": "OK"})


def test_given_a_token_twice_in_other_letters_when_called_then_401(list_users: Function) -> None:
    event = rest("/users", "/users")
    event["multiValueHeaders"] |= {"authorization": ["Bearer tenant-b:user-1"]}
    gateway.answer(list_users.invoke(event)).problem(401)


OPTIONAL = [
    "headers",
    "multiValueHeaders",
    "queryStringParameters",
    "multiValueQueryStringParameters",
    "pathParameters",
    "stageVariables",
    "requestContext",
    "resource",
    "body",
    "isBase64Encoded",
]


@pytest.mark.parametrize("how", ["null", "missing"])
@pytest.mark.parametrize("name", OPTIONAL)
def test_given_an_event_by_hand_without_a_part_when_called_then_the_rest_counts(
    list_users: Function, users: list[str], name: str, how: str
) -> None:
    event = rest("/users", "/users")
    del event[name]
    if how == "null":
        event[name] = None
    answer = gateway.answer(list_users.invoke(event))
    assert answer.status == 200
    assert len(answer.json["users"]) == 1
    assert answer.headers["x-request-id"]


def test_given_an_event_by_hand_with_little_in_it_when_called_then_it_is_answered(
    list_users: Function,
) -> None:
    bare: list[Event] = [
        {"httpMethod": "GET", "path": "/health"},
        {"httpMethod": "GET", "path": "/health", "requestContext": {}, "headers": {}},
        {"version": "2.0", "requestContext": {"http": {"method": "GET", "path": "/health"}}},
        {"rawPath": "/health", "requestContext": {"http": {"method": "GET"}}, "headers": None},
    ]
    for event in bare:
        answer = gateway.answer(list_users.invoke(event))
        assert (answer.status, answer.json) == (200, {"status": "OK"})
        assert answer.headers["x-request-id"]


NO_REQUESTS: list[Any] = [
    {},
    [],
    None,
    "GET /users",
    7,
    {"key1": "value1", "key2": "value2", "key3": "value3"},  # the console's first test event
    {"httpMethod": "GET"},
    {"httpMethod": None, "path": "/users"},
    {"httpMethod": "GET", "path": 7},
    {"httpMethod": "GET", "path": "/users", "headers": "none"},
    {"httpMethod": "POST", "path": "/users/create", "body": {"email": "a@b.dev"}},
    {"httpMethod": "POST", "path": "/users/create", "body": "x", "isBase64Encoded": True},
    {"httpMethod": "GET", "path": "/users", "requestContext": [1]},
    {"version": "2.0", "requestContext": {"http": {}}},
    {"source": ["aws.events"]},
    {"warmer": "true"},
    {"Records": [{"eventSource": "aws:sqs", "body": "{}"}]},
    {"httpMethod": "GET", "path": "/users", "requestContext": {"elb": {"targetGroupArn": "arn"}}},
    {"requestContext": {"connectionId": "abc=", "eventType": "CONNECT", "stage": "v1"}},
]


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize("event", NO_REQUESTS, ids=repr)
def test_given_an_event_that_is_no_request_when_invoked_then_one_sentence_says_what_the_function_takes(
    cold_start: ColdStart, name: str, event: Any
) -> None:
    with pytest.raises(Exception, match="takes a request of API Gateway") as refused:
        cold_start(name).invoke(event)
    assert type(refused.value).__name__ == "WrongEventError"
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize(
    "event",
    [
        {"source": "serverless-plugin-warmup"},
        {"warmer": True, "concurrency": 3},
        {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "resources": ["arn"]},
    ],
    ids=repr,
)
def test_given_a_warm_up_when_invoked_then_it_is_answered_and_nothing_is_done(
    aws: DynamoFaults, cold_start: Callable[[str], Function], name: str, event: Event
) -> None:
    function = cold_start(name)
    assert function.invoke(event) == {"warm": True}
    assert aws.requests == []
    assert function.metrics()[-1]["WarmUps"] == [1]
    assert function.logs(message="request") == []
