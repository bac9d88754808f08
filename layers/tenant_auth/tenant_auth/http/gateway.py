"""API Gateway's events as ASGI requests: a REST API's, an HTTP API's, a function URL's.

Mangum does the rest of it. Left to itself it would refuse a request for forwarding headers that nobody here
uses, and take a stage or a custom domain's base path for a part of the route.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote, urlencode
from uuid import uuid4

from mangum import Mangum
from mangum.handlers import APIGateway
from mangum.types import ASGI, Scope

REQUEST_ID = "tenant_auth.request_id"  # where a scope has the request's id, which is the gateway's

_WARMERS = ("aws.events", "serverless-plugin-warmup")  # the sources of a schedule's event, and of a plugin's
_PARAMETER = re.compile(r"\{(\w+)\+?\}")


class WrongEventError(Exception):
    """An event that is no request: there is nobody to answer, so whoever invoked the function is told."""

    def __init__(self) -> None:
        super().__init__(
            "This function takes a request of API Gateway: the event of a REST API, or of an HTTP API or a "
            "function URL with payload 1.0 or 2.0. This event is none of them."
        )


class _Request(NamedTuple):
    """Where the kinds of events differ."""

    method: str
    path: str
    resource: str  # the route as the gateway knows it; "$default", or nothing, where it knows none
    headers: Mapping[str, str]
    query: str


class _Handler(APIGateway):
    """Reads an event at once, and answers as Mangum does a REST API: so may HTTP APIs be answered as well."""

    def __init__(self, event: Any, context: Any, config: Any) -> None:
        super().__init__(event, context, config)
        try:
            self._scope, self._body = _scope(event, context), _body(event)
        except (AttributeError, KeyError, TypeError, ValueError):  # it has not the form of any gateway's
            raise WrongEventError from None

    @classmethod
    def infer(cls, event: Any, context: Any, config: Any) -> bool:
        return True

    @property
    def scope(self) -> Scope:
        return self._scope

    @property
    def body(self) -> bytes:
        return self._body


def is_warm_up(event: object) -> bool:
    """Whether an event only keeps the function warm: a schedule's, or one of the usual plugins'."""
    return isinstance(event, dict) and (event.get("source") in _WARMERS or event.get("warmer") is True)


def answer(app: ASGI, event: Any, context: Any) -> dict[str, Any]:
    """Return what the gateway is to answer; every body here is text, none goes out as base64.

    Raises:
        WrongEventError: the event is none of API Gateway's.

    """
    mime_types = ["application/", "text/"]
    return Mangum(app, lifespan="off", custom_handlers=[_Handler], text_mime_types=mime_types)(event, context)


def _scope(event: dict[str, Any], context: Any) -> Scope:
    gateway = _part(event, "requestContext")
    method, path, resource, headers, query = _http_api(event) if "http" in gateway else _rest_api(event)
    if not isinstance(method, str):
        raise TypeError
    root, route = _parted(unquote(path), resource, _part(event, "pathParameters"), gateway.get("stage"))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": root + route,
        "root_path": root,
        "query_string": _bytes(query),
        "headers": [(_bytes(name), _bytes(value)) for name, value in headers.items()],
        "aws.event": event,
        "aws.context": context,
        REQUEST_ID: str(gateway.get("requestId") or uuid4()),
    }


def _rest_api(event: dict[str, Any]) -> _Request:
    """Read a REST API's request, or an HTTP API's with payload 1.0."""
    if "elb" in _part(event, "requestContext"):
        raise ValueError  # a load balancer's, which unlike a gateway leaves the query encoded
    return _Request(
        event["httpMethod"],
        event["path"],
        event.get("resource") or "",
        _headers(event, "headers") | _headers(event, "multiValueHeaders"),
        _query(event, "multiValueQueryStringParameters") or _query(event, "queryStringParameters"),
    )


def _http_api(event: dict[str, Any]) -> _Request:
    """Read a request with payload 2.0: an HTTP API's, or a function URL's."""
    http = event["requestContext"]["http"]
    cookies = event.get("cookies")
    return _Request(
        http["method"],
        event.get("rawPath") or http["path"],
        (event.get("routeKey") or "").partition(" ")[2],  # of "GET /users"; there is none in "$default"
        _headers(event, "headers") | ({"cookie": "; ".join(cookies)} if cookies else {}),
        event.get("rawQueryString") or _query(event, "queryStringParameters"),
    )


def _parted(path: str, resource: str, parameters: Mapping[str, str], stage: str | None) -> tuple[str, str]:
    """Return what the gateway has put before the route, and the route.

    That is a custom domain's base path, the stage, or both. The gateway's own route tells where it ends. An
    HTTP API's route $default does not: there only the stage is known.
    """
    route = unquote(_PARAMETER.sub(lambda name: parameters.get(name[1]) or "", resource))
    if resource.startswith("/") and route != "/" and path.endswith(route):
        return path.removesuffix(route), route
    if path.startswith(f"/{stage}/"):
        return f"/{stage}", path.removeprefix(f"/{stage}")
    return "", path or "/"


def _headers(event: dict[str, Any], name: str) -> dict[str, str]:
    """Return headers by their names in lower case; one that came twice is one that no route takes for one."""
    found: dict[str, list[str]] = {}
    for header, value in _part(event, name).items():
        found.setdefault(header.lower(), []).extend(_texts(value))
    return {header: ", ".join(values) for header, values in found.items()}


def _query(event: dict[str, Any], name: str) -> str:
    given = {parameter: _texts(value) for parameter, value in _part(event, name).items()}
    return urlencode(given, doseq=True, errors="surrogatepass")


def _body(event: dict[str, Any]) -> bytes:
    text = event.get("body") or ""
    return base64.b64decode(text) if event.get("isBase64Encoded") else _bytes(text)


def _part(event: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a part of an event that may be missing, or null."""
    return event.get(name) or {}


def _texts(value: Any) -> list[str]:
    """Return the values of a header or parameter; in an event made by hand one may be null, or a number."""
    values = value if isinstance(value, list) else [value]
    return ["" if each is None else str(each) for each in values]


def _bytes(text: str) -> bytes:
    """Return text as bytes; half a surrogate pair becomes bytes that are no UTF-8, and is refused as such."""
    return text.encode("utf-8", "surrogatepass")
