"""A record becomes an event again, or is poison with a reason that repeats none of its content."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from users.events import PoisonRecordError, Record, parse, user_created
from users.model import User

from tests.people import ALICE

texts = st.text(st.characters(exclude_categories=["Cs"]))
users = st.builds(
    User.model_validate,
    st.fixed_dictionaries(
        {
            "id": st.integers(1, 2**53 - 1),
            "tenantId": st.from_regex(r"[a-z0-9][a-z0-9-]{0,62}", fullmatch=True),
            "email": texts.filter(bool),
            "name": texts.filter(bool),
            "profile": texts,
            "createdAt": st.just("2026-01-01T00:00:00Z"),
        }
    ),
)
Change = Callable[[Record, dict[str, bytes]], tuple[bytes | None, bytes | None, dict[str, bytes]]]


@given(user=users)
def test_given_a_user_when_announced_and_read_then_it_is_the_same(user: User) -> None:
    record = user_created(user)
    event = parse(record.key, record.value, dict(record.headers))
    assert event.model_dump() == user.model_dump(exclude={"created_at"})
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
    assert parse(record.key, value, dict(record.headers)).name == "Alice"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r, h: (r.key, None, h), "there is no value"),
        (lambda r, h: (r.key, b"", h), "not valid"),
        (lambda r, h: (r.key, b"\xff", h), "not valid"),
        (lambda r, h: (r.key, b"null", h), "not valid"),
        (lambda r, h: (r.key, r.value.replace(b"123", b'"123"'), h), "not valid: id"),
        (lambda r, h: (r.key, r.value.replace(b"123", b"0"), h), "not valid: id"),
        (lambda r, h: (r.key, r.value.replace(b"123", b"9007199254740992"), h), "not valid: id"),
        (lambda r, h: (r.key, r.value.replace(b'"tenant-a"', b'"tenant-a\\n"'), h), "not valid: tenantId"),
        (lambda r, h: (r.key, r.value.replace(b'"tenantId"', b'"tenant"'), h), "not valid: tenantId"),
        (lambda r, h: (None, r.value, h), "the key is not"),
        (lambda r, h: (b"tenant-b:123", r.value, h), "the key is not"),
        (lambda r, h: (b"tenant-a:124", r.value, h), "the key is not"),
        (lambda r, h: (r.key, r.value, {**h, "ce_tenantid": b"tenant-b"}), "the header ce_tenantid"),
        (lambda r, h: (r.key, r.value, {k: v for k, v in h.items() if k != "ce_tenantid"}), "ce_tenantid"),
        (lambda r, h: (r.key, r.value, {**h, "ce_type": b"user.deleted"}), "the type is not 'user.created'"),
        (lambda r, h: (r.key, r.value, {**h, "ce_type": b"\xff"}), "the type is"),
        (lambda r, h: (r.key, r.value, {}), "the type is not"),
    ],
)
def test_given_a_record_that_is_no_event_when_read_then_it_is_poison(change: Change, reason: str) -> None:
    record = user_created(ALICE)
    with pytest.raises(PoisonRecordError, match=reason) as poison:
        parse(*change(record, dict(record.headers)))
    assert "alice" not in str(poison.value).lower()


@given(
    key=st.none() | st.binary(), value=st.none() | st.binary(), headers=st.dictionaries(texts, st.binary())
)
def test_given_any_bytes_when_read_then_they_are_poison(
    key: Any, value: Any, headers: dict[str, bytes]
) -> None:
    with pytest.raises(PoisonRecordError):
        parse(key, value, {**headers, "ce_type": b"user.created"})


@pytest.mark.parametrize("traceparent", ["", "x", "00-" + "0" * 32 + "-" + "0" * 16, "évil\r\n", "a, b"])
def test_given_a_traceparent_that_is_none_when_announced_then_it_is_left_out(traceparent: str) -> None:
    assert "traceparent" not in dict(user_created(ALICE, traceparent).headers)


def test_given_a_whole_number_written_as_a_float_when_read_then_it_is_the_id() -> None:
    record = user_created(ALICE)
    value = record.value.replace(b"123", b"123.0")
    assert parse(record.key, value, dict(record.headers)).id == 123


def test_given_a_property_by_its_python_name_when_read_then_it_is_poison() -> None:
    record = user_created(ALICE)
    value = record.value.replace(b'"tenantId"', b'"tenant_id"')
    with pytest.raises(PoisonRecordError, match="tenantId"):
        parse(record.key, value, dict(record.headers))
