"""What the page asks of the mesh's API, passed on with a token of the tenant that it chose.

The page asks here and not there, so that the API needs to let no other origin in, and no token of the mesh's
own issuer gets into a browser.
"""

import re
import time
from collections.abc import Callable
from typing import Any, Protocol

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mesh import arguments
from mesh.errors import MeshError
from mesh.state import State

USER = "console"
_PATHS = re.compile(r"users(/create|/import|/\d{1,20})?|ai/users/search|health", re.ASCII)
_MOST_BYTES = 2**20
_TOKEN_SECONDS = 600  # a token holds for an hour
_TIMEOUT = 60  # a function's first start unpacks 200 MB
_SENT = ("content-type", "if-match", "idempotency-key")
_ANSWERED = (
    *("content-type", "etag", "location", "ratelimit", "ratelimit-policy", "retry-after"),
    *("traceresponse", "x-request-id"),
)


class Errands(Protocol):
    """What runs errands: errands.Errands, but for tests."""

    async def run(self, errand: str, **arguments: Any) -> Any:
        """Return what an errand returns; MeshError says what went wrong."""


class Playground:
    """The API of the mesh that runs, for any tenant."""

    def __init__(self, state: Callable[[], State], errands: Errands, http: httpx.AsyncClient) -> None:
        self._state = state
        self._errands = errands
        self._http = http
        self._tokens: dict[str, tuple[float, str]] = {}  # by tenant, and until when

    @property
    def routes(self) -> list[Route]:
        """What an application is to serve."""
        return [Route("/api/mesh/{path:path}", self._ask, methods=["GET", "POST", "PATCH", "DELETE"])]

    async def _ask(self, request: Request) -> Response:
        path = request.path_params["path"]
        if not _PATHS.fullmatch(path):
            return _problem(404, f"The API has nothing at /{path}.")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_BYTES:
                return _problem(413, "The console passes on 1 MiB at most.")
        try:
            tenant = arguments.tenant(request.headers.get("x-tenant", ""))
            state = self._state()
            headers = {"Authorization": await self._authorization(state, tenant)}
            headers |= {name: request.headers[name] for name in _SENT if name in request.headers}
            url = httpx.URL(f"{state.api_url}/{path}", query=request.url.query.encode() or None)
            answer = await self._http.request(
                request.method, url, content=bytes(body), headers=headers, timeout=_TIMEOUT
            )
        except MeshError as error:
            return _problem(400, str(error))
        except httpx.HTTPError as error:
            what = str(error) or type(error).__name__
            return _problem(502, f"The mesh's API does not answer: {what}. See: mesh status")
        known = {name: answer.headers[name] for name in _ANSWERED if name in answer.headers}
        return Response(answer.content, answer.status_code, known)

    async def _authorization(self, state: State, tenant: str) -> str:
        if state.auth_mode == "dev":  # as a person types it, and as curl's line on the page has it
            return f"Bearer {tenant}:{USER}"
        until, header = self._tokens.get(tenant, (0.0, ""))
        if until < time.monotonic():
            header = await self._errands.run("authorization", tenant=tenant, user=USER)
            self._tokens = {name: each for name, each in self._tokens.items() if each[0] > time.monotonic()}
            self._tokens[tenant] = (time.monotonic() + _TOKEN_SECONDS, header)
        return header


def _problem(status: int, detail: str) -> Response:
    body = {"title": "The console did not pass this on", "status": status, "detail": detail}
    return JSONResponse(body, status, media_type="application/problem+json")
