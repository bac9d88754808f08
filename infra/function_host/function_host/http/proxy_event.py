"""A request as the event that API Gateway's REST API gives a function (Lambda proxy integration).

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html; what that
leaves open is as AWS was seen to do it.
"""

import base64
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl

from function_host.config import Gateway
from function_host.http.routes import Match

# Those that API Gateway does not pass on.
_DROPPED = frozenset(
    {
        "connection",
        "content-length",
        "content-md5",
        "expect",
        "max-forwards",
        "proxy-authenticate",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
    }
)
_NOBODY = (
    "accessKey",
    "accountId",
    "caller",
    "cognitoAuthenticationProvider",
    "cognitoAuthenticationType",
    "cognitoIdentityId",
    "cognitoIdentityPoolId",
    "principalOrgId",
    "user",
    "userArn",
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it came."""

    method: str
    path: str  # without the base path, encoded
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    client: str  # its address
    scheme: str
    request_id: str
    trace_id: str
    time: datetime


def event(request: Request, match: Match, gateway: Gateway) -> dict[str, Any]:
    """Return the event of a request on its route."""
    headers = _lists(_headers(request))
    query = _lists(parse_qsl(request.query, keep_blank_values=True))
    host = _host_and_port(request)[0]
    body, is_base64 = _body(request.body)
    # Behind /stage the function does not see it, behind a custom domain's base path it does.
    by_stage = gateway.base_path == f"/{gateway.stage}"
    full_path = gateway.base_path + request.path
    return {
        "resource": match.route.path,
        "path": request.path if by_stage else full_path,
        "httpMethod": request.method,
        "headers": _last(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _last(query) or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": match.parameters or None,
        "stageVariables": None,
        "requestContext": {
            "resourceId": sha256(match.route.path.encode()).hexdigest()[:6],
            "resourcePath": match.route.path,
            "httpMethod": request.method,
            "extendedRequestId": base64.b64encode(secrets.token_bytes(11)).decode(),
            "requestTime": request.time.strftime("%d/%b/%Y:%H:%M:%S %z"),
            "requestTimeEpoch": int(request.time.timestamp() * 1000),
            "path": full_path,
            "accountId": gateway.account_id,
            "protocol": "HTTP/1.1",
            "stage": gateway.stage,
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "requestId": request.request_id,
            "identity": {
                **dict.fromkeys(_NOBODY),
                "sourceIp": request.client,
                "userAgent": headers.get("User-Agent", [None])[-1],
            },
            "apiId": gateway.api_id,
        },
        "body": body,
        "isBase64Encoded": is_base64,
    }


def now() -> datetime:
    """Return the time, as `Request` wants it."""
    return datetime.now(UTC)


def _headers(request: Request) -> Iterable[tuple[str, str]]:
    """Yield what the function gets: what came, and what API Gateway says of the connection."""
    forwarded = [value for name, value in request.headers if name.lower() == "x-forwarded-for"]
    port = _host_and_port(request)[1]
    ours = {
        "X-Amzn-Trace-Id": request.trace_id,
        "X-Forwarded-For": ", ".join([*forwarded, request.client]),
        "X-Forwarded-Port": port or {"https": "443"}.get(request.scheme, "80"),
        "X-Forwarded-Proto": request.scheme,
    }
    for name, value in request.headers:
        # ASGI servers give names in lower case; API Gateway, those of HTTP/1.1 as they came.
        name = "-".join(part.capitalize() for part in name.split("-"))
        if name.lower() not in _DROPPED and name not in ours:
            yield name, value
    yield from ours.items()


def _host_and_port(request: Request) -> tuple[str, str]:
    """Return what the Host header names, whatever it is; nothing for a port that it does not name."""
    given = next((value for name, value in request.headers if name.lower() == "host"), "")
    host, _, port = given.rpartition(":")
    return (host, port) if host and port.isdecimal() else (given, "")


def _body(body: bytes) -> tuple[str | None, bool]:
    """Return the body, and whether it is base64: if it is no UTF-8. API Gateway wants to be told which is."""
    try:
        return body.decode() or None, False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


def _lists(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def _last(many: dict[str, list[str]]) -> dict[str, str]:
    return {name: values[-1] for name, values in many.items()}
