"""Who is calling. Only this module reads the Authorization header."""

import re
from typing import Annotated

from aws_lambda_powertools import Logger, Metrics
from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer
from opentelemetry.trace import get_current_span

from tenant_auth.identity import TENANT, AuthenticationError, Caller
from tenant_auth.settings import settings

_USER_PATTERN = r"[A-Za-z0-9._-]{1,128}"
_SCHEME = "(?i:Bearer) +"  # RFC 9110, 11.1 and 11.4: in any case, and one space or more
_DEV_TOKEN = re.compile(rf"{_SCHEME}(?P<tenant_id>{TENANT.pattern}):(?P<user_id>{_USER_PATTERN})", re.ASCII)

# base64url in its one canonical form: no padding, and no set bit in what the last character has too much,
# so that two headers that differ are never the same token.
_CHARACTER = "[A-Za-z0-9_-]"
_SEGMENT = (
    rf"(?={_CHARACTER})(?:{_CHARACTER}{{4}})*(?:{_CHARACTER}[AQgw]|{_CHARACTER}{{2}}[AEIMQUYcgkosw048])?"
)
_SIGNED_TOKEN = re.compile(rf"{_SCHEME}({_SEGMENT}\.{_SEGMENT}\.{_SEGMENT})", re.ASCII)
_MAX_LENGTH = 8 * 1024

_logger = Logger()
_metrics = Metrics()


def authenticate(authorization: str | None) -> Caller:
    """Return the caller whom an Authorization header names, by the one kind of token that AUTH_MODE accepts.

    AuthenticationError for any other header. KeysUnavailableError while signatures cannot be verified.
    """
    by_mode = {"dev": _by_dev_token, "jwt": _by_signed_token}
    return by_mode[settings().auth_mode](authorization or "")


def _by_dev_token(authorization: str) -> Caller:
    """Read `Bearer <tenant>:<user>`: nothing about a token that is not signed is negotiable."""
    token = _DEV_TOKEN.fullmatch(authorization)
    if token is None:
        raise AuthenticationError("Send one header 'Authorization: Bearer <tenant>:<user>'.")
    return Caller(**token.groupdict())


def _by_signed_token(authorization: str) -> Caller:
    """Read `Bearer <header>.<claims>.<signature>`, and verify it."""
    token = _SIGNED_TOKEN.fullmatch(authorization) if len(authorization) <= _MAX_LENGTH else None
    if token is None:
        raise AuthenticationError("Send one header 'Authorization: Bearer <signed token>'.")
    from tenant_auth.tokens.signed_token import (
        caller_of,  # not at the top: dev mode need not pay for cryptography
    )

    return caller_of(token[1], settings())


_bearer = HTTPBearer(
    scheme_name="token",
    description=(
        "A JWT of the issuer that the deployment trusts: its claims name the tenant and the user. "
        "In development `<tenant>:<user>` instead, unsigned."
    ),
    bearerFormat="JWT",
    auto_error=False,
)


async def current_caller(
    request: Request, _documented: Annotated[object, Security(_bearer)] = None
) -> Caller:
    """Return the caller of `request`, verified once; log, metrics and span have its tenant from here on."""
    caller: Caller | None = getattr(request.state, "caller", None)
    if caller is None:
        caller = authenticate(request.headers.get("authorization"))
        request.state.caller = caller
        _logger.append_keys(tenant=caller.tenant_id)
        _metrics.add_metadata("tenant", caller.tenant_id)  # no dimension: tenants do not end
        get_current_span().set_attribute("event_mesh.tenant", caller.tenant_id)
    return caller


CurrentCaller = Annotated[Caller, Depends(current_caller)]
