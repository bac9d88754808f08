"""In jwt mode a caller is known by a token that the issuer signed for this API, and by nothing else."""

import base64
import hashlib
import hmac
import json
import re
import string
import time
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tenant_auth.caller import authenticate
from tenant_auth.identity import AuthenticationError, Caller, KeysUnavailableError
from tenant_auth.settings import settings as auth_settings
from tenant_auth.tokens import jwks

from tests.unit import issuer
from tests.unit.issuer import Endpoint, jwk, private_key, token

GRAMMAR = "Send one header 'Authorization: Bearer <signed token>'."
UNREADABLE = "The token cannot be read."
WAY = "The token is signed in a way that is not accepted here."
KEY = "The token is not signed by a key that is accepted here."
EXPIRED = "The token has expired."
EARLY = "The token is not valid yet."
ELSEWHERE = "The token is not meant for this API."
LACKS = "The token lacks a claim: exp, iss and aud are required."
FORM = "The token's claim {} does not have the form that this API takes."

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
TENANT_START = set(string.ascii_letters + string.digits)
TENANT = TENANT_START | set("._-")
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with issuer.endpoint() as served, pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AUTH_MODE": "jwt",
            "ENVIRONMENT": "development",
            "JWT_JWKS_URL": served.url,
            "JWT_ISSUER": issuer.ISSUER,
            "JWT_AUDIENCE": issuer.AUDIENCE,
            "JWT_ALGORITHMS": ",".join(ALGORITHMS),
        }.items():
            patch.setenv(name, value)
        auth_settings.cache_clear()
        yield served
    auth_settings.cache_clear()


@pytest.fixture(autouse=True)
def _published(endpoint: Endpoint) -> Iterator[None]:
    endpoint.publish(*[jwk(private_key(name), "one" if name == "ES256" else name) for name in ALGORITHMS])
    jwks.key_set.cache_clear()
    yield
    jwks.key_set.cache_clear()


def refused(token: str) -> str:
    """Say why a token is refused; AssertionError if it is not."""
    with pytest.raises(AuthenticationError) as error:
        authenticate(f"Bearer {token}")
    return str(error.value)


def segment(content: Any) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unsigned(header: Any, claims: Any = None, signature: bytes = b"x") -> str:
    return f"{segment(header)}.{segment(claims or issuer.claims())}.{segment(signature)}"


def signed(header: Any, claims: Any) -> str:
    """Return a token of any content, signed as a good one is."""
    content = f"{segment(header)}.{segment(claims)}"
    signature = jwt.get_algorithm_by_name("ES256").sign(content.encode(), private_key("ES256"))
    return f"{content}.{segment(signature)}"


def test_given_a_good_token_when_read_then_its_claims_name_the_caller() -> None:
    assert authenticate(f"Bearer {token()}") == Caller("tenant-a", "user-1")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_given_an_algorithm_that_is_accepted_when_read_then_it_names_the_caller(algorithm: str) -> None:
    kid = "one" if algorithm == "ES256" else algorithm
    assert authenticate(f"Bearer {token(algorithm, kid=kid)}") == Caller("tenant-a", "user-1")


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer tenant-a:user-1",
        "Bearer a.b",
        "Bearer QQ.QQ",
        "Bearer ..",
        "Bearer QQ..QQ",
        "Bearer QQ.QQ.",
        "Bearer .QQ.QQ",
        "Bearer QQ.QQ.QQ.QQ.QQ",
        "Bearer QQ==.QQ.QQ",
        "Bearer QR.QQ.QQ",
        "Bearer Q.QQ.QQ",
        "Bearer QQ.QQ.Q+",
    ],
)
def test_given_a_header_of_another_form_when_read_then_it_is_refused_and_nobody_is_asked(
    endpoint: Endpoint, header: str | None
) -> None:
    before = len(endpoint.requests)
    with pytest.raises(AuthenticationError, match=re.escape(GRAMMAR)):
        authenticate(header)
    assert len(endpoint.requests) == before


