"""A user, and what a client sends to create one."""

import re
import secrets
import time
import unicodedata
from datetime import UTC, datetime
from typing import Annotated

import email_validator
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from users.settings import AddressSettings

_EPOCH_MS = 1_704_067_200_000  # 2024-01-01T00:00:00Z: 41 bits of milliseconds last until 2093
_RANDOM_BITS = 12

# Domains that cannot be reached from everywhere (RFC 6761). Whether a new user may have one is a setting, and
# that two spellings of an address are one does not depend on it: so the library is not to look at them.
_SPECIAL_USE = (".arpa", ".invalid", ".local", ".localhost", ".onion")
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

_CONTROL = r"\x00-\x1f\x7f-\x9f"
_CONTROL_IN_LINES = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # tabs and line ends are fine
_NAME = rf"^[^{_CONTROL}]*(\p{{L}}|\p{{N}}|\p{{P}}|\p{{S}})[^{_CONTROL}]*$"
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp", "Mn", "Mc", "Me"}  # Cn may be a letter of a new script
_PROFILE = rf"^[^{_CONTROL_IN_LINES}]*$"


def _checked_email(address: str) -> str:
    """Return `address` as it was written; ValueError says what is wrong with it."""
    try:
        checked = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    special = f".{checked.ascii_domain}".endswith(_SPECIAL_USE)
    if special and not AddressSettings.read().allow_special_use_email_domains:
        raise ValueError("The part after the @-sign is a special-use domain, which is not accepted here.")
    return address


def _checked_name(name: str) -> str:
    """Return a name that can be seen, on one line; ValueError for any other. It may be all symbols."""
    if re.search(f"[{_CONTROL}]", name):
        raise ValueError("A name cannot have control characters.")
    if all(unicodedata.category(character) in _UNSEEN for character in name):
        raise ValueError("A name needs a character that can be seen.")
    return name


def _checked_profile(profile: str) -> str:
    """Return a text of lines; ValueError for what no text has in it, such as NUL."""
    if re.search(f"[{_CONTROL_IN_LINES}]", profile):
        raise ValueError("A profile cannot have control characters, but for tabs and line ends.")
    return profile


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
    name: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
        AfterValidator(_checked_name),
    ] = Field(examples=["Alice Chen"], json_schema_extra={"pattern": _NAME})
    profile: Annotated[str, StringConstraints(max_length=2000), AfterValidator(_checked_profile)] = Field(
        default="",
        examples=["Machine learning engineer who bakes bread on Sundays"],
        json_schema_extra={"pattern": _PROFILE},
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
