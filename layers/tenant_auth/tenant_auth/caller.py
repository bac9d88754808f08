"""Who is calling. Only this module reads the Authorization header."""

import re
from typing import Annotated, NamedTuple

from aws_lambda_powertools import Logger
from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from tenant_auth.settings import settings

_TENANT_PATTERN = r"[a-z0-9][a-z0-9-]{0,62}"
_USER_PATTERN = r"[A-Za-z0-9._-]{1,128}"
_DEV_TOKEN = re.compile(rf"Bearer (?P<tenant_id>{_TENANT_PATTERN}):(?P<user_id>{_USER_PATTERN})", re.ASCII)

_logger = Logger()


class Caller(NamedTuple):
    """An authenticated user of a tenant."""

    tenant_id: str
    user_id: str


class AuthenticationError(Exception):
    """The request carries no token that this API accepts."""


def authenticate(authorization: str | None) -> Caller:
    """Return the caller whom an Authorization header names.

    The development token is `Bearer <tenant>:<user>`, letter by letter: it is not signed, so nothing about
    it is negotiable. AuthenticationError for anything else.
    """
    settings()  # AUTH_MODE is `dev`, or this raises
    token = _DEV_TOKEN.fullmatch(authorization or "")
    if token is None:
        raise AuthenticationError("Send one header 'Authorization: Bearer <tenant>:<user>'.")
    return Caller(**token.groupdict())


_bearer = HTTPBearer(
    scheme_name="token",
    description="Development: `<tenant>:<user>`",
    bearerFormat="tenant:user",
    auto_error=False,
)


def current_caller(request: Request, _documented: Annotated[object, Security(_bearer)] = None) -> Caller:
    """Return the caller of `request`, and put the tenant on every log line from here on."""
    caller = authenticate(request.headers.get("authorization"))
    _logger.append_keys(tenant=caller.tenant_id)
    return caller


CurrentCaller = Annotated[Caller, Depends(current_caller)]
