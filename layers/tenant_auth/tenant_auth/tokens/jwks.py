"""The issuer's public keys: fetched from its JWKS URL (RFC 7517), kept, asked for again with restraint."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from http.client import HTTPException, HTTPMessage
from threading import Lock
from typing import IO, Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from aws_lambda_powertools import Logger
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWTError

from tenant_auth.identity import KeysUnavailableError

FRESH_SECONDS = 300  # how long a key that the issuer took back may still be accepted
PAUSE_SECONDS = 30  # between two requests: a flood of bad tokens shall not become a flood of requests
RETRY_SECONDS = 5  # the same while no key is known, and so every caller waits
STALE_SECONDS = 24 * 3600  # how long the keys at hand serve while the issuer does not answer
TIMEOUT_SECONDS = 2
MAX_BYTES = 64 * 1024
MAX_TRIED = 10  # keys for one token: it may name none, or one that several keys have
_MIN_RSA_BITS = 2048

_KIND_OF = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    "ES256": "secp256r1",
    "ES384": "secp384r1",
    "ES512": "secp521r1",
    "EdDSA": "OKP",
}

_logger = Logger()

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey


class Key(NamedTuple):
    """A public key that signatures can be verified with."""

    id: str | None
    algorithm: str | None  # the only one that it is for; None: any of its kind
    kind: str
    public: PublicKey

    def fits(self, algorithm: str) -> bool:
        """Return whether a signature by `algorithm` can be of this key."""
        return self.kind == _KIND_OF[algorithm] and self.algorithm in (None, algorithm)


class KeySet:
    """The keys at a JWKS URL, as of the last time that the issuer answered."""

    def __init__(self, url: str, now: Callable[[], float] = time.time) -> None:
        # The wall clock, because a monotonic one may stand still while Lambda freezes the environment.
        self._url = url
        self._now = now
        self._keys: Sequence[Key] = ()
        self._fetched = self._asked = float("-inf")
        self._lock = Lock()

    def candidates(self, key_id: str | None, algorithm: str) -> Iterator[PublicKey]:
        """Yield the keys that a token may be signed by, MAX_TRIED at most.

        Those at hand come first. Whoever has tried them all in vain has the issuer asked for new ones.
        KeysUnavailableError if no key is known at all.
        """
        with self._lock:
            if self._now() - self._fetched >= FRESH_SECONDS:
                self._refresh()
            known = self._fitting(key_id, algorithm)
        yield from known
        with self._lock:
            self._refresh()
            if not self._keys:
                raise KeysUnavailableError
            new = [key for key in self._fitting(key_id, algorithm) if key not in known]
        yield from new[: MAX_TRIED - len(known)]

    def _fitting(self, key_id: str | None, algorithm: str) -> Sequence[PublicKey]:
        """Return the keys of the algorithm that have the token's key id; of a token without one, all."""
        named = [key for key in self._keys if key_id in (None, key.id)]
        return [key.public for key in named if key.fits(algorithm)][:MAX_TRIED]

    def _refresh(self) -> None:
        """Ask the issuer, unless it was asked a moment ago; if it does not answer, keep what there is."""
        now = self._now()
        if now - self._asked < (PAUSE_SECONDS if self._keys else RETRY_SECONDS):
            return
        self._asked = now
        try:
            self._keys = usable(fetch(self._url))
            self._fetched = now
        except (OSError, HTTPException, ValueError, RecursionError):
            _logger.warning("signing keys not refreshed", exc_info=True)
            if now - self._fetched >= STALE_SECONDS:
                self._keys = ()


@cache
def key_set(url: str) -> KeySet:
    """Return the one key set of this execution environment."""
    return KeySet(url)


def usable(document: bytes) -> Sequence[Key]:
    """Return the keys of a JWKS that can verify; others (symmetric, private, for encryption) are ignored.

    ValueError if the document is no JWKS.
    """
    jwks = json.loads(document)
    if not isinstance(jwks, dict) or not isinstance(jwks.get("keys"), list):
        raise ValueError("This is no JSON Web Key Set.")  # noqa: TRY004 - wrong content, as json.loads says it
    return [key for jwk in jwks["keys"] if (key := _key(jwk)) is not None]


def _key(jwk: Any) -> Key | None:
    try:
        if jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"]):
            return None
        public = PyJWK(jwk).key
    except (PyJWTError, AttributeError, KeyError, TypeError, ValueError, UnsupportedAlgorithm):
        return None  # of a kind that we do not know, or broken
    kind = _kind(public)
    return Key(jwk.get("kid"), jwk.get("alg"), kind, public) if kind else None


def _kind(key: object) -> str | None:
    """Return the kind of a public key; None for anything else, such as a key whose secret was published."""
    match key:
        case RSAPublicKey():
            return "RSA" if key.key_size >= _MIN_RSA_BITS else None
        case EllipticCurvePublicKey():
            return key.curve.name
        case Ed25519PublicKey() | Ed448PublicKey():
            return "OKP"
    return None


class _SameScheme(HTTPRedirectHandler):
    """Follows a redirect, but never from https to http or to a file."""

    max_redirections = 3

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme != req.type:
            raise HTTPError(req.full_url, code, "redirected to another scheme", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_opener = build_opener(_SameScheme)


def fetch(url: str) -> bytes:
    """Return what is at an http(s) URL; OSError or HTTPException if it is not had soon, or is too much."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    request = Request(url, headers={"Accept": "application/json"})  # noqa: S310 - the settings check the scheme
    body = b""
    with _opener.open(request, timeout=TIMEOUT_SECONDS) as response:
        while part := response.read1(MAX_BYTES):
            body += part
            if len(body) > MAX_BYTES:
                raise OSError(f"There are more than {MAX_BYTES} bytes at {url}.")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{url} takes longer than {TIMEOUT_SECONDS} s.")
    return body
