"""A record becomes an event again, or is poison with a reason that repeats none of its content."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from users.events import (
    HEARTBEAT,
    PoisonRecordError,
    Reason,
    Record,
    UserDeleted,
    parse,
    user_created,
    user_deleted,
    user_updated,
)
from users.model import User

from tests.people import ALICE
from tests.poison import KINDS

texts = st.text(st.characters(exclude_categories=["Cs"]))
users = st.builds(
    User.model_validate,
    st.fixed_dictionaries(
        {
            "id": st.integers(1, 2**53 - 1),
            "tenantId": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", fullmatch=True),
            "email": texts.filter(bool),
            "name": texts.filter(bool),
            "profile": texts,
            "createdAt": st.just("2026-01-01T00:00:00Z"),
            "updatedAt": st.just("2026-01-01T00:00:00Z"),
            "version": st.integers(1, 2**53 - 1),
        }
    ),
)


@given(user=users)
def test_given_a_user_when_announced_and_read_then_it_is_the_same(user: User) -> None:
    record = user_created(user)
    event = parse(*record)
    assert event.model_dump() == user.model_dump(exclude={"created_at", "updated_at"})
    assert record.key == f"{user.tenant_id}:{user.id}".encode()


def test_given_a_user_when_announced_twice_then_the_event_ids_differ() -> None:
    ids = {dict(user_created(ALICE).headers)["ce_id"] for _ in range(2)}
    assert len(ids) == 2


@pytest.mark.parametrize("traceparent", [None, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"])
def test_given_a_traceparent_or_none_when_announced_then_the_header_is_there_or_not(
    traceparent: str | None,
) -> None:
    headers = dict(user_created(ALICE, traceparent).headers)
    assert headers.get("traceparent") == (traceparent.encode() if traceparent else None)


def test_given_a_property_that_is_not_known_when_read_then_it_is_ignored() -> None:
    record = user_created(ALICE)
    value = record.value[:-1] + b',"nickname":"Al"}'
    assert parse(record.key, value, record.headers).name == "Alice"


@pytest.mark.parametrize("kind", KINDS)
def test_given_a_record_that_is_no_event_when_read_then_it_is_poison_of_its_kind(kind: str) -> None:
    spoil, reason = KINDS[kind]
    with pytest.raises(PoisonRecordError) as poison:
        parse(*spoil(user_created(ALICE)))
    assert poison.value.reason == reason
    assert str(poison.value)
    assert not [
        text for text in ("alice", "tenant-a", "tenant-x", "123") if text in str(poison.value).lower()
    ]


def test_given_the_kinds_of_poison_when_counted_then_every_reason_that_a_record_can_have_is_there() -> None:
    assert len(KINDS) >= 20
    assert {kind.reason for kind in KINDS.values()} == set(Reason) - {
        *(Reason.REFUSED, Reason.STEP_FAILED, Reason.FATAL),
        Reason.NO_VALUE,
    }


def test_given_what_the_contract_does_not_need_when_read_then_it_may_be_missing_or_repeated() -> None:
    key, value, headers = user_created(ALICE)
    needed = [header for header in headers if header[0] in ("ce_type", "ce_tenantid")]
    assert parse(key, value, [*needed, ("trace", b"1"), ("trace", b"2")]).name == "Alice"


@given(
    key=st.none() | st.binary(),
    value=st.none() | st.binary(),
    headers=st.lists(st.tuples(texts, st.binary())),
)
def test_given_any_bytes_when_read_then_they_are_poison(
    key: Any, value: Any, headers: list[tuple[str, bytes]]
) -> None:
    with pytest.raises(PoisonRecordError):
        parse(key, value, [*headers, ("ce_type", b"user.created"), ("ce_tenantid", b"tenant-a")])


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        "x",
        "évil\r\n",
        "a, b",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ce_tenantid: tenant-b",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
    ],
)
def test_given_a_traceparent_that_is_none_when_announced_then_it_is_left_out(traceparent: str) -> None:
    assert "traceparent" not in dict(user_created(ALICE, traceparent).headers)


def test_given_a_whole_number_written_as_a_float_when_read_then_it_is_the_id() -> None:
    record = user_created(ALICE)
    value = record.value.replace(b"123", b"123.0")
    assert parse(record.key, value, record.headers).id == 123


def test_given_a_property_by_its_python_name_when_read_then_it_is_poison() -> None:
    record = user_created(ALICE)
    value = record.value.replace(b'"tenantId"', b'"tenant_id"')
    with pytest.raises(PoisonRecordError, match="tenantId"):
        parse(record.key, value, record.headers)


@given(user=users)
def test_given_a_change_when_announced_and_read_then_it_is_the_user_as_it_is_now(user: User) -> None:
    event = parse(*user_updated(user))
    assert event
    assert event.model_dump() == user.model_dump(exclude={"created_at", "updated_at"})


@given(user=users)
def test_given_an_erasure_when_announced_and_read_then_it_names_no_person(user: User) -> None:
    record = user_deleted(user.tenant_id, user.id, user.version)
    event = parse(*record)
    assert isinstance(event, UserDeleted)
    assert event.model_dump() == {"id": user.id, "tenant_id": user.tenant_id, "version": user.version}
    assert record.key == user_created(user).key


def test_given_an_event_from_before_versions_when_read_then_it_is_version_1() -> None:
    key, value, headers = user_created(ALICE)
    assert value
    before = value.replace(b',"version":1', b"")
    assert before != value
    assert parse(key, before, headers) == parse(key, value, headers)


DELETED = user_deleted("tenant-a", 123, 2)
UPDATED = user_updated(ALICE)
ANOTHER = b'{"id":124,"tenantId":"tenant-a","version":2}'
ANOTHERS = b'{"id":123,"tenantId":"tenant-x","version":2}'


@pytest.mark.parametrize("kind", KINDS)
def test_given_a_change_with_one_thing_wrong_when_read_then_it_is_poison_of_its_kind(kind: str) -> None:
    spoil, reason = KINDS[kind]
    with pytest.raises(PoisonRecordError) as poison:
        parse(*spoil(UPDATED))
    assert poison.value.reason == reason


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (DELETED._replace(key=None), Reason.NO_KEY),
        (DELETED._replace(key=b"123"), Reason.WRONG_KEY),
        (DELETED._replace(key=b"tenant-x:123"), Reason.TENANT_MISMATCH),
        (DELETED._replace(key=b"tenant-a:124"), Reason.ID_MISMATCH),
        (DELETED._replace(value=ANOTHER), Reason.ID_MISMATCH),
        (DELETED._replace(value=ANOTHERS), Reason.TENANT_MISMATCH),
        (DELETED._replace(value=b"{}"), Reason.WRONG_SCHEMA),
        (DELETED._replace(value=b""), Reason.NOT_JSON),
        (KINDS["a tenant header of another tenant"].spoil(DELETED), Reason.TENANT_MISMATCH),
        (
            UPDATED._replace(headers=DELETED.headers, value=b'{"id":123,"tenantId":"tenant-a"}'),
            Reason.WRONG_SCHEMA,
        ),
    ],
)
def test_given_an_erasure_with_one_thing_wrong_when_read_then_nobody_is_erased(
    record: Record, reason: Reason
) -> None:
    with pytest.raises(PoisonRecordError) as poison:
        parse(*record)
    assert poison.value.reason == reason


def typed(event_type: bytes) -> list[tuple[str, bytes]]:
    return [(name, event_type if name == "ce_type" else value) for name, value in UPDATED.headers]


@pytest.mark.parametrize("headers", [[], DELETED.headers, UPDATED.headers, [("ce_tenantid", b"tenant-a")]])
def test_given_a_tombstone_when_read_then_it_is_passed_over(headers: list[tuple[str, bytes]]) -> None:
    assert parse(b"tenant-a:123", None, headers) is None


def test_given_a_heartbeat_when_read_then_it_is_passed_over_and_no_user_of_any_tenant_has_its_key() -> None:
    assert parse(*HEARTBEAT) is None
    tenant, _, user_id = (HEARTBEAT.key or b"").decode().partition(":")
    with pytest.raises(ValidationError):
        user_deleted(tenant, int(user_id), 1)


def test_given_a_tombstone_without_a_key_when_read_then_it_is_poison() -> None:
    with pytest.raises(PoisonRecordError) as poison:
        parse(None, None, [])
    assert poison.value.reason == Reason.NO_KEY


@pytest.mark.parametrize(
    "event_type", [b"user.merged", b"user.signed_in", b"user.created.v2", b"user.e-mailed"]
)
@pytest.mark.parametrize("value", [b"", b"\xff", b"{}", ANOTHERS])
def test_given_a_type_that_a_newer_mesh_has_when_read_then_it_is_passed_over(
    event_type: bytes, value: bytes
) -> None:
    assert parse(b"tenant-a:123", value, typed(event_type)) is None


@pytest.mark.parametrize(
    "event_type", [b"", b"user", b"user.", b"user.CREATED", b"user.created ", b"users.created"]
)
def test_given_a_type_of_another_form_when_read_then_it_is_poison(event_type: bytes) -> None:
    with pytest.raises(PoisonRecordError) as poison:
        parse(UPDATED.key, UPDATED.value, typed(event_type))
    assert poison.value.reason == Reason.UNKNOWN_TYPE
