"""The FastAPI app that every HTTP function starts from: problems, request ids, access log, authentication."""

import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from opentelemetry.trace import Span
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Message, Receive, Scope, Send

from tenant_auth.caller import current_caller
from tenant_auth.dynamodb import TenantAccessError
from tenant_auth.http import gateway
from tenant_auth.http.body import Body
from tenant_auth.http.cors import with_cors
from tenant_auth.http.preconditions import MalformedTagsError
from tenant_auth.http.problems import Handler, answer, http_error, problem, responses, validation_error
from tenant_auth.identity import AuthenticationError, KeysUnavailableError
from tenant_auth.rate_limit import TooManyAtOnceError, rate_limiter
from tenant_auth.spans import describe, log_fields, response_fields, server_span

_RATE_LIMIT_FIELDS = "tenant_auth.rate_limit_fields"  # where a request's scope has what its answer says

# FastAPI would make spans of its own as soon as there is a tracer, with the query in them: it is private.
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}

_logger = Logger()
_metrics = Metrics()


class _Route(APIRoute):
    """A route that takes HEAD where it takes GET, and knows its caller before it parses.

    FastAPI leaves HEAD out, unlike Starlette; among a route's own methods it would also be in the document.
    """

    @property
    def allowed(self) -> set[str]:
        """The methods that it takes."""
        methods = self.methods or set()
        return {*methods, "HEAD"} if "GET" in methods else methods

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child_scope = super().matches(scope)
        is_head = match is Match.PARTIAL and scope["method"] in self.allowed
        return Match.FULL if is_head else match, child_scope

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in self.allowed:
            methods = self.allowed | scope["app"].state.elsewhere
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(methods))})
        await self.app(scope, receive, send)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if all(dependency.call is not current_caller for dependency in self.dependant.dependencies):
            return handle

        async def authenticated(request: Request) -> Response:
            tenant_id = (await current_caller(request)).tenant_id
            takes: Body = request.app.state.takes
            refusal = takes.refusal(await request.body(), request.headers.get("content-type"))
            _take_tokens(request, tenant_id, 1 if refusal else await takes.tokens(request))
            if refusal:
                raise refusal
            return await handle(request)

        return authenticated


class _Boundary:
    """Gives every answer what all of them have, and its access log line, and an unforeseen error its 500."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        routes = [route for route in app.routes if isinstance(route, _Route)]
        self._methods = app.state.elsewhere.union(*(route.allowed for route in routes))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = scope[gateway.REQUEST_ID]
        with server_span(Headers(scope=scope), request_id) as span:
            _logger.append_keys(request_id=request_id, **log_fields(span))
            await self._answer(scope, receive, send, span)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, span: Span) -> None:
        started = time.perf_counter()
        status = 0

        async def send_complete(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = scope[gateway.REQUEST_ID]
                headers["Cache-Control"] = "no-store"  # most have a person in them
                headers.update(scope.get(_RATE_LIMIT_FIELDS, {}))
                headers.update(response_fields(span))
            elif scope["method"] == "HEAD":
                message["body"] = b""
            await send(message)

        try:
            await with_cors(self._app, self._methods)(scope, receive, send_complete)
        except Exception as error:
            _logger.exception("unforeseen error")
            if not status:
                response = await _unforeseen(Request(scope), error)
                await response(scope, receive, send_complete)
        duration_ms = round((time.perf_counter() - started) * 1000, 1)
        _metrics.add_metric("Requests", MetricUnit.Count, 1)
        _metrics.add_metric("RequestDuration", MetricUnit.Milliseconds, duration_ms)
        _metrics.add_metadata("status", status)  # no dimension, which would be a metric more for each
        route = getattr(scope.get("route"), "path", None)  # never the path itself: a query is private
        describe(span, scope["method"], route, status)
        _logger.info("request", method=scope["method"], route=route, status=status, duration_ms=duration_ms)


def create_app(
    title: str,
    problems: Mapping[int | type[Exception], Handler],
    takes: Body = Body(),  # noqa: B008 - it cannot be changed
    elsewhere: Collection[str] = (),
) -> FastAPI:
    """Return an app whose every error is a problem.

    `problems` says how the function's own exceptions are answered, each by a `problems.answer(…)`; `takes`,
    which bodies are read; `elsewhere`, which methods of its path the gateway brings to other functions: who
    asks what is allowed there, as a preflight does, gets the answer from this one.

    Endpoints and what they depend on are `async def`, although they wait where they stand: an execution
    environment has no other request to serve meanwhile, and FastAPI starts a thread for a plain `def`.
    """
    app = FastAPI(
        title=title,
        openapi_url=None,
        redirect_slashes=False,
        strict_content_type=False,
        telemetry=_NO_TELEMETRY,
        responses=responses(500),
        exception_handlers={
            AuthenticationError: answer(401),
            TenantAccessError: answer(503, "Your tenant's data cannot be reached now. Please try again."),
            KeysUnavailableError: answer(503, "Tokens cannot be verified now. Please try again."),
            TooManyAtOnceError: answer(422, pointer="body"),
            MalformedTagsError: answer(400),
            HTTPException: http_error,
            RequestValidationError: validation_error,
            Exception: _unforeseen,
            **problems,
        },
    )
    app.router.route_class = _Route
    app.state.takes = takes
    app.state.elsewhere = frozenset(elsewhere)
    return app


def serve(app: FastAPI, event: Any, context: Any) -> dict[str, Any]:
    """Answer a request of API Gateway with `app`. WrongEventError for any other event but a warm-up."""
    if gateway.is_warm_up(event):
        _metrics.add_metric("WarmUps", MetricUnit.Count, 1)
        return {"warm": True}
    return gateway.answer(_Boundary(app), event, context)


async def _unforeseen(request: Request, error: Exception) -> Response:
    """Answer 500: what it was is in the log."""
    return problem(500, f"Something went wrong here. Please report {request.scope[gateway.REQUEST_ID]}.")


def _take_tokens(request: Request, tenant_id: str, tokens: int) -> None:
    """Count a request to this function, or refuse it with 429."""
    quota = rate_limiter().take(tenant_id, request.app.title, tokens)
    if quota is None:
        return
    request.scope[_RATE_LIMIT_FIELDS] = quota.fields
    if not quota.admitted:
        _metrics.add_metric("Throttled", MetricUnit.Count, 1)
        raise HTTPException(429, headers={"Retry-After": str(quota.wait)})
