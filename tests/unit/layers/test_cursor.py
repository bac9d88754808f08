"""A cursor comes back only whole, and only for its tenant."""

import string
from base64 import urlsafe_b64encode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from users.cursor import decode, encode
from users.errors import InvalidCursorError

MAX_LENGTH = 256  # of the query parameter
BASE64_URL = string.ascii_letters + string.digits + "-_"
tenants = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", fullmatch=True)
ids = st.integers(1, 2**53 - 1)


@given(tenant=tenants, last=ids)
def test_given_a_cursor_when_decoded_then_it_is_the_id_and_safe_in_a_url(tenant: str, last: int) -> None:
    cursor = encode(tenant, last)
    assert decode(tenant, cursor) == last
    assert set(cursor) <= set(BASE64_URL)
    assert len(cursor) <= MAX_LENGTH


@given(tenant=tenants, other=tenants, last=ids)
def test_given_another_tenants_cursor_when_decoded_then_it_is_refused(
    tenant: str, other: str, last: int
) -> None:
    assume(tenant != other)
    with pytest.raises(InvalidCursorError):
        decode(other, encode(tenant, last))


LONG = "a" * 127


@pytest.mark.parametrize(
    ("tenant", "other"),
    [("acme", "Acme"), ("a", "a.b"), (LONG + "a", LONG + "b"), (LONG, LONG + "a"), ("a" * 64, "a" * 65)],
)
def test_given_tenants_that_differ_little_when_decoded_then_neither_takes_the_others_cursor(
    tenant: str, other: str
) -> None:
    for mine, theirs in ((tenant, other), (other, tenant)):
        assert decode(mine, encode(mine, 7)) == 7
        with pytest.raises(InvalidCursorError):
            decode(mine, encode(theirs, 7))


def test_given_a_cursor_that_was_handed_out_long_ago_when_decoded_then_it_is_the_id() -> None:
    assert decode("tenant-a", "stgNZoNYwAKcAAAAAAAAAAB7") == 123


@given(last=ids, data=st.data())
def test_given_a_cursor_with_one_change_when_decoded_then_it_is_refused(
    last: int, data: st.DataObject
) -> None:
    cursor = encode("tenant-a", last)
    at = data.draw(st.integers(0, len(cursor)))
    dropped = data.draw(st.integers(0, 1))
    put = data.draw(st.text(st.one_of(st.sampled_from(BASE64_URL + "=+/ \n"), st.characters()), max_size=1))
    changed = cursor[:at] + put + cursor[at + dropped :]
    assume(changed != cursor)
    with pytest.raises(InvalidCursorError):
        decode("tenant-a", changed)


@given(garbage=st.text())
def test_given_any_text_when_decoded_then_it_is_refused(garbage: str) -> None:
    with pytest.raises(InvalidCursorError, match="start again without one"):
        decode("tenant-a", garbage)


@given(tenant=tenants, last=st.integers(2**53, 2**72 - 1))
def test_given_a_cursor_past_every_id_when_decoded_then_it_is_refused(tenant: str, last: int) -> None:
    with pytest.raises(InvalidCursorError):
        decode(tenant, encode(tenant, last))


few = st.sampled_from(["a", "A", "a-", "a-b", "a.b", "b", "tenant-a", "tenant-b", LONG, LONG + "a"])
well_formed = st.binary(min_size=18, max_size=18).map(lambda raw: urlsafe_b64encode(raw).decode())


@given(tenant=few, cursor=st.text() | well_formed | st.builds(encode, few, st.integers(0, 2**72 - 1)))
def test_given_any_cursor_when_decoded_then_only_the_one_made_for_this_tenant_and_id_is_accepted(
    tenant: str, cursor: str
) -> None:
    try:
        last = decode(tenant, cursor)
    except InvalidCursorError:
        return
    assert cursor == encode(tenant, last)
    assert 0 <= last < 2**53
