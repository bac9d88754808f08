"""The contract of the topic `user.events`: CloudEvents 1.0, Kafka binding, binary mode.

The value's schema is `schemas/user.created.v1.json`; producer and consumer are both tested against it. A
record that breaks the contract is poison, for one of the reasons in `Reason`.
Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
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
from pydantic_core import from_json

from users.model import User

USER_CREATED = "user.created"
_SOURCE = "/users/create"
_SPEC_VERSION = "1.0"
_CONTEXT = "ce_"  # how the names of all CloudEvents attributes start
TENANT = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
_KEY = re.compile(rf"{TENANT}:[1-9][0-9]*".encode())
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def _whole(number: object) -> object:
    """JSON, and JSON Schema, do not tell 1.0 from 1."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


class UserCreated(BaseModel):
    """The value of a `user.created` record."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    id: Annotated[StrictInt, BeforeValidator(_whole), Field(gt=0, lt=2**53)]
    tenant_id: Annotated[str, StringConstraints(pattern=rf"^{TENANT}\z")]
    email: Annotated[str, StringConstraints(min_length=1)]
    name: Annotated[str, StringConstraints(min_length=1)]
    profile: str


class Record(NamedTuple):
    """What goes into a topic."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


class Reason(StrEnum):
    """Why a record can never be processed: a code that is never renamed, since dead letters keep it."""

    REPEATED_HEADER = "repeated-header"  # a ce_ header is there twice: neither may win
    MISSING_HEADER = "missing-header"  # no ce_type or no ce_tenantid
    WRONG_SPECVERSION = "wrong-specversion"  # CloudEvents, but not 1.0
    UNKNOWN_TYPE = "unknown-type"  # ce_type is not user.created
    NO_VALUE = "no-value"  # a tombstone
    NOT_JSON = "not-json"  # or JSON that two readers may read differently
    WRONG_SCHEMA = "wrong-schema"  # JSON, and not the schema's
    NO_KEY = "no-key"
    WRONG_KEY = "wrong-key"  # the key is not <tenant>:<id>
    TENANT_MISMATCH = "tenant-mismatch"  # key or ce_tenantid name another tenant than the value
    ID_MISMATCH = "id-mismatch"  # the key names another user than the value
    REFUSED = "refused"  # a valid event that the vector store refuses
    FATAL = "fatal"  # a valid event that has ended the function, alone and more than once


class PoisonRecordError(ValueError):
    """The record can never be processed; the message says why, without the record's content."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


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


def parse(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> UserCreated:
    """Return the event in a record.

    Raises PoisonRecordError where the record is not a `user.created` event of version 1 whose key, header
    and value name the same tenant.
    """
    tenant = _tenant_of(headers)
    event = _read(value)
    _check_key(key, event)
    if tenant != event.tenant_id.encode():
        raise PoisonRecordError(
            Reason.TENANT_MISMATCH, "the header ce_tenantid is not the tenant in the value"
        )
    return event


def read_json(value: bytes) -> Any:
    """Return what all readers of JSON agree on: no NaN, no lone surrogate, no member there twice."""
    try:
        read = from_json(value, allow_inf_nan=False)
        json.loads(value.decode(), object_pairs_hook=_unique)  # the one thing that from_json lets pass
    except ValueError as error:
        raise PoisonRecordError(Reason.NOT_JSON, f"the value is not JSON: {error}") from None
    return read


def _unique(members: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in members}) < len(members):
        raise ValueError("a member is there twice")


def _tenant_of(headers: Sequence[tuple[str, bytes]]) -> bytes:
    """Check the CloudEvents attributes and return the tenant in them."""
    attributes = [(name, value) for name, value in headers if name.startswith(_CONTEXT)]
    context = dict(attributes)
    if len(context) < len(attributes):
        raise PoisonRecordError(Reason.REPEATED_HEADER, "a ce_ header is there more than once")
    for name in ("ce_type", "ce_tenantid"):
        if name not in context:
            raise PoisonRecordError(Reason.MISSING_HEADER, f"there is no header {name}")
    if context.get("ce_specversion", _SPEC_VERSION.encode()) != _SPEC_VERSION.encode():
        raise PoisonRecordError(Reason.WRONG_SPECVERSION, f"ce_specversion is not {_SPEC_VERSION!r}")
    if context["ce_type"] != USER_CREATED.encode():
        raise PoisonRecordError(Reason.UNKNOWN_TYPE, f"the type is not {USER_CREATED!r}")
    return context["ce_tenantid"]


def _read(value: bytes | None) -> UserCreated:
    if value is None:
        raise PoisonRecordError(Reason.NO_VALUE, "there is no value")
    try:
        return UserCreated.model_validate(read_json(value))
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}" for e in error.errors())
        raise PoisonRecordError(
            Reason.WRONG_SCHEMA, "the value is not valid: " + "; ".join(problems)
        ) from None


def _check_key(key: bytes | None, event: UserCreated) -> None:
    if key is None:
        raise PoisonRecordError(Reason.NO_KEY, "there is no key")
    if not _KEY.fullmatch(key):
        raise PoisonRecordError(Reason.WRONG_KEY, "the key is not a tenant and an id")
    if key.partition(b":")[0] != event.tenant_id.encode():
        raise PoisonRecordError(Reason.TENANT_MISMATCH, "the key is not of the tenant in the value")
    if key != _key(event.tenant_id, event.id):
        raise PoisonRecordError(Reason.ID_MISMATCH, "the key is not of the id in the value")


def _key(tenant_id: str, user_id: int) -> bytes:
    return f"{tenant_id}:{user_id}".encode()
