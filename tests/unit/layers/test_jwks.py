"""The issuer's keys: kept, asked for again with restraint, and never taken from the wrong place."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tenant_auth.identity import KeysUnavailableError
from tenant_auth.tokens import jwks
from tenant_auth.tokens.jwks import (
    FRESH_SECONDS,
    MAX_BYTES,
    MAX_TRIED,
    PAUSE_SECONDS,
    RETRY_SECONDS,
    STALE_SECONDS,
    KeySet,
)

from tests.unit import issuer
from tests.unit.issuer import Endpoint, jwk, private_key


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with issuer.endpoint() as served:
        served.publish(jwk(private_key("ES256")))
        yield served


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(endpoint: Endpoint, clock: Clock) -> KeySet:
    return KeySet(endpoint.url, clock)


def has(keys: KeySet, kid: str | None = "one", algorithm: str = "ES256") -> bool:
    return next(keys.candidates(kid, algorithm), None) is not None


def numbers(keys: KeySet, kid: str | None, algorithm: str = "ES256") -> list[int]:
    """Say which of the algorithm's key pairs are tried in vain, in this order."""
    made = [private_key(algorithm, number).public_key() for number in range(3 * MAX_TRIED)]
    return [made.index(key) for key in keys.candidates(kid, algorithm)]


def test_given_a_key_when_asked_for_again_then_it_is_fetched_once(
    keys: KeySet, endpoint: Endpoint, clock: Clock
) -> None:
    assert all(has(keys) for _ in range(100))
    clock.now += FRESH_SECONDS - 1
    assert has(keys)
    assert len(endpoint.requests) == 1


def test_given_an_old_set_when_asked_then_it_is_fetched_again(
    keys: KeySet, endpoint: Endpoint, clock: Clock
) -> None:
    assert has(keys)
    endpoint.publish(jwk(private_key("ES256", 1), "two"))
    clock.now += FRESH_SECONDS
    assert not has(keys, "one")
    assert has(keys, "two")
    assert len(endpoint.requests) == 2


def test_given_a_flood_of_unknown_key_ids_when_asked_then_the_issuer_is_not_flooded(
    keys: KeySet, endpoint: Endpoint, clock: Clock
) -> None:
    for number in range(1000):
        assert not has(keys, f"no-{number}")
        clock.now += 0.1
    assert len(endpoint.requests) == 1 + 99 // PAUSE_SECONDS
    assert has(keys)


def test_given_a_rotated_key_when_the_pause_is_over_then_it_is_found(
    keys: KeySet, endpoint: Endpoint, clock: Clock
) -> None:
    assert has(keys)
    endpoint.publish(jwk(private_key("ES256")), jwk(private_key("ES256", 1), "two"))
    clock.now += PAUSE_SECONDS - 1
    assert not has(keys, "two")
    clock.now += 1
    assert has(keys, "two")
    assert has(keys, "one")


def test_given_an_endpoint_that_is_down_at_the_start_when_it_is_back_then_keys_are_found(
    keys: KeySet, endpoint: Endpoint, clock: Clock
) -> None:
    endpoint.status = 503
    for _ in range(10):
        with pytest.raises(KeysUnavailableError):
            has(keys)
    assert len(endpoint.requests) == 1  # who comes next does not wait for a failure once more
    endpoint.status = 200
    clock.now += RETRY_SECONDS
    assert has(keys)


def test_given_nobody_listens_when_asked_then_it_cannot_be_known(clock: Clock) -> None:
    with pytest.raises(KeysUnavailableError):
        has(KeySet("http://127.0.0.1:1/jwks.json", clock))


