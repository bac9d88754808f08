"""Which pages of other origins may call the API: https://fetch.spec.whatwg.org/#http-cors-protocol."""

from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from tenant_auth.http.problems import problem
from tenant_auth.settings import CorsSettings

_EXPOSED = (
    "ETag",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "traceresponse",
    "X-Request-Id",
)


def with_cors(app: ASGIApp, methods: Iterable[str]) -> ASGIApp:
    """Return `app`, its answers readable for the pages of CORS_ALLOWED_ORIGINS; as it is, if there are none.

    A page may send any header: one that somebody's tracing adds is not to stop it. Cookies mean nothing here,
    so a page can do no more than whoever has its token.
    """
    origins = CorsSettings.read().cors_allowed_origins
    if not origins:
        return app
    return _Cors(app, origins, sorted(methods), allow_headers=["*"], expose_headers=_EXPOSED)


class _Cors(CORSMiddleware):
    """Starlette's, but a preflight that it refuses is a problem like every other error."""

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code < 400:
            return response
        return problem(400, f"{bytes(response.body).decode()}.", headers=self.preflight_headers)
