"""The mesh's own issuer: a key pair, its public half where functions fetch it, and signed tokens."""

import json
import time
from hashlib import sha256
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
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

from mesh import paths, private_files
from mesh.clients.aws import client
from mesh.deployment import template_parameters
from mesh.errors import MeshError
from mesh.state import State

EXPIRES_IN = 3600
_ALGORITHM = "ES256"


def publish(endpoint_url: str) -> None:
    """Put the issuer's public key where `template_parameters.JWKS` says, as a real issuer has it at a URL."""
    bucket, _, name = template_parameters.JWKS.partition("/")
    s3 = client("s3", endpoint_url)
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=name, Body=json.dumps(jwks()), ContentType="application/json")


def jwks() -> dict[str, Any]:
    """Return the issuer's key set."""
    key = _key()
    public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {"keys": [{**public, "kid": _key_id(key), "use": "sig", "alg": _ALGORITHM, "key_ops": ["verify"]}]}


def accepted(state: State, tenant: str, user: str, expires_in: int) -> str:
    """Return a token that the mesh's API accepts; MeshError if it accepts none that is signed."""
    if (mode := _mode(state)) != "jwt":
        raise MeshError(
            f"This mesh runs with AuthMode {mode} and accepts no signed token. Send this header:\n"
            f"  Authorization: {authorization(state, tenant, user)}\n"
            "Or let it accept signed tokens: mesh up --parameter AuthMode=jwt"
        )
    return signed(state, tenant, user, expires_in)


def signed(state: State, tenant: str, user: str, expires_in: int = EXPIRES_IN) -> str:
    """Return a token that tells an API with AuthMode jwt who is calling."""
    values = template_parameters.resolved(template_parameters.given(state))
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
    if _mode(state) == "jwt":
        return f"Bearer {signed(state, tenant, user)}"
    return f"Bearer {tenant}:{user}"


def _mode(state: State) -> str:
    return template_parameters.given(state)["AuthMode"]


def _key() -> EllipticCurvePrivateKey:
    """Return the mesh's key pair, made when it is first needed; only its owner can read the file."""
    if not paths.ISSUER_KEY.exists():
        paths.HOME.mkdir(parents=True, exist_ok=True)
        made = generate_private_key(SECP256R1())
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        private_files.write(paths.ISSUER_KEY, pem.decode())
    try:
        key = load_pem_private_key(paths.ISSUER_KEY.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _damaged() from error
    if not isinstance(key, EllipticCurvePrivateKey):
        raise _damaged()
    return key


def _damaged() -> MeshError:
    return MeshError(f"{paths.ISSUER_KEY} is damaged. Remove it; another one comes with: mesh down, mesh up")


def _key_id(key: EllipticCurvePrivateKey) -> str:
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return sha256(public).hexdigest()[:16]
