"""API Gateway's REST API before the functions, as an ASGI application."""

import asyncio
import json
import logging
import secrets
import time
from uuid import uuid4

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from function_host.host import Host
from function_host.http import gateway_responses, proxy_answer, proxy_event
from function_host.http.routes import Match, Routes
from function_host.limits import LARGEST_BODY, LARGEST_EVENT
from function_host.pool import ThrottledError

_NO_BODY = (204, 304)  # a body would be read as the next answer on the connection
_LOG = logging.getLogger(__name__)


class RestApi:
    """Answers every request: by a function, or as API Gateway does by itself."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._gateway = host.config.gateway
        self._routes = Routes(self._gateway.routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request, request_id = Request(scope, receive), str(uuid4())
        path = scope["raw_path"].decode("latin-1")
        match = self._match(request.method, path)
        try:
            response = await self._answer(request, match, path, request_id)
        except ClientDisconnect:
            return
        response.headers["x-amzn-RequestId"] = request_id
        if self._host.draining:
            response.headers["Connection"] = "close"  # the next one shall go elsewhere
        resource = match.route.path if match else "(none)"
        self._host.metrics.requests.labels(_method(request.method), resource, response.status_code).inc()
        await response(scope, receive, send)

    def _match(self, method: str, path: str) -> Match | None:
        base = self._gateway.base_path
        if path != base and not path.startswith(f"{base}/"):
            return None
        return self._routes.match(method, path[len(base) :] or "/")

    async def _answer(self, request: Request, match: Match | None, path: str, request_id: str) -> Response:
        body = await _body(request)
        if match is None:
            return self._say("MISSING_AUTHENTICATION_TOKEN", request_id)
        if body is None:
            return self._say("REQUEST_TOO_LARGE", request_id)
        trace_id = request.headers.get("x-amzn-trace-id") or new_trace_id()
        came = proxy_event.Request(
            request.method,
            path[len(self._gateway.base_path) :] or "/",
            request.scope["query_string"].decode("latin-1"),
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw],
            body,
            request.client.host if request.client else "",
            request.scope["scheme"],
            request_id,
            trace_id,
            proxy_event.now(),
        )
        payload = json.dumps(proxy_event.event(came, match, self._gateway)).encode()
        if len(payload) > LARGEST_EVENT:
            return self._say("REQUEST_TOO_LARGE", request_id)
        try:
            # The function has its own time; what it does after that of the gateway, nobody sees.
            async with asyncio.timeout(self._gateway.timeout_seconds):
                result = await self._host.invoke(match.route.function, payload, str(uuid4()), trace_id)
        except ThrottledError:
            return self._say("THROTTLED", request_id)
        except TimeoutError:
            return self._say("INTEGRATION_TIMEOUT", request_id)
        if result.is_error:
            return self._say("DEFAULT_5XX", request_id)
        try:
            answer = proxy_answer.answer(result.payload)
        except proxy_answer.MalformedError as error:
            _LOG.error("%s %s: malformed Lambda proxy response: %s", match.route.function, request_id, error)
            return self._say("DEFAULT_5XX", request_id)
        return _response(answer.status, answer.headers, answer.body)

    def _say(self, kind: str, request_id: str) -> Response:
        return _response(*gateway_responses.response(kind, self._gateway.responses, request_id))


def new_trace_id() -> str:
    """Return a trace header of X-Ray for a request that came without one."""
    return f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Sampled=0"


async def _body(request: Request) -> bytes | None:
    """Return the body; None if it is too large.

    So much again is read: a client that still sends would not see the answer.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > 2 * LARGEST_BODY:
            break
    return bytes(body) if len(body) <= LARGEST_BODY else None


def _response(status: int, headers: list[tuple[str, str]], body: bytes) -> Response:
    response = Response(b"" if status in _NO_BODY else body, status)
    response.raw_headers += [(name.lower().encode(), _encoded(value)) for name, value in headers]
    return response


def _encoded(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")


def _method(method: str) -> str:
    """Return a method as a label: anybody can send any, and each would be a series."""
    known = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
    return method if method in known else "_other"
