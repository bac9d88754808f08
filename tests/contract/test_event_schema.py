"""The schema of each event and the code agree: what one accepts, the other does."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import users
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from tenant_auth.identity import TENANT
from users import events
from users.events import (
    PoisonRecordError,
    UserChanged,
    UserDeleted,
    UserEvent,
    parse,
    user_created,
    user_deleted,
    user_updated,
)
from users.model import NewUser, User, new_users

SCHEMAS = {
    event: json.loads((Path(users.__file__).parent / "schemas" / f"{event}.v1.json").read_text())
    for event in (events.USER_CREATED, events.USER_UPDATED, events.USER_DELETED)
}
VALIDATORS = {event: Draft202012Validator(schema) for event, schema in SCHEMAS.items()}

texts = st.text(st.characters(exclude_categories=["Cs"]))  # a lone surrogate is not JSON in UTF-8
tenants = st.from_regex(TENANT.pattern, fullmatch=True)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=5)
whole_numbers = st.integers(1, 2**53 - 1)
strategies: dict[str, st.SearchStrategy[Any]] = {
    "id": whole_numbers,
    "tenantId": tenants,
    "email": texts.filter(bool),
    "name": texts.filter(bool),
    "profile": texts,
    "version": whole_numbers,
}
not_whole = st.integers(max_value=0) | st.integers(2**53) | texts | st.none() | st.floats(0.1, 0.9)
FORBIDDEN: dict[str, st.SearchStrategy[Any]] = {
    "id": not_whole,
    "tenantId": st.sampled_from(["", "-a", ".a", "_a", "a:b", "a/b", "a*", "é", "a" * 129, "a b", 1, None]),
    "email": st.sampled_from(["", 1, None, [], {}]),
    "name": st.sampled_from(["", 1, None, [], {}]),
    "profile": st.sampled_from([1, None, [], {}, True]),
    "version": not_whole,
}
PROPERTIES = [(event, name) for event, schema in SCHEMAS.items() for name in schema["properties"]]
every_event = pytest.mark.parametrize("event", SCHEMAS)
every_property = pytest.mark.parametrize(("event", "name"), PROPERTIES)


def values(event: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({name: strategies[name] for name in SCHEMAS[event]["properties"]})


def read(event: str, value: Any) -> UserEvent | None:
    """Parse a record whose key and headers are those of its value."""
    tenant, user = (value.get("tenantId"), value.get("id")) if isinstance(value, dict) else ("a", 1)
    headers = [("ce_type", event.encode()), ("ce_tenantid", str(tenant).encode())]
    return parse(f"{tenant}:{user}".encode(), json.dumps(value).encode(), headers)


@every_event
def test_the_schema_is_one(event: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[event])
    assert SCHEMAS[event]["title"].startswith(f"{event}, version 1")


@every_event
def test_a_tenant_has_one_form_whoever_reads_it(event: str) -> None:
    """The layers do not import each other, so each says it once; the schema says it to consumers."""
    pattern = SCHEMAS[event]["properties"]["tenantId"]["pattern"]
    assert pattern == f"^{TENANT.pattern}$" == f"^{events.TENANT}$"


@pytest.mark.parametrize(
    ("event", "model", "optional"),
    [
        (events.USER_CREATED, UserChanged, {"version"}),  # there were events before there were versions
        (events.USER_UPDATED, UserChanged, set()),
        (events.USER_DELETED, UserDeleted, set()),
    ],
)
def test_the_schema_and_the_code_have_the_same_properties(
    event: str, model: type[UserEvent], optional: set[str]
) -> None:
    fields = {field.alias for field in model.model_fields.values()}
    assert set(SCHEMAS[event]["properties"]) == fields
    assert set(SCHEMAS[event]["required"]) == fields - optional


def test_a_deletion_has_nothing_of_the_person() -> None:
    assert SCHEMAS[events.USER_DELETED]["properties"].keys() == {"id", "tenantId", "version"}


@given(tenant=tenants, name=texts.filter(lambda text: text.strip() != "").map(lambda text: text[:200]))
def test_given_a_user_that_the_api_accepts_when_announced_then_the_value_is_valid(
    tenant: str, name: str
) -> None:
    [user] = new_users(tenant, [NewUser.model_construct(email="a@b.dev", name=name, profile="")])
    VALIDATORS[events.USER_CREATED].validate(json.loads(user_created(user).value or b""))
    VALIDATORS[events.USER_UPDATED].validate(json.loads(user_updated(user).value or b""))
    deleted = user_deleted(tenant, user.id, user.version + 1)
    VALIDATORS[events.USER_DELETED].validate(json.loads(deleted.value or b""))


@every_event
@given(data=st.data())
def test_given_what_the_schema_allows_when_read_then_it_is_an_event(event: str, data: st.DataObject) -> None:
    known = SCHEMAS[event]["properties"]
    value = data.draw(values(event))
    more = data.draw(st.dictionaries(texts.filter(lambda name: name not in known), anything))
    VALIDATORS[event].validate({**more, **value})
    announced = read(event, {**more, **value})
    assert announced is not None
    assert announced.model_dump(by_alias=True) == value


@every_property
@given(data=st.data())
def test_given_a_property_that_the_schema_forbids_when_read_then_it_is_poison(
    event: str, name: str, data: st.DataObject
) -> None:
    changed = {**data.draw(values(event)), name: data.draw(FORBIDDEN[name])}
    assert not VALIDATORS[event].is_valid(changed)
    with pytest.raises(PoisonRecordError):
        read(event, changed)


@every_property
@given(data=st.data())
def test_given_a_property_is_missing_when_read_then_it_is_poison_unless_the_schema_lets_it(
    event: str, name: str, data: st.DataObject
) -> None:
    value = data.draw(values(event))
    del value[name]
    if (event, name) == (events.USER_CREATED, "version"):
        VALIDATORS[event].validate(value)
        assert isinstance(announced := read(event, value), UserChanged)
        assert announced.version == 1
        return
    assert not VALIDATORS[event].is_valid(value)
    with pytest.raises(PoisonRecordError):
        read(event, value)


@every_event
@given(value=anything)
def test_given_any_json_when_read_then_schema_and_code_say_the_same(event: str, value: Any) -> None:
    assert not VALIDATORS[event].is_valid(value)
    with pytest.raises(PoisonRecordError):
        read(event, value)


def test_given_the_longest_user_when_announced_then_the_value_is_valid() -> None:
    user = User(
        id=2**53 - 1,
        tenant_id="a" * 128,
        email="a" * 254,
        name="ë" * 200,
        profile="ë" * 2000,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        updated_at=datetime(2026, 1, 1, tzinfo=UTC),
        version=2**53 - 1,
    )
    VALIDATORS[events.USER_CREATED].validate(json.loads(user_created(user).value or b""))
