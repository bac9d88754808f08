"""The contract of the topic `user.events`: CloudEvents 1.0, Kafka binding, binary mode.

The schemas of the values are in `schemas/`; producer and consumer are both tested against them. A record that
breaks the contract is poison, for one of the reasons in `Reason`.
Source: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, NamedTuple
from uuid import uuid4

from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
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
USER_UPDATED = "user.updated"
USER_DELETED = "user.deleted"
_SOURCES = {USER_CREATED: "/users/create", USER_UPDATED: "/users", USER_DELETED: "/users"}
_KNOWN_FORM = re.compile(rb"user\.[a-z]+(?:[._-][a-z0-9]+)*")  # of a type that a newer producer may have
LAST_VERSION = 2**53 - 1  # of whoever is gone, where nobody knows any more which one it was
_SPEC_VERSION = "1.0"
_CONTEXT = "ce_"  # how the names of all CloudEvents attributes start
TENANT = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
_KEY = re.compile(rf"{TENANT}:[1-9][0-9]*".encode())
_trace_context = TraceContextTextMapPropagator()
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def _whole(number: object) -> object:
    """JSON, and JSON Schema, do not tell 1.0 from 1."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


class _Value(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    id: Annotated[StrictInt, BeforeValidator(_whole), Field(gt=0, lt=2**53)]
    tenant_id: Annotated[str, StringConstraints(pattern=rf"^{TENANT}\z")]


_Version = Annotated[StrictInt, BeforeValidator(_whole), Field(ge=1, lt=2**53)]


class UserChanged(_Value):
    """The value of `user.created` and `user.updated`: the whole user. Without a version it is the first."""

    email: Annotated[str, StringConstraints(min_length=1)]
    name: Annotated[str, StringConstraints(min_length=1)]
    profile: str
    version: _Version = 1


class _UserUpdated(UserChanged):
    """There were versions before there was this event: so it has one."""

    version: _Version


class UserDeleted(_Value):
    """The value of `user.deleted`: who is gone, and nothing else of the person."""

    version: _Version


UserEvent = UserChanged | UserDeleted
_VALUES: dict[bytes, type[UserEvent]] = {
    USER_CREATED.encode(): UserChanged,
    USER_UPDATED.encode(): _UserUpdated,
    USER_DELETED.encode(): UserDeleted,
}


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
    UNKNOWN_TYPE = "unknown-type"  # ce_type is not of the form user.<what happened>
    NO_VALUE = "no-value"  # a tombstone, when older meshes did not pass it over
    NOT_JSON = "not-json"  # or JSON that two readers may read differently
    WRONG_SCHEMA = "wrong-schema"  # JSON, and not the schema's
    NO_KEY = "no-key"
    WRONG_KEY = "wrong-key"  # the key is not <tenant>:<id>
    TENANT_MISMATCH = "tenant-mismatch"  # key, ce_tenantid and value name more than one tenant
    ID_MISMATCH = "id-mismatch"  # the key names another user than the value
    REFUSED = "refused"  # a valid event that the vector store refuses
    STEP_FAILED = "step-failed"  # a valid event of a user whom a step of the enrichment cannot take
    FATAL = "fatal"  # a valid event that has ended the function, alone and more than once


class PoisonRecordError(ValueError):
    """The record can never be processed; the message says why, without the record's content."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


# A tombstone of nobody, for every partition: no tenant has a user with this id, which is beyond the last.
HEARTBEAT = Record(f"event-mesh:{2**53}".encode(), None, [])


def user_created(user: User, traceparent: str | None = None) -> Record:
    """Return the record that announces `user`, with the request's W3C `traceparent` if it is valid."""
    return _record(USER_CREATED, _changed(user), traceparent)


def user_updated(user: User, traceparent: str | None = None) -> Record:
    """Return the record that announces what `user` is now."""
    return _record(USER_UPDATED, _changed(user), traceparent)


def user_deleted(tenant_id: str, user_id: int, version: int, traceparent: str | None = None) -> Record:
    """Return the record that announces that a user is gone; `version` is the last one plus 1."""
    value = UserDeleted.model_validate({"id": user_id, "tenantId": tenant_id, "version": version})
    return _record(USER_DELETED, value, traceparent)


def _changed(user: User) -> UserChanged:
    return UserChanged.model_validate(user.model_dump(by_alias=True))


def _record(event_type: str, value: UserEvent, traceparent: str | None) -> Record:
    headers = {
        "ce_specversion": _SPEC_VERSION,
        "ce_id": str(uuid4()),
        "ce_type": event_type,
        "ce_source": _SOURCES[event_type],
        "ce_time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "ce_tenantid": value.tenant_id,
        "content-type": "application/json",
    }
    traced: dict[str, str] = {}
    _trace_context.inject(traced)  # the span that makes the event, if there is one, not the client's
    traceparent = traced.get("traceparent", traceparent)
    if traceparent is not None and _TRACEPARENT.fullmatch(traceparent):
        headers["traceparent"] = traceparent
    return Record(
        key=_key(value.tenant_id, value.id),
        value=value.model_dump_json(by_alias=True).encode(),
        headers=[(name, text.encode()) for name, text in headers.items()],
    )


def parse(key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> UserEvent | None:
    """Return the event in a record, None for one that is nothing to its reader.

    That is a tombstone, which the topic's compaction needs, and an event of the form `user.<word>` that only
    newer readers know. Raises PoisonRecordError where the record is none of these, or its key, header and
    value do not name the same tenant and user.
    """
    key_tenant, key_id = _key_parts(key)
    if value is None:  # a tombstone: it needs no headers, and those that it has agree
        _check_tenant(key_tenant, *(tenant for name, tenant in headers if name == "ce_tenantid"))
        return None
    event_type, tenant = _type_and_tenant(headers)
    _check_tenant(key_tenant, tenant)
    if event_type not in _VALUES:
        return None
    event = _read(value, _VALUES[event_type])
    if key_tenant != event.tenant_id.encode():
        raise PoisonRecordError(Reason.TENANT_MISMATCH, "the key is not of the tenant in the value")
    if key_id != str(event.id).encode():
        raise PoisonRecordError(Reason.ID_MISMATCH, "the key is not of the id in the value")
    return event


def _check_tenant(key_tenant: bytes, *tenants: bytes) -> None:
    if any(tenant != key_tenant for tenant in tenants):
        raise PoisonRecordError(Reason.TENANT_MISMATCH, "the key is not of the tenant in ce_tenantid")


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


def _type_and_tenant(headers: Sequence[tuple[str, bytes]]) -> tuple[bytes, bytes]:
    """Check the CloudEvents attributes, and return two of them."""
    attributes = [(name, value) for name, value in headers if name.startswith(_CONTEXT)]
    context = dict(attributes)
    if len(context) < len(attributes):
        raise PoisonRecordError(Reason.REPEATED_HEADER, "a ce_ header is there more than once")
    for name in ("ce_type", "ce_tenantid"):
        if name not in context:
            raise PoisonRecordError(Reason.MISSING_HEADER, f"there is no header {name}")
    if context.get("ce_specversion", _SPEC_VERSION.encode()) != _SPEC_VERSION.encode():
        raise PoisonRecordError(Reason.WRONG_SPECVERSION, f"ce_specversion is not {_SPEC_VERSION!r}")
    if not _KNOWN_FORM.fullmatch(context["ce_type"]):
        raise PoisonRecordError(Reason.UNKNOWN_TYPE, "the type is no event of a user")
    return context["ce_type"], context["ce_tenantid"]


def _read(value: bytes, form: type[UserEvent]) -> UserEvent:
    try:
        return form.model_validate(read_json(value))
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, e['loc'])) or 'value'}: {e['msg']}" for e in error.errors())
        raise PoisonRecordError(
            Reason.WRONG_SCHEMA, "the value is not valid: " + "; ".join(problems)
        ) from None


def _key_parts(key: bytes | None) -> tuple[bytes, bytes]:
    """Return the tenant and the id in a key."""
    if key is None:
        raise PoisonRecordError(Reason.NO_KEY, "there is no key")
    if not _KEY.fullmatch(key):
        raise PoisonRecordError(Reason.WRONG_KEY, "the key is not a tenant and an id")
    tenant, _, user = key.partition(b":")
    return tenant, user


def _key(tenant_id: str, user_id: int) -> bytes:
    return f"{tenant_id}:{user_id}".encode()
