"""A mesh with parameters of its own: signed tokens only, and a limit for one tenant."""

import json
import stat
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from mesh.process import wait_until

from tests.e2e.mesh_command import Mesh

ROUTES: list[tuple[str, str, dict[str, Any], int]] = [
    ("POST", "/users/create", {"json": {"email": "ada@x.dev", "name": "Ada"}}, 201),
    ("GET", "/users", {}, 200),
    ("GET", "/ai/users/search", {"params": {"query": "anyone"}}, 200),
]
LIMITS = {"limited": {"list_users": {"perSecond": 0.001, "burst": 2}}}


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    mesh = Mesh(tmp_path_factory.mktemp("tokens") / "mesh")
    try:
        mesh.run(
            "up", "--parameter", "AuthMode=jwt", "--parameter", f"RateLimitOverrides={json.dumps(LIMITS)}"
        )
        yield mesh
    finally:
        mesh.run("down")


@pytest.fixture(scope="module")
def token(signing: Mesh) -> str:
    return signing.run("token", "--tenant", "tenant-a", "--user", "me").strip()


def call(mesh: Mesh, method: str, path: str, parts: dict[str, Any], *tokens: str) -> httpx.Response:
    headers = [("Authorization", f"Bearer {token}") for token in tokens]
    return httpx.request(method, mesh.status()["api_url"] + path, headers=headers, timeout=60, **parts)


@pytest.mark.parametrize(("method", "path", "parts", "status"), ROUTES)
def test_a_token_of_the_mesh_is_accepted_on_every_route(
    signing: Mesh, token: str, method: str, path: str, parts: dict[str, Any], status: int
) -> None:
    assert call(signing, method, path, parts, token).status_code == status


@pytest.mark.parametrize(("method", "path", "parts", "status"), ROUTES)
def test_anything_else_is_401(
    signing: Mesh, token: str, method: str, path: str, parts: dict[str, Any], status: int
) -> None:
    header, claims = jwt.get_unverified_header(token), jwt.decode(token, options={"verify_signature": False})
    stranger = jwt.encode(claims, generate_private_key(SECP256R1()), "ES256", {"kid": header["kid"]})
    unsigned = jwt.encode(claims, "", "none", {"kid": header["kid"]})
    for tokens in ([], ["tenant-a:me"], [stranger], [unsigned], [token, token], [token + "A"], [token[:-1]]):
        answer = call(signing, method, path, parts, *tokens)
        assert answer.status_code == 401, (tokens, answer.text)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json()["title"] == "Unauthorized"


def test_a_token_that_has_expired_is_401(signing: Mesh) -> None:
    token = signing.run("token", "--tenant", "tenant-a", "--user", "me", "--expires-in", "1").strip()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] == claims["iat"] + 1
    leeway = 10
    assert wait_until(lambda: time.time() > claims["exp"] + leeway + 1, 30)

    answer = call(signing, "GET", "/users", {}, token)

    assert (answer.status_code, answer.json()["detail"]) == (401, "The token has expired.")


def test_a_tenant_beyond_its_rate_is_refused_and_others_are_not(signing: Mesh) -> None:
    with signing.client("limited") as limited, signing.client("tenant-d") as other:
        answers = [limited.http.get("/users") for _ in range(4)]
        others = [other.http.get("/users").status_code for _ in range(4)]
        elsewhere = limited.http.get("/ai/users/search", params={"query": "anyone"})

    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    refused = answers[-1]
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert int(refused.headers["Retry-After"]) > 900
    assert refused.headers["RateLimit"].startswith('"list_users";r=0;t=')
    assert others == [200] * 4
    assert elsewhere.status_code == 200


def test_a_created_user_is_found_and_other_tenants_find_nothing(signing: Mesh) -> None:
    with signing.client("tenant-b") as mine, signing.client("tenant-c") as theirs:
        mine.create("eve@x.dev", "Eve", "keeps bees")
        assert wait_until(partial(mine.finds, "keeps bees"), 60)
        assert theirs.search("keeps bees") == []
        assert list(theirs.users()) == []


def test_the_public_key_is_at_the_url_and_only_the_owner_reads_the_private_one(signing: Mesh) -> None:
    endpoint = signing.status()["aws_endpoint_url"]
    [key] = httpx.get(f"{endpoint}/event-mesh-issuer/jwks.json").json()["keys"]
    assert key["kty"] == "EC"
    assert "d" not in key
    assert stat.S_IMODE((signing.home / "issuer.pem").stat().st_mode) == 0o600


def test_parameters_are_kept_until_others_are_given(signing: Mesh) -> None:
    before = signing.status()["components"]

    signing.run("up")
    assert signing.status()["components"] == before
    assert signing.status()["auth_mode"] == "jwt"

    shown = signing.run("up", "--parameter", "AuthMode=dev", "--parameter", "JwtTenantClaim=org")
    assert "Bearer tenant-a:me" in shown
    assert call(signing, "GET", "/users", {}, "tenant-a:me").status_code == 200
    signing.run("up", "--parameter", "AuthMode=jwt", "--parameter", "JwtAudienceClaim=client_id")
    token = signing.run("token", "--tenant", "org_9ybsU1dN2dKfDkBi", "--user", "me").strip()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["org"] == "org_9ybsU1dN2dKfDkBi"
    assert "client_id" in claims
    assert "aud" not in claims
    assert call(signing, "GET", "/users", {}, token).status_code == 200
    assert call(signing, "GET", "/users", {}, "tenant-a:me").status_code == 401