@pytest.mark.parametrize(
    "around",
    [
        "Basic {}",
        "Bearer\t{}",
        "Bearer{}",
        "Bearer, {}",
        " Bearer {}",
        "Bearer {} ",
        "Bearer {}\n",
        "Bearer {}=",
        "{}",
    ],
)
def test_given_a_good_token_in_another_header_when_read_then_it_is_refused(around: str) -> None:
    with pytest.raises(AuthenticationError, match=re.escape(GRAMMAR)):
        authenticate(around.format(token()))


@pytest.mark.parametrize("around", ["bearer {}", "BEARER {}", "Bearer  {}", "bEARER    {}"])
def test_given_the_scheme_in_another_case_when_read_then_the_token_names_the_caller(around: str) -> None:
    assert authenticate(around.format(token())) == Caller("tenant-a", "user-1")


@pytest.mark.parametrize("parts", [1, 2])
def test_given_a_token_without_all_its_segments_when_read_then_it_is_refused(parts: int) -> None:
    assert refused(".".join(token().split(".")[:parts])) == GRAMMAR


def test_given_a_header_longer_than_8_kib_when_read_then_it_is_refused() -> None:
    lengths = {
        len(f"Bearer {made}"): made
        for made in (token(more="x" * size, exp=4102444800) for size in range(5700, 6000))
    }
    (fits, longest), (exceeds, too_long) = (
        max(item for item in lengths.items() if item[0] <= 8192),
        min(item for item in lengths.items() if item[0] > 8192),
    )
    assert (fits, exceeds) in {(8191, 8193), (8192, 8193), (8192, 8194)}
    assert authenticate(f"Bearer {longest}").tenant_id == "tenant-a"
    assert refused(too_long) == GRAMMAR


@pytest.mark.parametrize("header", [b"{", b"[]", b"1", b"\xff", b'"x"', b"[" * 3000, b"null"])
def test_given_a_header_that_is_no_object_when_read_then_it_is_refused(header: bytes) -> None:
    assert refused(unsigned(header)) == UNREADABLE


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "", "HS256", "ES256K", "es256", None, 1, ["ES256"], {}]
)
def test_given_an_algorithm_that_is_not_accepted_when_read_then_it_is_refused(algorithm: Any) -> None:
    assert refused(unsigned({"alg": algorithm, "kid": "one"})) == WAY


def test_given_an_unsigned_token_when_read_then_it_is_refused() -> None:
    made = jwt.encode(issuer.claims(), None, "none", {"kid": "one"})
    assert refused(made) == GRAMMAR  # its third segment is empty
    assert refused(made + "QQ") == WAY


@pytest.mark.parametrize("form", [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1])
@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_given_a_token_signed_with_the_public_key_as_a_secret_when_read_then_it_is_refused(
    form: PublicFormat, encoding: Encoding
) -> None:
    secret = private_key("RS256").public_key().public_bytes(encoding, form)
    content = f"{segment({'alg': 'HS256', 'kid': 'RS256'})}.{segment(issuer.claims())}"
    assert refused(f"{content}.{segment(hmac.digest(secret, content.encode(), hashlib.sha256))}") == WAY


def test_given_a_token_of_another_key_when_read_then_it_is_refused() -> None:
    assert refused(token(key=private_key("ES256", 1))) == KEY


@pytest.mark.parametrize(
    ("algorithm", "kid"), [("RS256", "one"), ("ES256", "RS256"), ("ES256", "ES384"), ("EdDSA", "one")]
)
def test_given_a_token_that_names_a_key_of_another_kind_when_read_then_it_is_refused(
    algorithm: str, kid: str
) -> None:
    assert refused(token(algorithm, kid=kid)) == KEY


def test_given_a_key_for_another_algorithm_when_read_then_it_is_refused(endpoint: Endpoint) -> None:
    endpoint.publish(jwk(private_key("RS256"), alg="RS512"))
    assert refused(token("RS256")) == KEY
    assert authenticate(f"Bearer {token('RS512', key=private_key('RS256'))}").user_id == "user-1"


def test_given_an_algorithm_off_the_list_when_read_then_it_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JWT_ALGORITHMS", "")
    auth_settings.cache_clear()
    try:
        assert refused(token("ES384", kid="ES384")) == WAY
        assert authenticate(f"Bearer {token()}").user_id == "user-1"
    finally:
        monkeypatch.undo()
        auth_settings.cache_clear()


