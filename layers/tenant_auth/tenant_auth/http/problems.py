"""Errors as RFC 9457 problem details: https://www.rfc-editor.org/rfc/rfc9457."""

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 5
TITLES = {  # RFC 9110's; those of http.HTTPStatus depend on the Python version
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    410: "Gone",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_RATE_LIMIT_HEADERS = {
    "Retry-After": "The seconds until the tenant may send another request",
    "RateLimit": "What the tenant may send: `r` requests now, and one more in `t` seconds",
    "RateLimit-Policy": "What the tenant may send: `q` requests at once, and as many again after `w` seconds",
}
_ERRORS = 100  # of one answer: what is wrong with a body may be ten times as long as the body
_NOT_JSON = "The body is not JSON in UTF-8."

Handler = Callable[[Request, Any], Coroutine[Any, Any, Response]]


class FieldError(BaseModel):
    """One thing that is wrong with a request."""

    pointer: str = Field(description="Where it is", examples=["body.email"])
    detail: str = Field(description="What is wrong with it")


class Problem(BaseModel):
    """The body of every error."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = Field(default=None, description="With 422: each wrong field")


def problem(
    status: int,
    detail: str,
    errors: list[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the response for a problem; 401 and 503 get the headers that HTTP wants with them."""
    wanted: dict[int, dict[str, str]] = {
        401: {"WWW-Authenticate": "Bearer"},
        503: {"Retry-After": str(RETRY_AFTER_SECONDS)},
    }
    body = Problem(title=TITLES[status], status=status, detail=detail, errors=errors)
    return Response(
        json.dumps(body.model_dump(exclude_none=True)),  # ASCII: a lone surrogate in a field's name is no 500
        status,
        {**wanted.get(status, {}), **(headers or {})},
        MEDIA_TYPE,
    )


def answer(status: int, detail: str | None = None, pointer: str | None = None) -> Handler:
    """Return an exception handler that answers `status` with `detail`, or with the exception's own text.

    `pointer` names the part of the request that is wrong. An exception that knows when the same request may
    succeed says so by its attribute `retry_after_seconds`.
    """

    async def handle(request: Request, error: Exception) -> Response:
        why = detail or str(error)
        errors = [FieldError(pointer=pointer, detail=why)] if pointer else None
        wait = getattr(error, "retry_after_seconds", None)
        return problem(status, why, errors, {"Retry-After": str(wait)} if wait is not None else None)

    return handle


async def http_error(request: Request, error: HTTPException) -> Response:
    """Answer what the router, the rate limit and the body reader refuse: 400, 404, 405, 413, 415, 429."""
    details = {
        400: _NOT_JSON,
        404: f"There is nothing at {request.scope['path']}.",
        405: f"{request.method} is not allowed here; see the Allow header.",
        429: "Your tenant sends too many requests. Please try again after the time in Retry-After.",
    }
    return problem(error.status_code, details.get(error.status_code, error.detail), headers=error.headers)


async def validation_error(request: Request, error: RequestValidationError) -> Response:
    """Answer 422 with the wrong fields, without the values that were sent; 400 if the body is not JSON."""
    if any(e["type"] == "json_invalid" for e in error.errors()):
        return problem(400, _NOT_JSON)
    wrong = field_errors(error.errors())
    return problem(422, "The request does not have the form that this endpoint takes.", wrong)


def field_errors(errors: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    """Return the first hundred of Pydantic's errors, without the values that were sent."""
    return [
        FieldError(pointer=".".join(map(str, e["loc"])), detail=e["msg"].removeprefix("Value error, "))
        for e in errors[:_ERRORS]
    ]


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses of an endpoint that may answer with these problems."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": TITLES[status], "content": content} for status in statuses
    }
    if 429 in found:
        found[429]["headers"] = {
            name: {"description": text, "schema": {"type": "string"}}
            for name, text in _RATE_LIMIT_HEADERS.items()
        }
    return found
