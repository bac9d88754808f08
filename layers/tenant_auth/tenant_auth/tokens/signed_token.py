"""A signed token: a JWT (RFC 7519, RFC 8725) in which one issuer tells this API who is calling."""

import re
from contextlib import suppress
from typing import Any

import jwt

from tenant_auth.identity import SUBJECT, TENANT, AuthenticationError, Caller
from tenant_auth.settings import Settings
from tenant_auth.tokens.jwks import PublicKey, key_set

_REFUSALS: dict[type[jwt.PyJWTError], str] = {
    jwt.InvalidSignatureError: "The token is not signed by a key that is accepted here.",
    jwt.ExpiredSignatureError: "The token has expired.",
    jwt.ImmatureSignatureError: "The token is not valid yet.",
    jwt.InvalidIssuerError: "The token is not meant for this API.",
    jwt.InvalidAudienceError: "The token is not meant for this API.",
    jwt.MissingRequiredClaimError: "The token lacks a claim: exp, iss and {audience} are required.",
}
_UNREADABLE = "The token cannot be read."


def caller_of(token: str, settings: Settings) -> Caller:
    """Return the caller whom a token names, once its signature and its claims are verified.

    AuthenticationError if it does not hold; its text tells an honest client what to do, and nobody which keys
    there are. KeysUnavailableError if it cannot be known.
    """
    try:
        claims = _verified(token, settings)
    except jwt.PyJWTError as error:
        why = _REFUSALS.get(type(error), _UNREADABLE).format(audience=settings.jwt_audience_claim)
        raise AuthenticationError(why) from error
    return Caller(
        tenant_id=_named(claims, settings.jwt_tenant_claim, TENANT),
        user_id=_named(claims, settings.jwt_subject_claim, SUBJECT),
    )


def _verified(token: str, settings: Settings) -> dict[str, Any]:
    """Return the claims of a token that holds. Of its header only `alg` and `kid` count, and never alone."""
    header = jwt.get_unverified_header(token)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in settings.jwt_algorithms or "crit" in header:
        raise AuthenticationError("The token is signed in a way that is not accepted here.")
    for key in key_set(settings.jwt_jwks_url).candidates(header.get("kid"), algorithm):
        with suppress(jwt.InvalidSignatureError):
            return _claims(token, key, algorithm, settings)
    raise jwt.InvalidSignatureError


def _claims(token: str, key: PublicKey, algorithm: str, settings: Settings) -> dict[str, Any]:
    """Return the claims of a token that is signed by `key`, and is of and for whom the settings name."""
    claim = settings.jwt_audience_claim
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=[algorithm],
        audience=settings.jwt_audience if claim == "aud" else None,  # None: whoever `aud` names, it is not us
        issuer=settings.jwt_issuer,
        leeway=settings.jwt_leeway_seconds,
        options={"require": ["exp", "iss", claim]},
    )
    # Amazon Cognito's access tokens have no `aud`, but name the app client that they were issued to.
    is_access = claims.get("token_use") == "access"
    if claim == "client_id" and not (is_access and claims[claim] == settings.jwt_audience):
        raise jwt.InvalidAudienceError
    return claims


def _named(claims: dict[str, Any], name: str, form: re.Pattern[str]) -> str:
    """Return the claim of exactly this name, or else the one that the name is the path to."""
    value: Any = claims
    for part in [name] if name in claims else name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if not isinstance(value, str) or not form.fullmatch(value):
        raise AuthenticationError(f"The token's claim {name} does not have the form that this API takes.")
    return value