@pytest.mark.parametrize(
    "headers",
    [
        {"jwk": jwk(private_key("ES256", 1))},
        {"jku": "http://127.0.0.1:1/jwks.json"},
        {"x5u": "http://127.0.0.1:1/cert"},
        {"x5c": ["MIIB"]},
    ],
)
def test_given_a_token_that_brings_its_own_key_when_read_then_the_key_is_ignored(
    endpoint: Endpoint, headers: dict[str, Any]
) -> None:
    assert refused(token(key=private_key("ES256", 1), headers=headers)) == KEY
    assert authenticate(f"Bearer {token(headers=headers)}") == Caller("tenant-a", "user-1")
    assert set(endpoint.requests) == {"/jwks.json"}


@pytest.mark.parametrize("crit", [["exp"], ["b64"], [], None, "exp"])
def test_given_a_critical_header_when_read_then_it_is_refused(crit: Any) -> None:
    assert refused(unsigned({"alg": "ES256", "kid": "one", "crit": crit})) in (UNREADABLE, WAY)


def test_given_a_signed_critical_header_when_read_then_it_is_refused() -> None:
    header = {"alg": "ES256", "kid": "one", "crit": ["b64"], "b64": True}
    assert refused(signed(header, issuer.claims())) in (UNREADABLE, WAY)


@pytest.mark.parametrize("kid", [1, ["one"], {}, None])
def test_given_a_key_id_that_is_no_text_when_read_then_it_is_refused(kid: Any) -> None:
    assert refused(unsigned({"alg": "ES256", "kid": kid})) in (UNREADABLE, KEY)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": time.time() - 3600}, EXPIRED),
        ({"exp": 0}, EXPIRED),
        ({"exp": None}, LACKS),
        ({"exp": "soon"}, UNREADABLE),
        ({"exp": float("inf")}, UNREADABLE),
        ({"exp": float("nan")}, UNREADABLE),
        ({"exp": [4102444800]}, UNREADABLE),
        ({"nbf": time.time() + 3600}, EARLY),
        ({"nbf": "later"}, UNREADABLE),
        ({"iat": time.time() + 3600}, EARLY),
        ({"iss": "https://other.example"}, ELSEWHERE),
        ({"iss": issuer.ISSUER + "/"}, ELSEWHERE),
        ({"iss": None}, LACKS),
        ({"aud": "other"}, ELSEWHERE),
        ({"aud": ["other", "another"]}, ELSEWHERE),
        ({"aud": [issuer.AUDIENCE, 1]}, ELSEWHERE),
        ({"aud": {"event-mesh": 1}}, ELSEWHERE),
        ({"aud": []}, LACKS),
        ({"aud": None}, LACKS),
        ({"tenant_id": None}, FORM.format("tenant_id")),
        ({"tenant_id": ""}, FORM.format("tenant_id")),
        ({"tenant_id": "-tenant"}, FORM.format("tenant_id")),
        ({"tenant_id": "tenant a"}, FORM.format("tenant_id")),
        ({"tenant_id": "tenant:a"}, FORM.format("tenant_id")),
        ({"tenant_id": "tenant-a\n"}, FORM.format("tenant_id")),
        ({"tenant_id": "tenant-a#USER"}, FORM.format("tenant_id")),
        ({"tenant_id": "a" * 129}, FORM.format("tenant_id")),
        ({"tenant_id": ["tenant-a"]}, FORM.format("tenant_id")),
        ({"tenant_id": {"tenant-a": True}}, FORM.format("tenant_id")),
        ({"tenant_id": 7}, FORM.format("tenant_id")),
        ({"tenant_id": True}, FORM.format("tenant_id")),
        ({"sub": None}, FORM.format("sub")),
        ({"sub": ""}, FORM.format("sub")),
        ({"sub": "two words"}, FORM.format("sub")),
        ({"sub": "é"}, FORM.format("sub")),
        ({"sub": "user-1\n"}, FORM.format("sub")),
        ({"sub": "u" * 256}, FORM.format("sub")),
    ],
)
def test_given_a_claim_that_does_not_hold_when_read_then_it_is_refused_and_why(
    changes: dict[str, Any], why: str
) -> None:
    assert refused(signed({"alg": "ES256", "kid": "one"}, issuer.claims(**changes))) == why


