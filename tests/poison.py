"""Every kind of record that is poison to `user.events`: a good record, with one thing wrong."""

from collections.abc import Callable
from typing import NamedTuple

from users.events import Reason, Record

BROKEN_TEXT = b"\xff\xfe"


class Kind(NamedTuple):
    """What is wrong: how to make it so, and what it is to be called."""

    spoil: Callable[[Record], Record]
    reason: Reason


def _value(value: bytes | None) -> Callable[[Record], Record]:
    return lambda good: good._replace(value=value)


def _in_value(old: bytes, new: bytes) -> Callable[[Record], Record]:
    """Replace what stands for every user at the same place in the value."""

    def spoil(good: Record) -> Record:
        assert good.value is not None
        assert old in good.value
        return good._replace(value=good.value.replace(old, new, 1))

    return spoil


def _id(text: bytes) -> Callable[[Record], Record]:
    def spoil(good: Record) -> Record:
        user_id = (good.key or b"").partition(b":")[2]
        return _in_value(b'"id":' + user_id, b'"id":' + text)(good)

    return spoil


def _cut(good: Record) -> Record:
    return good._replace(value=(good.value or b"")[:-1])


def _key(key: bytes | None) -> Callable[[Record], Record]:
    return lambda good: good._replace(key=key)


def _key_of_another_user(good: Record) -> Record:
    return good._replace(key=(good.key or b"") + b"7")


def _header(name: str, *values: bytes) -> Callable[[Record], Record]:
    """Have the header with these values, at the end."""

    def spoil(good: Record) -> Record:
        others = [header for header in good.headers if header[0] != name]
        return good._replace(headers=[*others, *((name, value) for value in values)])

    return spoil


KINDS: dict[str, Kind] = {
    "no headers": Kind(lambda good: good._replace(headers=[]), Reason.MISSING_HEADER),
    "no type": Kind(_header("ce_type"), Reason.MISSING_HEADER),
    "no tenant header": Kind(_header("ce_tenantid"), Reason.MISSING_HEADER),
    "two types": Kind(_header("ce_type", b"user.deleted", b"user.created"), Reason.REPEATED_HEADER),
    "two tenant headers": Kind(_header("ce_tenantid", b"tenant-x", b"tenant-a"), Reason.REPEATED_HEADER),
    "two event ids": Kind(_header("ce_id", b"1", b"2"), Reason.REPEATED_HEADER),
    "CloudEvents 0.3": Kind(_header("ce_specversion", b"0.3"), Reason.WRONG_SPECVERSION),
    "another type": Kind(_header("ce_type", b"order.created"), Reason.UNKNOWN_TYPE),
    "a type without a word": Kind(_header("ce_type", b"user."), Reason.UNKNOWN_TYPE),
    "a type that is no text": Kind(_header("ce_type", BROKEN_TEXT), Reason.UNKNOWN_TYPE),
    "a tombstone of nobody": Kind(lambda good: Record(b"tenant-a", None, good.headers), Reason.WRONG_KEY),
    "a tombstone of another tenant": Kind(
        lambda good: Record(b"tenant-x:123", None, good.headers), Reason.TENANT_MISMATCH
    ),
    "a newer type with a key of another tenant": Kind(
        lambda good: _key(b"tenant-x:123")(_header("ce_type", b"user.merged")(good)), Reason.TENANT_MISMATCH
    ),
    "a newer type without a key": Kind(
        lambda good: _key(None)(_header("ce_type", b"user.merged")(good)), Reason.NO_KEY
    ),
    "an empty value": Kind(_value(b""), Reason.NOT_JSON),
    "text": Kind(_value(b"not json"), Reason.NOT_JSON),
    "a value that is cut": Kind(_cut, Reason.NOT_JSON),
    "a value that is no text": Kind(_value(BROKEN_TEXT), Reason.NOT_JSON),
    "a name that is no text": Kind(_in_value(b'"name":"', b'"name":"\xff'), Reason.NOT_JSON),
    "half a character": Kind(_in_value(b'"name":"', b'"name":"\\ud800'), Reason.NOT_JSON),
    "not a number": Kind(_in_value(b"{", b'{"score":NaN,'), Reason.NOT_JSON),
    "a member twice": Kind(_in_value(b"{", b'{"tenantId":"tenant-x",'), Reason.NOT_JSON),
    "too deep": Kind(_value(b"[" * 100_000), Reason.NOT_JSON),
    "a byte order mark": Kind(_in_value(b"{", b"\xef\xbb\xbf{"), Reason.NOT_JSON),
    "null": Kind(_value(b"null"), Reason.WRONG_SCHEMA),
    "an array": Kind(_value(b"[]"), Reason.WRONG_SCHEMA),
    "a scalar": Kind(_value(b'"user"'), Reason.WRONG_SCHEMA),
    "an empty object": Kind(_value(b"{}"), Reason.WRONG_SCHEMA),
    "an id as text": Kind(_id(b'"1"'), Reason.WRONG_SCHEMA),
    "an id of zero": Kind(_id(b"0"), Reason.WRONG_SCHEMA),
    "an id of 54 bits": Kind(_id(b"9007199254740992"), Reason.WRONG_SCHEMA),
    "an infinite id": Kind(_id(b"1e999"), Reason.WRONG_SCHEMA),
    "no tenant": Kind(_in_value(b'"tenantId"', b'"tenant_id"'), Reason.WRONG_SCHEMA),
    "a tenant with a line break": Kind(_in_value(b'","email"', b'\\n","email"'), Reason.WRONG_SCHEMA),
    "a version as text": Kind(_in_value(b'"version":1', b'"version":"1"'), Reason.WRONG_SCHEMA),
    "a version of zero": Kind(_in_value(b'"version":1', b'"version":0'), Reason.WRONG_SCHEMA),
    "a version of null": Kind(_in_value(b'"version":1', b'"version":null'), Reason.WRONG_SCHEMA),
    "a name of null": Kind(_in_value(b'"name":', b'"name":null,"nick":'), Reason.WRONG_SCHEMA),
    "no key": Kind(_key(None), Reason.NO_KEY),
    "an empty key": Kind(_key(b""), Reason.WRONG_KEY),
    "a key that is no text": Kind(_key(BROKEN_TEXT), Reason.WRONG_KEY),
    "a key without a tenant": Kind(_key(b"123"), Reason.WRONG_KEY),
    "a key of another tenant": Kind(_key(b"tenant-x:123"), Reason.TENANT_MISMATCH),
    "a tenant header of another tenant": Kind(_header("ce_tenantid", b"tenant-x"), Reason.TENANT_MISMATCH),
    "a key of another user": Kind(_key_of_another_user, Reason.ID_MISMATCH),
}

# A compacted topic refuses these; an older topic may still hold them.
KEYLESS = ("no key", "a newer type without a key")
