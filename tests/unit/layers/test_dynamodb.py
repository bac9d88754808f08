"""Credentials that reach one tenant; tests/iam shows that they reach no other."""

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from tenant_auth import dynamodb
from tenant_auth.dynamodb import BRIEF, TenantAccessError, tenant_dynamodb, tenant_policy

from tests.unit.fakes import DynamoFaults

ROLE = "arn:aws:iam::000000000000:role/CreateUserTenantRole"


@pytest.fixture
def assumed(aws: DynamoFaults, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What STS is asked for."""
    requests: list[dict[str, Any]] = []

    def asked(params: dict[str, Any], **_: Any) -> None:
        requests.append(params)

    monkeypatch.setenv("TENANT_ROLE_ARN", ROLE)
    caches = (dynamodb._client, dynamodb._credentials, dynamodb._sts)
    for cache in caches:
        cache.cache_clear()
    session = boto3.DEFAULT_SESSION
    assert session
    session.events.register("provide-client-params.sts.AssumeRole", asked)
    yield requests
    session.events.unregister("provide-client-params.sts.AssumeRole", asked)
    for cache in caches:
        cache.cache_clear()


def test_given_a_tenant_when_asked_for_then_the_role_is_assumed_with_the_tenants_policy(
    assumed: list[dict[str, Any]],
) -> None:
    tenant_dynamodb("tenant-a").list_tables()
    [request] = assumed
    assert request["RoleArn"] == ROLE
    assert request["RoleSessionName"] == "tenant.tenant-a"
    assert json.loads(request["Policy"]) == tenant_policy("tenant-a")


def test_given_a_tenant_when_asked_for_again_then_its_credentials_are_used_again(
    assumed: list[dict[str, Any]],
) -> None:
    assert tenant_dynamodb("tenant-a") is tenant_dynamodb("tenant-a")
    tenant_dynamodb("tenant-a", BRIEF)
    tenant_dynamodb("tenant-b")
    assert [request["RoleSessionName"] for request in assumed] == ["tenant.tenant-a", "tenant.tenant-b"]


def test_given_half_an_hour_when_asked_for_again_then_the_credentials_are_new(
    assumed: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 1_799.0, 1_800.0])
    monkeypatch.setattr("tenant_auth.dynamodb.time.time", lambda: next(clock))
    for _ in range(3):
        tenant_dynamodb("tenant-a")
    assert len(assumed) == 2
    assert {request["DurationSeconds"] for request in assumed} == {3_600}


@pytest.mark.parametrize("tenant", ["a", "a" * 128, "org_9ybsU1dN2dKfDkBi", "A.b_c-D"])
def test_given_any_tenant_when_asked_for_then_sts_accepts_the_session(
    assumed: list[dict[str, Any]], tenant: str
) -> None:
    tenant_dynamodb(tenant)
    [request] = assumed
    assert re.fullmatch(r"[\w+=,.@-]{2,64}", request["RoleSessionName"], re.ASCII)
    assert len(request["Policy"]) < 2_048


def test_given_tenants_that_differ_little_when_asked_for_then_each_has_credentials_of_its_own(
    assumed: list[dict[str, Any]],
) -> None:
    tenants = ["acme", "Acme", "acme.b", "a" * 127, "a" * 128]
    clients = {id(tenant_dynamodb(tenant)) for tenant in tenants}
    assert len(clients) == len({request["Policy"] for request in assumed}) == len(tenants)


def test_given_sts_fails_when_asked_for_then_it_says_so_and_is_asked_again(
    assumed: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://sts.internal")

    with monkeypatch.context() as patch:
        patch.setattr(dynamodb._sts(), "assume_role", down)
        with pytest.raises(TenantAccessError, match="STS gave no credentials"):
            tenant_dynamodb("tenant-a")
    assert tenant_dynamodb("tenant-a")


def test_given_the_brief_client_when_made_then_its_wait_is_short(assumed: list[dict[str, Any]]) -> None:
    config = tenant_dynamodb("tenant-a", BRIEF).meta.config
    assert (config.connect_timeout, config.read_timeout) == (0.5, 0.5)
    assert config.retries["total_max_attempts"] == 1