@pytest.mark.parametrize("claims", [b"{", b"[]", b"1", b"\xff", b"[" * 3000])
def test_given_signed_claims_that_are_no_object_when_read_then_it_is_refused(claims: bytes) -> None:
    assert refused(signed({"alg": "ES256", "kid": "one"}, claims)) == UNREADABLE


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": time.time() + 3600, "nbf": time.time() - 1, "iat": time.time() - 1},
        {"aud": ["other", issuer.AUDIENCE]},
        {"tenant_id": "tenant-a", "tenantId": "tenant-b"},
        {"sub": "auth0|0123456789:/@~!"},
        {"sub": "u" * 255},
    ],
)
def test_given_claims_that_hold_when_read_then_they_name_the_caller(changes: dict[str, Any]) -> None:
    assert authenticate(f"Bearer {token(**changes)}") == Caller("tenant-a", changes.get("sub", "user-1"))


def test_given_clocks_that_differ_when_within_the_leeway_then_the_token_holds() -> None:
    assert authenticate(f"Bearer {token(exp=time.time() - 5)}")
    assert authenticate(f"Bearer {token(nbf=time.time() + 5)}")
    assert refused(token(exp=time.time() - 12)) == EXPIRED
    assert refused(token(nbf=time.time() + 20)) == EARLY


def test_given_other_claim_names_when_read_then_those_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_TENANT_CLAIM", "https://mesh.example/tenant")
    monkeypatch.setenv("JWT_SUBJECT_CLAIM", "email")
    auth_settings.cache_clear()
    try:
        more = {"https://mesh.example/tenant": "tenant-b", "email": "a@b.dev"}
        assert authenticate(f"Bearer {token(**more)}") == Caller("tenant-b", "a@b.dev")
        assert refused(token()) == FORM.format("https://mesh.example/tenant")
    finally:
        monkeypatch.undo()
        auth_settings.cache_clear()


