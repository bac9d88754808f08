"""Who may ask: the console's own page, programs of this machine, and no page of anybody else.

The console can erase people, and listens where every page that the person visits can send requests to. So:

- The host must be this machine by name, which no page is whose name was made to point here (DNS rebinding).
- A request that a browser sends for another page (Origin, Sec-Fetch-Site) is refused, whatever it asks for.
- `/api/` wants the token that only the console's page holds: other pages cannot read that.
- What functions and commands send has no token: no browser may send it at all.
"""

import secrets
from collections.abc import Mapping
from typing import NamedTuple

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN = "x-console-token"  # noqa: S105 - the name of the header
_OWN = {"same-origin", "none"}  # none: typed, or a bookmark
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",  # nothing of a record becomes HTML, not even by mistake
            "trusted-types 'none'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Refusal(NamedTuple):
    """Why a request is not answered."""

    status: int
    message: str


class Guard:
    """Passes on what may be asked of `app` at the port, and says to browsers what its answers may do."""

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app = app
        self._port = port
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refused = refusal(scope["method"], scope["path"], Headers(scope=scope), self._port, self._token)
        answer = JSONResponse({"message": refused.message}, refused.status) if refused else self._app
        await answer(scope, receive, guarded)


def refusal(method: str, path: str, headers: Mapping[str, str], port: int, token: str) -> Refusal | None:
    """Return why a request is refused; None if it may be answered. Names of headers are lower case."""
    hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
    if headers.get("host", "").lower() not in hosts:
        return Refusal(421, f"The console answers at http://127.0.0.1:{port} only.")
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if path == "/v1/traces" and (origin is not None or site is not None):
        return Refusal(403, "Traces are sent by programs, not by pages.")
    if origin is not None and origin not in {f"http://{host}" for host in hosts}:
        return Refusal(403, "Another page may not ask the console.")
    if site is not None and site not in _OWN and not _follows_link(method, path, headers):
        return Refusal(403, "Another page may not ask the console.")
    if path.startswith("/api/") and not _same(headers.get(TOKEN, ""), token):
        return Refusal(401, "The console has started anew since this page was loaded. Reload the page.")
    return None


def _follows_link(method: str, path: str, headers: Mapping[str, str]) -> bool:
    """Whether a person goes to the page from another one: there it is seen, and nothing is done."""
    went = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return method == "GET" and path == "/" and went == ("navigate", "document")


def _same(given: str, token: str) -> bool:
    return secrets.compare_digest(given.encode(errors="replace"), token.encode())
