"""An issuer of signed tokens: key pairs, and a real HTTP server that publishes the public ones."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

ISSUER = "https://issuer.example"
AUDIENCE = "event-mesh"


def private_key(algorithm: str, number: int = 0) -> Any:
    """Return a key pair that can sign by the algorithm; `number` tells several apart."""
    return _private_key(algorithm, number)


@cache
def _private_key(algorithm: str, number: int) -> Any:
    curves: dict[str, ec.EllipticCurve] = {
        "256": ec.SECP256R1(),
        "384": ec.SECP384R1(),
        "512": ec.SECP521R1(),
    }
    if algorithm.startswith("ES"):
        return ec.generate_private_key(curves[algorithm[2:]])
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def jwk(key: Any, kid: str | None = "one", **members: Any) -> dict[str, Any]:
    """Return the public half of a key pair as a JWK; a member that is None is left out."""
    algorithm = "EdDSA" if isinstance(key, ed25519.Ed25519PrivateKey) else "RS256"
    algorithm = "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else algorithm
    converter: Any = get_default_algorithms()[algorithm]
    public = converter.to_jwk(key.public_key(), as_dict=True)
    public.pop("key_ops", None)
    return {name: value for name, value in {**public, "kid": kid, **members}.items() if value is not None}


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a good token with some changed; one that is None is left out."""
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "exp": time.time() + 300,
        "tenant_id": "tenant-a",
        "sub": "user-1",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def token(
    algorithm: str = "ES256",
    *,
    key: Any = None,
    kid: str | None = "one",
    headers: dict[str, Any] | None = None,
    **changes: Any,
) -> str:
    """Return a token, a good one but for what is changed."""
    named = {"kid": kid} if kid is not None else {}
    signing = private_key(algorithm) if key is None else key
    return jwt.encode(claims(**changes), signing, algorithm, {**named, **(headers or {})})


class Endpoint:
    """A JWKS endpoint: `answers` is what it sends, `requests` what it was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[str] = []
        self.status = 200
        self.location = ""
        self.body = b""
        self.pause = 0.0

    def publish(self, *keys: Any) -> None:
        self.body = json.dumps({"keys": keys}).encode()


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """Serve a JWKS on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests.append(self.path)
            redirected = self.path == "/jwks.json" and served.location
            self.send_response(302 if redirected else served.status)
            if redirected:
                self.send_header("Location", served.location)
            self.end_headers()
            for at in range(0, len(served.body), 1024):
                self.wfile.write(served.body[at : at + 1024])
                time.sleep(served.pause)

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            with suppress(ConnectionError):  # a client that has had enough
                super().handle()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Endpoint(f"http://127.0.0.1:{server.server_port}/jwks.json")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
