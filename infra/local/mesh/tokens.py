"""The mesh's own issuer: a key pair, its public half where functions fetch it, and signed tokens."""

import json
import time
from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm

from mesh import deploy, paths, private
from mesh.aws import client
from mesh.state import State

EXPIRES_IN = 3600
_ALGORITHM = "ES256"


def publish(endpoint_url: str) -> None:
    """Put the issuer's public key where `deploy.JWKS` says, as a real issuer has it at a URL."""
    bucket, _, name = deploy.JWKS.partition("/")
    s3 = client("s3", endpoint_url)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=name, Body=json.dumps(jwks()), ContentType="application/json")


def jwks() -> dict[str, Any]:
    """Return the issuer's key set."""
    key = _key()
    public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {"keys": [{**public, "kid": _key_id(key), "use": "sig", "alg": _ALGORITHM, "key_ops": ["verify"]}]}


def signed(state: State, tenant: str, user: str, expires_in: int = EXPIRES_IN) -> str:
    """Return a token that tells the mesh's API who is calling, if it runs with AuthMode jwt."""
    values = deploy.resolved(deploy.parameters(state))
    key, now = _key(), int(time.time())
    claims = {
        "iss": values["JwtIssuer"],
        values["JwtAudienceClaim"]: values["JwtAudience"],
        "token_use": "access",
        values["JwtTenantClaim"]: tenant,
        values["JwtSubjectClaim"]: user,
        "iat": now,
        "exp": now + expires_in,
    }
    return jwt.encode(claims, key, _ALGORITHM, {"kid": _key_id(key)})


def authorization(state: State, tenant: str, user: str) -> str:
    """Return the Authorization header of a user of a tenant, as the mesh's AuthMode wants it."""
    if deploy.parameters(state)["AuthMode"] == "jwt":
        return f"Bearer {signed(state, tenant, user)}"
    return f"Bearer {tenant}:{user}"


def _key() -> EllipticCurvePrivateKey:
    """Return the mesh's key pair, made when it is first needed; only its owner can read the file."""
    if not paths.ISSUER_KEY.exists():
        paths.HOME.mkdir(parents=True, exist_ok=True)
        made = generate_private_key(SECP256R1())
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        private.write(paths.ISSUER_KEY, pem.decode())
    key = load_pem_private_key(paths.ISSUER_KEY.read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    return key


def _key_id(key: EllipticCurvePrivateKey) -> str:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(public).hexdigest()[:16]
