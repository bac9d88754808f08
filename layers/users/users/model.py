"""A user, and what a client sends to create or change one."""

import re
import time
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from random import SystemRandom
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


Email = Annotated[
    str,
    StringConstraints(max_length=254),
    AfterValidator(_checked_email),
    Field(examples=["alice@tenant-a.dev"], json_schema_extra={"format": "idn-email"}),
]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_checked_name),
    Field(examples=["Alice Chen"], json_schema_extra={"pattern": _NAME}),
]
Profile = Annotated[
    str,
    StringConstraints(max_length=2000),
    AfterValidator(_checked_profile),
    Field(
        examples=["Machine learning engineer who bakes bread on Sundays"],
        json_schema_extra={"pattern": _PROFILE},
    ),
]


class NewUser(_Model):
    """The body of `POST /users/create`."""

    email: Email
    name: Name
    profile: Profile = ""


class User(_Model):
    """A stored user. `id` is unique in its tenant and grows with time, `version` with each change."""

    id: int = Field(gt=0, lt=2**53, examples=[123])
    tenant_id: str = Field(examples=["tenant-a"])
    email: str = Field(examples=["alice@tenant-a.dev"])
    name: str = Field(examples=["Alice Chen"])
    profile: str = Field(examples=["Machine learning engineer who bakes bread on Sundays"])
    created_at: datetime
    updated_at: datetime
    version: int = Field(ge=1, examples=[1])


class UserPatch(_Model):
    """What is to change of a user: a JSON merge patch (RFC 7396), where null takes the profile away."""

    email: Email = Field(default_factory=str)  # no default is looked at: only what was sent is applied
    name: Name = Field(default_factory=str)
    profile: Profile | None = None

    def applied(self, user: User) -> User:
        """Return the user as the patch makes it; what it does not name stays."""
        return user.model_copy(update={name: getattr(self, name) or "" for name in self.model_fields_set})


def new_users(tenant_id: str, news: Sequence[NewUser]) -> list[User]:
    """Give each an id (milliseconds since 2024 and 12 random bits, 53 bits in all) and a time.

    Their order is that of their ids. 4,096 at most.
    """
    now_ms = time.time_ns() // 1_000_000
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    start = (now_ms - _EPOCH_MS) << _RANDOM_BITS
    random_bits = sorted(SystemRandom().sample(range(1 << _RANDOM_BITS), len(news)))
    return [
        User(
            **new.model_dump(),
            id=start | bits,
            tenant_id=tenant_id,
            created_at=now,
            updated_at=now,
            version=1,
        )
        for new, bits in zip(news, random_bits, strict=True)
    ]
