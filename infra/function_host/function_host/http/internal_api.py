"""What is not for the clients of the functions: Lambda's Invoke API, health, metrics; an ASGI application.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

import asyncio
import base64
import json
import re
from uuid import uuid4

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from function_host import limits
from function_host.host import Host
from function_host.http.rest_api import new_trace_id
from function_host.pool import ThrottledError

# A name, or an ARN that may lack its beginning; with a version or an alias, of which there is one.
_FUNCTION = re.compile(
    r"(?:(?:arn:[a-z-]+:lambda:[a-z0-9-]+:)?(?:\d{12}:)?function:|\d{12}:)?([\w-]+)(?::[\w$.-]+)?"
)


def internal_api(host: Host) -> Starlette:
    """Return the application."""
    background: set[asyncio.Task[Response]] = set()

    async def livez(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        return PlainTextResponse(f"{host.not_ready or 'ok'}\n", 503 if host.not_ready else 200)

    async def metrics(_: Request) -> Response:
        text = await asyncio.to_thread(generate_latest, host.metrics.registry)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def invoke(request: Request) -> Response:
        request_id = str(uuid4())
        response = await _invoke(host, request, request_id, background)
        response.headers["x-amzn-RequestId"] = request_id
        return response

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/2015-03-31/functions/{function}/invocations", invoke, methods=["POST"]),
        ]
    )


async def _invoke(
    host: Host, request: Request, request_id: str, background: set[asyncio.Task[Response]]
) -> Response:
    given = request.path_params["function"]
    name = (found := _FUNCTION.fullmatch(given)) and found[1]
    if name not in host.pools:
        return _refusal(404, "ResourceNotFoundException", f"Function not found: {host.arn(name or given)}")
    kind = request.headers.get("x-amz-invocation-type", "RequestResponse")
    if kind not in ("RequestResponse", "Event", "DryRun"):
        return _refusal(400, "InvalidParameterValueException", f"There is no invocation type {kind}.")
    payload = await request.body() or b"{}"
    largest = limits.LARGEST_ASYNCHRONOUS_EVENT if kind == "Event" else limits.LARGEST_EVENT
    if len(payload) > largest:
        text = f"Request must be smaller than {largest} bytes for the InvokeFunction operation"
        return _refusal(413, "RequestTooLargeException", text)
    try:
        json.loads(payload)
        context = base64.b64decode(request.headers.get("x-amz-client-context", "")).decode()
        context = json.dumps(json.loads(context)) if context else ""  # in one line: it goes on as a header
    except ValueError as error:
        text = f"Could not parse request body into json: {error}"
        return _refusal(400, "InvalidRequestContentException", text)
    if kind == "DryRun":
        return Response(status_code=204)
    answer = _answered(host, request, name, payload, request_id, context)
    if kind == "Event":
        task = asyncio.create_task(answer)
        background.add(task)
        task.add_done_callback(background.discard)
        return Response(status_code=202)
    return await answer


async def _answered(
    host: Host, request: Request, name: str, payload: bytes, request_id: str, context: str
) -> Response:
    trace_id = request.headers.get("x-amzn-trace-id") or new_trace_id()
    try:
        result = await host.invoke(name, payload, request_id, trace_id, context)
    except ThrottledError:
        why = {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded"}
        return _refusal(429, "TooManyRequestsException", "Rate Exceeded.", why)
    headers = {"X-Amz-Executed-Version": "$LATEST"}
    if result.is_error:
        headers["X-Amz-Function-Error"] = "Unhandled"
    if request.headers.get("x-amz-log-type", "").lower() == "tail":
        tail = result.logs.encode()[-limits.LOG_TAIL :]
        headers["X-Amz-Log-Result"] = base64.b64encode(tail).decode()
    return Response(result.payload, 200, headers, media_type="application/json")


def _refusal(status: int, kind: str, message: str, more: dict[str, str] | None = None) -> Response:
    body = {"Type": "User", "message": message, "Message": message, **(more or {})}
    return Response(json.dumps(body), status, {"x-amzn-ErrorType": kind}, media_type="application/json")
