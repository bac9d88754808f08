"""The schema of user.created and the code agree: what one accepts, the other does."""

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
from users.events import PoisonRecordError, UserCreated, parse, user_created
from users.model import NewUser, User, new_user

SCHEMA = json.loads((Path(users.__file__).parent / "schemas" / "user.created.v1.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)

texts = st.text(st.characters(exclude_categories=["Cs"]))  # a lone surrogate is not JSON in UTF-8
tenants = st.from_regex(TENANT.pattern, fullmatch=True)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=5)
valid = st.fixed_dictionaries(
    {
        "id": st.integers(1, 2**53 - 1),
        "tenantId": tenants,
        "email": texts.filter(bool),
        "name": texts.filter(bool),
        "profile": texts,
    }
)
PROPERTIES = sorted(SCHEMA["properties"])
FORBIDDEN: dict[str, st.SearchStrategy[Any]] = {
    "id": st.integers(max_value=0) | st.integers(2**53) | texts | st.none() | st.floats(0.1, 0.9),
    "tenantId": st.sampled_from(["", "-a", ".a", "_a", "a:b", "a/b", "a*", "é", "a" * 129, "a b", 1, None]),
    "email": st.sampled_from(["", 1, None, [], {}]),
    "name": st.sampled_from(["", 1, None, [], {}]),
    "profile": st.sampled_from([1, None, [], {}, True]),
}


def read(value: Any) -> UserCreated:
    """Parse a record whose key and headers are those of its value."""
    tenant, user = (value.get("tenantId"), value.get("id")) if isinstance(value, dict) else ("a", 1)
    headers = [("ce_type", b"user.created"), ("ce_tenantid", str(tenant).encode())]
    return parse(f"{tenant}:{user}".encode(), json.dumps(value).encode(), headers)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_a_tenant_has_one_form_whoever_reads_it() -> None:
    """The layers do not import each other, so each says it once; the schema says it to consumers."""
    assert SCHEMA["properties"]["tenantId"]["pattern"] == f"^{TENANT.pattern}$" == f"^{events.TENANT}$"


def test_the_schema_and_the_code_have_the_same_properties() -> None:
    fields = {field.alias for field in UserCreated.model_fields.values()}
    assert set(SCHEMA["properties"]) == set(SCHEMA["required"]) == fields


@given(tenant=tenants, name=texts.filter(lambda text: text.strip() != "").map(lambda text: text[:200]))
def test_given_a_user_that_the_api_accepts_when_announced_then_the_value_is_valid(
    tenant: str, name: str
) -> None:
    user = new_user(tenant, NewUser.model_construct(email="a@b.dev", name=name, profile=""))
    VALIDATOR.validate(json.loads(user_created(user).value))


@given(value=valid, more=st.dictionaries(texts.filter(lambda name: name not in PROPERTIES), anything))
def test_given_what_the_schema_allows_when_read_then_it_is_an_event(
    value: dict[str, Any], more: dict[str, Any]
) -> None:
    VALIDATOR.validate({**more, **value})
    assert read({**more, **value}).model_dump(by_alias=True) == value


@given(value=valid, name=st.sampled_from(PROPERTIES), data=st.data())
def test_given_a_property_that_the_schema_forbids_when_read_then_it_is_poison(
    value: dict[str, Any], name: str, data: st.DataObject
) -> None:
    changed = {**value, name: data.draw(FORBIDDEN[name])}
    assert not VALIDATOR.is_valid(changed)
    with pytest.raises(PoisonRecordError):
        read(changed)


@given(value=valid, name=st.sampled_from(PROPERTIES))
def test_given_a_property_is_missing_when_read_then_it_is_poison(value: dict[str, Any], name: str) -> None:
    del value[name]
    assert not VALIDATOR.is_valid(value)
    with pytest.raises(PoisonRecordError):
        read(value)


@given(value=anything)
def test_given_any_json_when_read_then_schema_and_code_say_the_same(value: Any) -> None:
    assert not VALIDATOR.is_valid(value)
    with pytest.raises(PoisonRecordError):
        read(value)


def test_given_the_longest_user_when_announced_then_the_value_is_valid() -> None:
    user = User(
        id=2**53 - 1,
        tenant_id="a" * 128,
        email="a" * 254,
        name="ë" * 200,
        profile="ë" * 2000,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    VALIDATOR.validate(json.loads(user_created(user).value))
