"""A user, and what a client sends to create one."""

import secrets
import time
from datetime import UTC, datetime
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

_EPOCH_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z: 41 bits of milliseconds last until 2093
_RANDOM_BITS = 12


def _checked_email(address: str) -> str:
    """Return `address` as it was written; ValueError says what is wrong with it."""
    try:
        validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    return address


def unique_email(address: str) -> str:
    """Return what two spellings of one address have in common: no case, one form of Unicode and domain."""
    checked = validate_email(address, check_deliverability=False, test_environment=True)
    return checked.normalized.casefold()


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )


class NewUser(_Model):
    """The body of `POST /users/create`."""

    email: Annotated[str, StringConstraints(max_length=254), AfterValidator(_checked_email)] = Field(
        examples=["alice@tenant-a.dev"], json_schema_extra={"format": "idn-email"}
    )
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = Field(
        examples=["Alice Chen"], json_schema_extra={"pattern": r"\S"}
    )
    profile: Annotated[str, StringConstraints(max_length=2000)] = Field(
        default="", examples=["Machine learning engineer who bakes bread on Sundays"]
    )


class User(_Model):
    """A stored user. `id` is unique in its tenant and grows with time."""

    id: int = Field(gt=0, lt=2**53, examples=[123])
    tenant_id: str = Field(examples=["tenant-a"])
    email: str = Field(examples=["alice@tenant-a.dev"])
    name: str = Field(examples=["Alice Chen"])
    profile: str = Field(examples=["Machine learning engineer who bakes bread on Sundays"])
    created_at: datetime


def new_user(tenant_id: str, new: NewUser) -> User:
    """Give `new` an id (milliseconds since 2024 and 12 random bits, 53 bits in all) and a time."""
    now_ms = time.time_ns() // 1_000_000
    return User(
        **new.model_dump(),
        id=(now_ms - _EPOCH_MS) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS),
        tenant_id=tenant_id,
        created_at=datetime.fromtimestamp(now_ms / 1000, UTC),
    )