@pytest.fixture
def setting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Have other settings than the rest of the module."""

    def given(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name.upper(), value)
        auth_settings.cache_clear()

    yield given
    monkeypatch.undo()
    auth_settings.cache_clear()


@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("organization.id", {"organization": {"id": "org_9ybsU1dN2dKfDkBi"}}),
        ("app_metadata.tenant.id", {"app_metadata": {"tenant": {"id": "org_9ybsU1dN2dKfDkBi"}}}),
        ("https://acme.dev/tenant", {"https://acme.dev/tenant": "org_9ybsU1dN2dKfDkBi"}),
        ("custom:tenant", {"custom:tenant": "org_9ybsU1dN2dKfDkBi"}),
        ("a.b", {"a.b": "org_9ybsU1dN2dKfDkBi", "a": {"b": "another"}}),
    ],
)
def test_given_a_claim_inside_a_claim_when_read_then_the_path_finds_it_unless_one_has_that_very_name(
    setting: Callable[..., None], name: str, claims: dict[str, Any]
) -> None:
    setting(jwt_tenant_claim=name)
    assert authenticate(f"Bearer {token(**claims)}") == Caller("org_9ybsU1dN2dKfDkBi", "user-1")


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"organization": None},
        {"organization": "acme"},
        {"organization": ["acme"]},
        {"organization": {}},
        {"organization": {"id": ["acme"]}},
        {"organization": {"id": {"acme": {}}}},
        {"organization": {"acme": {"id": "acme"}}},
        {"organization.id": 7, "organization": {"id": "acme"}},
    ],
)
def test_given_a_path_that_ends_at_no_name_when_read_then_it_is_refused(
    setting: Callable[..., None], claims: dict[str, Any]
) -> None:
    setting(jwt_tenant_claim="organization.id")
    assert refused(token(**claims)) == FORM.format("organization.id")


COGNITO = {"aud": None, "client_id": issuer.AUDIENCE, "token_use": "access"}


def test_given_an_access_token_of_cognito_when_read_then_its_client_id_counts(
    setting: Callable[..., None],
) -> None:
    assert refused(token(**COGNITO)) == LACKS
    setting(jwt_audience_claim="client_id")
    assert authenticate(f"Bearer {token(**COGNITO)}") == Caller("tenant-a", "user-1")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"client_id": "another"}, ELSEWHERE),
        ({"client_id": [issuer.AUDIENCE]}, ELSEWHERE),
        ({"client_id": None}, LACKS.replace("aud", "client_id")),
        ({"token_use": None}, ELSEWHERE),
        ({"token_use": "id"}, ELSEWHERE),
        ({"aud": "https://another.example"}, ELSEWHERE),  # RFC 7519, 4.1.3: whoever is named, it is not us
        ({"aud": issuer.AUDIENCE, "client_id": None, "token_use": "id"}, LACKS.replace("aud", "client_id")),
        ({"aud": issuer.AUDIENCE, "token_use": "id"}, ELSEWHERE),
    ],
)
def test_given_any_other_token_of_cognito_when_read_then_it_is_refused(
    setting: Callable[..., None], changes: dict[str, Any], why: str
) -> None:
    setting(jwt_audience_claim="client_id")
    assert refused(token(**{**COGNITO, **changes})) == why


def test_given_no_key_id_when_read_then_the_keys_that_fit_are_tried(endpoint: Endpoint) -> None:
    pairs = [private_key("RS256"), private_key("RS256", 1), private_key("ES256")]
    endpoint.publish(*[jwk(pair, f"key-{number}") for number, pair in enumerate(pairs)])
    for pair, algorithm in zip(pairs, ("RS256", "PS512", "ES256"), strict=True):
        made = token(algorithm, key=pair, kid=None)
        assert authenticate(f"Bearer {made}") == Caller("tenant-a", "user-1")
    assert refused(token("RS256", key=private_key("RS256", 2), kid=None)) == KEY
    assert refused(token("ES384", kid=None)) == KEY


def test_given_keys_of_one_id_when_read_then_each_that_fits_is_tried(endpoint: Endpoint) -> None:
    pairs = [private_key("RS256"), private_key("RS256", 1)]
    endpoint.publish(*map(jwk, pairs))
    for pair in pairs:
        assert authenticate(f"Bearer {token('RS256', key=pair)}") == Caller("tenant-a", "user-1")


def test_given_no_key_id_when_a_claim_does_not_hold_then_no_other_key_makes_up_for_it(
    endpoint: Endpoint,
) -> None:
    endpoint.publish(jwk(private_key("ES256")), jwk(private_key("ES256", 1), "two"))
    assert refused(token(kid=None, exp=0)) == EXPIRED
    assert refused(token(kid=None, key=private_key("ES256", 2), exp=0)) == KEY


@pytest.mark.parametrize("kid", [None, "RS256"])
def test_given_a_public_key_used_as_a_secret_when_any_key_may_be_meant_then_it_is_refused(
    kid: str | None,
) -> None:
    secret = private_key("RS256").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for algorithm in ("HS256", "RS256", "ES256"):
        content = f"{segment({'alg': algorithm, 'kid': kid} if kid else {'alg': algorithm})}"
        content += f".{segment(issuer.claims())}"
        forged = f"{content}.{segment(hmac.digest(secret, content.encode(), hashlib.sha256))}"
        assert refused(forged) == (WAY if algorithm == "HS256" else KEY)


def test_given_no_keys_when_read_then_it_cannot_be_known(endpoint: Endpoint) -> None:
    endpoint.status = 500
    try:
        with pytest.raises(KeysUnavailableError):
            authenticate(f"Bearer {token()}")
        assert refused("not.a") == GRAMMAR
    finally:
        endpoint.status = 200


def test_given_any_refusal_when_its_text_is_read_then_it_repeats_nothing_of_the_token() -> None:
    for text in (
        refused(token(tenant_id="S3cret!")),
        refused(token(iss="S3cret")),
        refused(token(kid="S3cret")),
    ):
        assert "S3cret" not in text
        assert issuer.ISSUER not in text


def test_given_a_key_whose_secret_was_published_when_read_then_it_verifies_nothing(
    endpoint: Endpoint,
) -> None:
    converter: Any = jwt.get_algorithm_by_name("ES256")
    private = converter.to_jwk(private_key("ES256"), as_dict=True)
    endpoint.publish({**private, "kid": "one", "key_ops": ["verify"]}, jwk(private_key("RS256"), "RS256"))
    assert "d" in private
    assert refused(token()) == KEY


GOOD = {
    name: token(name, kid="one" if name == "ES256" else name, exp=4102444800)
    for name in ("ES256", "RS256", "EdDSA")
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(GOOD)), data=st.data())
def test_given_a_good_token_when_one_character_is_another_then_it_is_refused(
    name: str, data: st.DataObject
) -> None:
    good = GOOD[name]
    at = data.draw(st.integers(0, len(good) - 1))
    other = data.draw(
        st.sampled_from(BASE64URL + ".=+/ \n\0é").filter(lambda character: character != good[at])
    )
    assert refused(good[:at] + other + good[at + 1 :])


@pytest.mark.parametrize("name", GOOD)
def test_given_a_good_token_when_the_last_character_of_a_segment_is_any_other_then_it_is_refused(
    name: str,
) -> None:
    good = GOOD[name]
    ends = [good.index(".") - 1, good.rindex(".") - 1, len(good) - 1]
    changed = [good[:at] + other + good[at + 1 :] for at in ends for other in BASE64URL if other != good[at]]
    assert len(changed) == 3 * 63
    assert all(refused(each) for each in changed)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(sorted(GOOD)), data=st.data())
def test_given_a_good_token_when_a_character_is_dropped_or_added_then_it_is_refused(
    name: str, data: st.DataObject
) -> None:
    good = GOOD[name]
    at = data.draw(st.integers(0, len(good) - 1))
    assert refused(good[:at] + good[at + 1 :])
    others = ".=\n" if at == 0 else ".= \n"  # a scheme may end in several spaces
    assert refused(good[:at] + data.draw(st.sampled_from(BASE64URL + others)) + good[at:])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(header=st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_given_any_text_when_read_then_it_is_refused(header: str) -> None:
    for each in (header, f"Bearer {header}"):
        with pytest.raises(AuthenticationError):
            authenticate(each)


segments = st.text(BASE64URL, max_size=12) | st.dictionaries(
    st.sampled_from(["alg", "kid", "crit", "typ", "b64", "jwk"]),
    st.sampled_from(["ES256", "RS256", "none", "HS256", "one"])
    | st.none()
    | st.booleans()
    | st.lists(st.text(), max_size=1),
).map(segment)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(segments, min_size=1, max_size=5))
def test_given_segments_that_nobody_signed_when_read_then_they_are_refused(parts: list[str]) -> None:
    assert refused(".".join(parts))


around = (
    st.text() | st.text("Bearr \t\n\0,.=:") | st.sampled_from(["Bearer ", "bearer ", "Bearer  ", " Bearer "])
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=around, after=st.just("") | around)
def test_given_a_good_token_when_anything_is_around_it_then_only_bearer_and_a_space_are_accepted(
    before: str, after: str
) -> None:
    header = f"{before}{GOOD['ES256']}{after}"
    if re.fullmatch("(?i:bearer) +", before, re.ASCII) and not after:
        assert authenticate(header) == Caller("tenant-a", "user-1")
        return
    with pytest.raises(AuthenticationError):
        authenticate(header)


texts = st.text() | st.text("aA0-._:#/%\n\0éа", max_size=70)
any_json = (
    st.none() | st.booleans() | st.integers() | st.lists(texts, max_size=2) | st.dictionaries(texts, texts)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tenant=texts | any_json, user=texts | any_json | st.just("user-1"))
def test_given_any_claims_that_were_signed_when_read_then_only_a_tenant_and_a_user_are_accepted(
    tenant: Any, user: Any
) -> None:
    """What the issuer lets a user choose is not to become another tenant."""
    made = signed({"alg": "ES256", "kid": "one"}, issuer.claims(tenant_id=tenant, sub=user))
    good = isinstance(tenant, str) and isinstance(user, str)
    good = good and 1 <= len(tenant) <= 128 and set(tenant) <= TENANT and tenant[0] in TENANT_START
    if good and 1 <= len(user) <= 255 and all("!" <= character <= "~" for character in user):
        assert authenticate(f"Bearer {made}") == Caller(tenant, user)
    else:
        assert refused(made)
