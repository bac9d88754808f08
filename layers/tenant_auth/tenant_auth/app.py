"""The FastAPI app that every HTTP function starts from: problems, request ids, access log, authentication."""

import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from uuid import uuid4

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from mangum import Mangum
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tenant_auth.caller import AuthenticationError, KeysUnavailableError, current_caller
from tenant_auth.problems import Handler, answer, http_error, problem, responses, validation_error

MAX_BODY_BYTES = 64 * 1024

_logger = Logger()
_metrics = Metrics()


class _AuthenticateFirst(APIRoute):
    """A route whose endpoint takes the caller knows who it is, and how much it is sent, before it parses."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if all(dependency.call is not current_caller for dependency in self.dependant.dependencies):
            return handle

        async def authenticated(request: Request) -> Response:
            current_caller(request)
            body = await request.body()
            if len(body) > MAX_BODY_BYTES:
                raise HTTPException(413)
            if body and not _is_json(request.headers.get("content-type", "application/json")):
                raise HTTPException(415)
            if not _is_utf8(body):
                raise HTTPException(400)
            return await handle(request)

        return authenticated


class _Boundary:
    """Gives every answer its request id and its access log line, and an unforeseen error its 500."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        gateway = scope.get("aws.event", {}).get("requestContext", {})
        request_id = gateway.get("requestId") or str(uuid4())
        status = 0
        _logger.append_keys(request_id=request_id)

        async def send_with_request_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, send_with_request_id)
        except Exception:
            _logger.exception("unforeseen error")
            if not status:
                response = problem(500, f"Something went wrong here. Please report {request_id}.")
                await response(scope, receive, send_with_request_id)
        duration_ms = round((time.perf_counter() - started) * 1000, 1)
        _metrics.add_metric("Requests", MetricUnit.Count, 1)
        _metrics.add_metric("RequestDuration", MetricUnit.Milliseconds, duration_ms)
        route = getattr(scope.get("route"), "path", None)  # never the path itself: a query is private
        _logger.info("request", method=scope["method"], route=route, status=status, duration_ms=duration_ms)


def create_app(title: str, problems: Mapping[int | type[Exception], Handler]) -> FastAPI:
    """Return an app whose every error is a problem.

    `problems` says how the function's own exceptions are answered, each by a `problems.answer(…)`.
    """
    app = FastAPI(
        title=title,
        openapi_url=None,
        redirect_slashes=False,
        strict_content_type=False,
        responses=responses(500),
        exception_handlers={
            AuthenticationError: answer(401),
            KeysUnavailableError: answer(503, "Tokens cannot be verified now. Please try again."),
            HTTPException: http_error,
            RequestValidationError: validation_error,
            **problems,
        },
    )
    app.router.route_class = _AuthenticateFirst
    app.add_middleware(_Boundary)
    return app


def serve(app: FastAPI, event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer an API Gateway REST proxy event with `app`; every body here is text, none goes out as base64."""
    try:
        return Mangum(app, lifespan="off", text_mime_types=["application/"])(event, context)
    except ValueError:  # Mangum cannot make a request of it: a Host that is no host, text that is no Unicode
        _logger.warning("unreadable request", exc_info=True)
        refused = problem(400, "The request cannot be read.")
        request_id = event["requestContext"].get("requestId") or str(uuid4())
        return {
            "statusCode": refused.status_code,
            "headers": {**refused.headers, "X-Request-Id": request_id},
            "body": bytes(refused.body).decode(),
            "isBase64Encoded": False,
        }


def _is_json(content_type: str) -> bool:
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
