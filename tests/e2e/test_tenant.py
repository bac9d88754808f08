"""A tenant leaves: nothing of it is left, and another one notices nothing."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

import pytest
from mesh.clients import aws
from mesh.clients.http_api import TenantClient
from mesh.process import wait_until
from qdrant_client import QdrantClient
from users import table

from tests.e2e.mesh_command import Mesh

SECONDS = 60
COLLECTION = "user_embeddings"
NewTenant = Callable[[], TenantClient]


def items(mesh: Mesh, tenant: str) -> list[str]:
    """Return the sort keys of all that the table holds of a tenant."""
    state = mesh.state()
    dynamodb = aws.client("dynamodb", state.aws_endpoint_url)
    pages: Iterator[Any] = dynamodb.get_paginator("query").paginate(
        TableName=state.users_table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": table.pk(tenant)}},
    )
    return [item["sk"]["S"] for page in pages for item in page["Items"]]


def points(mesh: Mesh, tenant: str) -> int:
    """Return how many points of the collection name a tenant, in whatever field."""
    with closing(QdrantClient(url=mesh.state().qdrant_url, check_compatibility=False)) as qdrant:
        found, _ = qdrant.scroll(COLLECTION, limit=10_000)
    return sum(tenant in (point.payload or {}).values() for point in found)


def searchable(client: TenantClient, users: int) -> bool:
    return len(client.search("a person", 50)) == users


def filled(client: TenantClient, users: int) -> None:
    for number in range(users):
        client.create(f"u{number}@x.dev", f"User {number}", "paints boats")
    assert wait_until(partial(searchable, client, users), SECONDS)


@pytest.mark.parametrize("options", [("--force", "--yes")])
def test_nothing_of_a_tenant_that_left_is_in_table_or_index(
    mesh: Mesh, tenant: NewTenant, options: tuple[str, ...]
) -> None:
    leaving, staying = tenant(), tenant()
    filled(leaving, 12)
    filled(staying, 3)
    assert points(mesh, leaving.tenant) == 12

    said = mesh.run("tenant", "delete", leaving.tenant, *options)

    assert f"{leaving.tenant} is gone: 12 users" in said
    assert items(mesh, leaving.tenant) == []
    assert wait_until(lambda: mesh.status()["consumer_lag"] == 0, SECONDS)
    assert list(staying.users()) == list(staying.users(page_size=2))
    assert searchable(staying, 3)
    assert list(leaving.users()) == []  # which counts as a request, and no more
    assert leaving.search("a person") == []
    assert not [sk for sk in items(mesh, leaving.tenant) if not sk.startswith("RATE")]


def test_a_tenant_that_still_creates_is_refused(mesh: Mesh, tenant: NewTenant) -> None:
    client = tenant()
    filled(client, 1)
    said = mesh.run("tenant", "delete", client.tenant, "--yes", code=2)
    assert f"{client.tenant} does not look as if it had left. It created a user" in said
    assert "Traceback" not in said
    assert searchable(client, 1)


def test_what_cannot_be_is_said(mesh: Mesh) -> None:
    assert "There is no tenant 'nobody'" in mesh.run("tenant", "delete", "nobody", "--yes", code=2)
    assert "There can be no tenant 'a b'" in mesh.run("tenant", "delete", "a b", "--yes", code=2)


def test_nobody_is_erased_unless_somebody_says_yes(mesh: Mesh, tenant: NewTenant) -> None:
    client = tenant()
    filled(client, 1)
    assert "Erase" in mesh.run("tenant", "delete", client.tenant, "--force", code=1)  # nobody answers
    assert searchable(client, 1)
