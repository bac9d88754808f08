"""Who a caller can be, and why nobody is known to be calling."""

import re
from typing import NamedTuple

TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
SUBJECT = re.compile(r"[!-~]{1,255}")  # of a signed token


class Caller(NamedTuple):
    """An authenticated user of a tenant."""

    tenant_id: str
    user_id: str


class AuthenticationError(Exception):
    """The request carries no token that this API accepts."""


class KeysUnavailableError(Exception):
    """No token can be verified now: the issuer's keys are not known."""
