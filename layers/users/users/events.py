"""The contract of the topic `user.events`: CloudEvents 1.0, Kafka binding, binary mode.

The value's schema is `schemas/user.created.v1.json`; producer and consumer are both tested against it.
Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, NamedTuple
from uuid import uuid4

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    ValidationError,
)
from pydantic.alias_generators import to_camel

from users.model import User

USER_CREATED = "user.created"
_SOURCE = "/users/create"
_SPEC_VERSION = "1.0"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def _whole(number: object) -> object:
    """JSON, and JSON Schema, do not tell 1.0 from 1."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


class UserCreated(BaseModel):
    """The value of a `user.created` record."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    id: Annotated[StrictInt, BeforeValidator(_whole), Field(gt=0, lt=2**53)]
    tenant_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}\z")]
    email: Annotated[str, StringConstraints(min_length=1)]
    name: Annotated[str, StringConstraints(min_length=1)]
    profile: str


class Record(NamedTuple):
    """What goes into a topic."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class PoisonRecordError(ValueError):
    """The record can never be processed; the message says why, without the record's content."""


def user_created(user: User, traceparent: str | None = None) -> Record:
    """Return the record that announces `user`, with the request's W3C `traceparent` if it is valid."""
    value = UserCreated.model_validate(user.model_dump(by_alias=True))
    headers = {
        "ce_specversion": _SPEC_VERSION,
        "ce_id": str(uuid4()),
        "ce_type": USER_CREATED,
        "ce_source": _SOURCE,
        "ce_time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "ce_tenantid": user.tenant_id,
        "content-type": "application/json",
    }
    if traceparent is not None and _TRACEPARENT.fullmatch(traceparent):
        headers["traceparent"] = traceparent
    return Record(
        key=_key(user.tenant_id, user.id),
        value=value.model_dump_json(by_alias=True).encode(),
        headers=[(name, text.encode()) for name, text in headers.items()],
    )


def parse(key: bytes | None, value: bytes | None, headers: Mapping[str, bytes]) -> UserCreated:
    """Return the event in a record.

    Raises PoisonRecordError where the record is not a `user.created` event of version 1 whose key, header
    and value name the same tenant.
    """
    if headers.get("ce_type") != USER_CREATED.encode():
        raise PoisonRecordError(f"the type is not {USER_CREATED!r}")
    if value is None:
        raise PoisonRecordError("there is no value")
    try:
        event = UserCreated.model_validate_json(value)
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}" for e in error.errors())
        raise PoisonRecordError("the value is not valid: " + "; ".join(problems)) from None
    if key != _key(event.tenant_id, event.id):
        raise PoisonRecordError("the key is not the tenant and id in the value")
    if headers.get("ce_tenantid") != event.tenant_id.encode():
        raise PoisonRecordError("the header ce_tenantid is not the tenant in the value")
    return event


def _key(tenant_id: str, user_id: int) -> bytes:
    return f"{tenant_id}:{user_id}".encode()