def test_given_an_endpoint_that_goes_down_when_asked_then_the_keys_at_hand_serve_for_a_day(
    keys: KeySet, endpoint: Endpoint, clock: Clock
) -> None:
    assert has(keys)
    endpoint.status = 500
    for _ in range(1000):
        clock.now += 1
        assert has(keys)
    assert len(endpoint.requests) <= 1 + 1000 // PAUSE_SECONDS
    clock.now += STALE_SECONDS - 1000 - 1
    assert has(keys)
    clock.now += PAUSE_SECONDS
    with pytest.raises(KeysUnavailableError):
        has(keys)
    endpoint.status = 200
    clock.now += RETRY_SECONDS
    assert has(keys)


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b"{}",
        b'{"keys":1}',
        b'{"keys":{"one":1}}',
        b"\xff\xfe",
        b"[" * 60_000,
        b"<html>",
    ],
)
def test_given_garbage_when_fetched_then_the_keys_at_hand_go_on_serving(
    keys: KeySet, endpoint: Endpoint, clock: Clock, garbage: bytes
) -> None:
    assert has(keys)
    endpoint.body = garbage
    clock.now += FRESH_SECONDS
    assert has(keys)
    assert len(endpoint.requests) == 2
    with pytest.raises(KeysUnavailableError):
        has(KeySet(endpoint.url, clock))


def test_given_an_issuer_that_takes_all_its_keys_back_when_fetched_then_none_is_accepted(
    keys: KeySet, endpoint: Endpoint, clock: Clock
) -> None:
    assert has(keys)
    endpoint.publish()
    clock.now += FRESH_SECONDS
    with pytest.raises(KeysUnavailableError):
        has(keys)


_EC = jwk(private_key("ES256"), "bad")


@pytest.mark.parametrize(
    "bad",
    [
        None,
        1,
        "key",
        [],
        {},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "bad", "alg": "HS256"},
        {**_EC, "use": "enc"},
        {**_EC, "use": 1},
        {**_EC, "key_ops": ["sign"]},
        {**_EC, "key_ops": 1},
        {**_EC, "kty": "RSA"},
        {**_EC, "kty": ["EC"]},
        {**_EC, "crv": "P-384"},
        {**_EC, "crv": "secp256k1"},
        {**_EC, "x": "AAAA"},
        {**_EC, "x": 1},
        {**_EC, "y": _EC["x"]},
        {**_EC, "alg": "RSA-OAEP-256"},
        {**_EC, "alg": "HS256"},
        {**_EC, "alg": 7},
        {**_EC, "alg": ["ES256"]},
        {**_EC, "d": "c2VjcmV0"},
        {"kty": "OKP", "crv": "X25519", "x": "A" * 43, "kid": "bad"},
        {"kty": "RSA", "kid": "bad"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "bad"},
        jwk(rsa.generate_private_key(65537, 1024), "bad"),
    ],
)
def test_given_a_key_that_cannot_be_used_when_fetched_then_it_is_ignored_and_the_others_are_not(
    keys: KeySet, endpoint: Endpoint, bad: Any
) -> None:
    endpoint.publish(bad, jwk(private_key("ES256")))
    assert has(keys)
    assert numbers(keys, None) == [0]
    assert not has(keys, "bad")


def test_given_keys_of_one_id_when_asked_then_the_algorithm_tells_them_apart(
    keys: KeySet, endpoint: Endpoint
) -> None:
    endpoint.publish(jwk(private_key("ES256")), jwk(private_key("RS256")))
    found = [type(key).__name__ for name in ("ES256", "RS256") for key in keys.candidates("one", name)]
    assert found == ["ECPublicKey", "RSAPublicKey"]
    assert not has(keys, "one", "ES384")


@pytest.mark.parametrize("kid", ["one", None])
def test_given_several_keys_that_a_token_may_mean_when_asked_then_those_that_fit_come_in_turn(
    keys: KeySet, endpoint: Endpoint, kid: str | None
) -> None:
    fitting = [jwk(private_key("ES256", number)) for number in range(3)]
    other = [jwk(private_key("RS256")), jwk(private_key("ES384")), {**fitting[0], "alg": "ES384"}]
    endpoint.publish(*other, *fitting)
    assert numbers(keys, kid) == [0, 1, 2]


