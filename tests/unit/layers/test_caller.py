"""Only the grammar `Bearer tenant:user` names a caller: the scheme in any case, then exactly a token."""

import string
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenant_auth.caller import authenticate
from tenant_auth.identity import AuthenticationError, Caller
from tenant_auth.settings import settings

TENANT_START = set(string.ascii_letters + string.digits)
TENANT = TENANT_START | set("._-")
USER = set(string.ascii_letters + string.digits + "._-")
NEAR = "aZ0-._: \t\n\r\0,;é٣ａBearer"

tenants = st.builds(str.__add__, st.sampled_from(sorted(TENANT_START)), st.text(sorted(TENANT), max_size=127))
users = st.text(sorted(USER), min_size=1, max_size=128)


@pytest.fixture(autouse=True, scope="module")
def _dev_mode() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTH_MODE", "dev")
        patch.setenv("ENVIRONMENT", "development")
        settings.cache_clear()
        yield
    settings.cache_clear()


def named_by(header: str) -> Caller | None:
    """Say whom a header names, from the design's words and without a regular expression."""
    scheme, space, credentials = header.partition(" ")
    credentials = credentials.lstrip(" ")
    if scheme.lower() != "bearer" or not space or credentials.count(":") != 1:
        return None
    tenant, user = credentials.split(":")
    if not (1 <= len(tenant) <= 128 and 1 <= len(user) <= 128):
        return None
    if tenant[0] not in TENANT_START or not set(tenant) <= TENANT or not set(user) <= USER:
        return None
    return Caller(tenant, user)


def authenticated(header: str | None) -> Caller | None:
    try:
        return authenticate(header)
    except AuthenticationError:
        return None


@given(tenant=tenants, user=users)
def test_given_a_good_token_when_read_then_it_names_the_caller(tenant: str, user: str) -> None:
    assert authenticate(f"Bearer {tenant}:{user}") == Caller(tenant, user)


schemes = st.sampled_from(["Bearer", "bearer", "BEARER", "bEARer"])
spaces = st.text(" ", min_size=1, max_size=4)


@given(scheme=schemes, space=spaces, tenant=tenants, user=users)
def test_given_the_scheme_in_any_case_when_read_then_the_token_names_the_caller(
    scheme: str, space: str, tenant: str, user: str
) -> None:
    """RFC 9110, 11.1: the scheme is case-insensitive, and one space or more follows it."""
    assert authenticate(f"{scheme}{space}{tenant}:{user}") == Caller(tenant, user)


@pytest.mark.parametrize("tenant", ["org_9ybsU1dN2dKfDkBi", "a.b", "Acme", "acme", "0", "A" + "b" * 127])
def test_given_an_organisation_of_an_identity_provider_when_read_then_it_is_a_tenant(tenant: str) -> None:
    assert authenticate(f"Bearer {tenant}:me").tenant_id == tenant


@given(header=st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_given_any_text_when_read_then_it_is_what_the_grammar_says(header: str) -> None:
    assert authenticated(header) == named_by(header)
    assert authenticated(f"Bearer {header}") == named_by(f"Bearer {header}")


@given(tenant=tenants, user=users, data=st.data())
def test_given_a_token_with_one_change_when_read_then_it_is_what_the_grammar_says(
    tenant: str, user: str, data: st.DataObject
) -> None:
    header = f"Bearer {tenant}:{user}"
    at = data.draw(st.integers(0, len(header)))
    dropped = data.draw(st.integers(0, 1))
    changed = header[:at] + data.draw(st.text(NEAR, max_size=2)) + header[at + dropped :]
    assert authenticated(changed) == named_by(changed)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer :",
        "Bearer a:",
        "Bearer :u",
        "Bearer a",
        " Bearer a:u",
        "Bearer\ta:u",
        "Bearer\u00a0a:u",
        "Bearer:a:u",
        "Beаrer a:u",
        "Basic a:u",
        "Bearer a:u:v",
        "Bearer a:u ",
        "Bearer a:u\n",
        "Bearer -a:u",
        "Bearer _a:u",
        "Bearer .a:u",
        "Bearer a b:u",
        "Bearer a/b:u",
        "Bearer a*:u",
        "Bearer ${a}:u",
        "Bearer a#b:u",
        "Bearer é:u",
        "Bearer a:ü",
        "Bearer a:٣",
        "Bearer a:u, Bearer a:u",
        f"Bearer {'a' * 129}:u",
        f"Bearer a:{'u' * 129}",
    ],
)
def test_given_anything_else_when_read_then_it_is_refused_without_repeating_it(header: str | None) -> None:
    with pytest.raises(AuthenticationError) as refused:
        authenticate(header)
    assert str(refused.value) == "Send one header 'Authorization: Bearer <tenant>:<user>'."
