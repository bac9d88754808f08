"""What the layer reads from the environment, once per execution environment."""

import math
import os
import re
from functools import cache
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Json, model_validator
from pydantic.alias_generators import to_camel

# Asymmetric ones only: with a symmetric one, whoever can read the issuer's public keys could sign.
_SIGNATURES = {f"{family}{bits}" for family in ("RS", "PS", "ES") for bits in (256, 384, 512)} | {"EdDSA"}


def _words(value: object) -> object:
    return [word.strip() for word in value.split(",")] if isinstance(value, str) else value


def _known(algorithms: frozenset[str]) -> frozenset[str]:
    if not algorithms or algorithms - _SIGNATURES:
        raise ValueError(f"takes any of {', '.join(sorted(_SIGNATURES))}, comma-separated")
    return algorithms


class Settings(BaseModel):
    """Environment variables, by their upper-case names. One that is empty counts as absent."""

    model_config = ConfigDict(alias_generator=str.upper, frozen=True, hide_input_in_errors=True)

    auth_mode: Literal["dev", "jwt"]
    environment: Literal["development", "staging", "production"] = "production"
    jwt_jwks_url: str = ""
    jwt_issuer: str = ""
    jwt_audience: str = ""
    jwt_audience_claim: Literal["aud", "client_id"] = "aud"
    jwt_algorithms: Annotated[frozenset[str], BeforeValidator(_words), AfterValidator(_known)] = frozenset(
        {"RS256", "ES256"}
    )
    jwt_tenant_claim: str = "tenant_id"
    jwt_subject_claim: str = "sub"
    jwt_leeway_seconds: int = Field(default=10, ge=0, le=60)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, variables: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in variables.items() if value != ""}

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.auth_mode == "jwt":
            self._check_jwt()
        elif self.environment == "production":
            raise ValueError(
                "AUTH_MODE dev trusts tokens that nobody signed: ENVIRONMENT production wants jwt"
            )
        return self

    def _check_jwt(self) -> None:
        for name in ("jwt_jwks_url", "jwt_issuer", "jwt_audience"):
            if not getattr(self, name):
                raise ValueError(f"AUTH_MODE jwt needs {name.upper()}")
        url = urlsplit(self.jwt_jwks_url)
        schemes = ("https",) if self.environment == "production" else ("https", "http")
        if url.scheme not in schemes or not url.hostname:
            raise ValueError(
                f"JWT_JWKS_URL: ENVIRONMENT {self.environment} takes {' or '.join(schemes)} only"
            )


@cache
def settings() -> Settings:
    """Return the settings; pydantic's ValidationError names the variable that is missing or wrong."""
    return Settings.model_validate(dict(os.environ))


class TenantRoleSettings(BaseModel):
    """The role whose sessions reach a tenant's items."""

    model_config = ConfigDict(alias_generator=str.upper, frozen=True)

    tenant_role_arn: str

    @classmethod
    def read(cls) -> Self:
        """Return the settings; pydantic's ValidationError names the variable that is missing."""
        return cls.model_validate(dict(os.environ))


class RateLimit(BaseModel):
    """A token bucket: how many requests it holds, and how fast it fills. 0 per second is no limit at all."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)

    per_second: float = Field(ge=0, allow_inf_nan=False)
    burst: int = Field(ge=1)

    @property
    def increment(self) -> int:
        """The microseconds in which one token flows in."""
        return math.ceil(1_000_000 / self.per_second)

    def latest(self, now: int, tokens: int = 1) -> int:
        """Return the latest time at which a bucket that has so many tokens now is full again."""
        return now + (self.burst - tokens) * self.increment


class RateLimitSettings(BaseModel):
    """The function's rate limit, and the tenants that have another one: tenant → function → limit."""

    model_config = ConfigDict(alias_generator=str.upper, frozen=True, hide_input_in_errors=True)

    table_name: str
    rate_limit_per_second: float = Field(ge=0, allow_inf_nan=False)
    rate_limit_burst: int = Field(ge=1)
    rate_limit_overrides: Json[dict[str, dict[str, RateLimit]]]

    @classmethod
    def read(cls) -> Self:
        """Return the settings; pydantic's ValidationError names the variable that is missing or wrong."""
        return cls.model_validate(dict(os.environ))

    def limit(self, tenant_id: str, group: str) -> RateLimit:
        """Return the limit of a tenant in a route group."""
        standard = RateLimit(perSecond=self.rate_limit_per_second, burst=self.rate_limit_burst)
        return self.rate_limit_overrides.get(tenant_id, {}).get(group, standard)


_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_DEFAULT_PORT = re.compile(r"http:.*:80|https:.*:443")  # no browser sends it


def _origin(text: str) -> str:
    if text != "*" and (not _ORIGIN.fullmatch(text) or _DEFAULT_PORT.fullmatch(text)):
        raise ValueError(
            f"{text!r} is no origin as browsers send it, such as https://app.example: in lower case, with no "
            "path, no / at the end, and no port where it is the scheme's own"
        )
    return text


class CorsSettings(BaseModel):
    """The origins whose pages may call the API; `*` is every one."""

    model_config = ConfigDict(alias_generator=str.upper, frozen=True, hide_input_in_errors=True)

    cors_allowed_origins: Annotated[
        tuple[Annotated[str, AfterValidator(_origin)], ...], BeforeValidator(_words)
    ] = ()
    environment: Literal["development", "staging", "production"] = "production"

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if "*" in self.cors_allowed_origins and self.environment == "production":
            raise ValueError("CORS_ALLOWED_ORIGINS * lets every page in: ENVIRONMENT production wants names")
        return self

    @classmethod
    @cache
    def read(cls) -> Self:
        """Return the settings; pydantic's ValidationError names the variable that is wrong."""
        return cls.model_validate({name: value for name, value in os.environ.items() if value})