def test_given_keys_without_an_id_when_asked_then_only_a_token_without_one_means_them(
    keys: KeySet, endpoint: Endpoint
) -> None:
    endpoint.publish(jwk(private_key("ES256"), None), jwk(private_key("ES256", 1), "one"))
    assert numbers(keys, None) == [0, 1]
    assert numbers(keys, "one") == [1]
    assert not has(keys, "two")


@pytest.mark.parametrize("kid", ["one", None])
def test_given_many_keys_when_a_token_may_mean_any_then_a_bounded_number_is_tried(
    keys: KeySet, endpoint: Endpoint, clock: Clock, kid: str | None
) -> None:
    def publish(numbers: range) -> None:
        endpoint.publish(*[jwk(private_key("ES256", number)) for number in numbers])
        clock.now += PAUSE_SECONDS

    publish(range(MAX_TRIED - 2))
    assert len(numbers(keys, kid)) == MAX_TRIED - 2
    publish(range(MAX_TRIED, 3 * MAX_TRIED))  # the issuer is asked once the known ones are tried
    assert numbers(keys, kid) == [*range(MAX_TRIED - 2), MAX_TRIED, MAX_TRIED + 1]
    assert len(numbers(keys, kid)) == MAX_TRIED


def test_given_a_rotated_key_without_an_id_when_the_known_one_is_tried_in_vain_then_the_new_one_is_found(
    keys: KeySet, endpoint: Endpoint, clock: Clock
) -> None:
    assert has(keys, None)
    endpoint.publish(jwk(private_key("ES256", 1), None))
    clock.now += PAUSE_SECONDS
    assert numbers(keys, None) == [0, 1]
    assert numbers(keys, None) == [1]


def test_given_a_flood_of_forged_tokens_when_asked_then_the_issuer_is_not_flooded(
    keys: KeySet, endpoint: Endpoint, clock: Clock
) -> None:
    for _ in range(1000):
        assert numbers(keys, "one") == [0]
        clock.now += 0.1
    assert len(endpoint.requests) == 1 + 99 // PAUSE_SECONDS


def test_given_a_document_that_is_too_large_when_fetched_then_it_is_refused(
    keys: KeySet, endpoint: Endpoint
) -> None:
    endpoint.body = endpoint.body.ljust(MAX_BYTES)
    assert has(keys)
    endpoint.body += b" "
    with pytest.raises(OSError, match="more than"):
        jwks.fetch(endpoint.url)


def test_given_an_endpoint_that_trickles_when_fetched_then_it_is_given_up_soon(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "TIMEOUT_SECONDS", 0.2)
    endpoint.body = b" " * MAX_BYTES
    endpoint.pause = 0.05
    with pytest.raises(TimeoutError):
        jwks.fetch(endpoint.url)


def test_given_a_redirect_within_http_when_fetched_then_it_is_followed(
    keys: KeySet, endpoint: Endpoint
) -> None:
    endpoint.location = endpoint.url.replace("jwks.json", "elsewhere")
    assert has(keys)
    assert endpoint.requests == ["/jwks.json", "/elsewhere"]


def test_given_a_redirect_to_itself_when_fetched_then_it_ends(keys: KeySet, endpoint: Endpoint) -> None:
    endpoint.location = endpoint.url
    with pytest.raises(KeysUnavailableError):
        has(keys)
    assert len(endpoint.requests) <= 5


@pytest.mark.parametrize("scheme", ["file", "ftp", "https", "data"])
def test_given_a_redirect_to_another_scheme_when_fetched_then_it_is_refused(
    keys: KeySet, endpoint: Endpoint, tmp_path: Path, scheme: str
) -> None:
    (tmp_path / "jwks.json").write_bytes(endpoint.body)
    endpoint.location = f"{scheme}://{tmp_path / 'jwks.json'}"
    with pytest.raises(KeysUnavailableError):
        has(keys)
