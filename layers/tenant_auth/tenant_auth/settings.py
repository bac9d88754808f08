"""What the layer reads from the environment, once per execution environment."""

import math
import os
from functools import cache
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, Json
from pydantic.alias_generators import to_camel


class Settings(BaseModel):
    """Environment variables, by their upper-case names."""

    model_config = ConfigDict(alias_generator=str.upper, frozen=True, hide_input_in_errors=True)

    auth_mode: Literal["dev"]


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

    def latest(self, now: int) -> int:
        """Return the latest time at which a bucket that has a token now is full again."""
        return now + (self.burst - 1) * self.increment


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
