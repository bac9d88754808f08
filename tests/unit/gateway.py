"""What API Gateway (Lambda proxy integration) gives to a function, and what it is given back."""

import base64
import json as jsonlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REQUEST_ID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
_HEADERS_OF = {401: "www-authenticate", 405: "allow", 429: "retry-after", 503: "retry-after"}
_INTERNAL = ("Traceback", 'File "', ".py", "10.0.0.", ":6333", ":9092", "dynamodb")

Values = Mapping[str, str | list[str]]


@dataclass(frozen=True)
class LambdaContext:
    """The second argument of a handler."""

    function_name: str
    memory_limit_in_mb: int = 512
    aws_request_id: str = "52fdfc07-2182-454f-963f-5f0f9a621d72"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:us-east-1:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return 25_000


@dataclass(frozen=True)
class Answer:
    """A function's answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: str
    is_base64: bool

    @property
    def json(self) -> Any:
        return jsonlib.loads(self.body)

    def problem(self, status: int, retry_after: str | None = None) -> dict[str, Any]:
        """Return the body of an error, which must be a problem (RFC 9457) that names nothing internal.

        With `retry_after` it says when to come back, where its status alone does not.
        """
        assert self.status == status, self.body
        assert self.headers["content-type"] == "application/problem+json"
        assert self.headers["x-request-id"] == REQUEST_ID
        wanted = {_HEADERS_OF[status]} if status in _HEADERS_OF else set()
        if retry_after is not None:
            wanted.add("retry-after")
            assert self.headers["retry-after"] == retry_after
        assert set(_HEADERS_OF.values()) & self.headers.keys() == wanted
        assert not self.is_base64
        assert not [word for word in _INTERNAL if word in self.body]
        body: dict[str, Any] = self.json
        extra = {"errors"} if status == 422 else set()
        assert body.keys() == {"type", "title", "status", "detail"} | extra
        assert body["status"] == status
        return body


def request(
    method: str,
    path: str,
    *,
    token: str | None = None,
    headers: Values | None = None,
    query: Values | None = None,
    body: str | bytes | None = None,
    json: Any = None,
    route: str | None = None,
) -> dict[str, Any]:
    """Return the event of a request. A value that is a list is sent once per item; bytes go as base64.

    `route` is the gateway's, such as /users/{id}, if it is not the path itself.
    """
    many = {"Host": ["abc123.execute-api.us-east-1.amazonaws.com"], **_lists(headers)}
    if token is not None:
        many["Authorization"] = [f"Bearer {token}"]
    if json is not None:
        body = jsonlib.dumps(json)
        many["Content-Type"] = ["application/json"]
    parameters = _lists(query)
    return {
        "resource": route or path,
        "path": path,
        "httpMethod": method,
        "headers": _last(many),
        "multiValueHeaders": many,
        "queryStringParameters": _last(parameters) or None,
        "multiValueQueryStringParameters": parameters or None,
        "pathParameters": _path_parameters(route or path, path),
        "stageVariables": None,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "abc123",
            "httpMethod": method,
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "test"},
            "path": f"/v1{path}",
            "protocol": "HTTP/1.1",
            "requestId": REQUEST_ID,
            "resourcePath": route or path,
            "stage": "v1",
        },
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": isinstance(body, bytes),
    }


def http_api_request(
    method: str,
    path: str,
    *,
    token: str,
    stage: str = "$default",
    route_key: str = "$default",
    query: str = "",
    body: str | bytes | None = None,
) -> dict[str, Any]:
    """Return the event of a request to an HTTP API, payload 2.0; with both `$default`, a function URL's."""
    return {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "abc123.execute-api.us-east-1.amazonaws.com", "authorization": f"Bearer {token}"},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "abc123",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "test",
            },
            "requestId": REQUEST_ID,
            "routeKey": route_key,
            "stage": stage,
        },
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": isinstance(body, bytes),
    }


def answer(response: Mapping[str, Any]) -> Answer:
    """Return what a client gets to see of a handler's return value."""
    many = {name: ", ".join(values) for name, values in response.get("multiValueHeaders", {}).items()}
    headers = {name.lower(): value for name, value in {**response["headers"], **many}.items()}
    return Answer(response["statusCode"], headers, response["body"], response["isBase64Encoded"])


def _path_parameters(route: str, path: str) -> dict[str, str] | None:
    pairs = zip(route.split("/"), path.split("/"), strict=True)
    return {name.strip("{}"): value for name, value in pairs if name.startswith("{")} or None


def _lists(values: Values | None) -> dict[str, list[str]]:
    return {name: [value] if isinstance(value, str) else value for name, value in (values or {}).items()}


def _last(many: Mapping[str, list[str]]) -> dict[str, str]:
    return {name: values[-1] for name, values in many.items()}
