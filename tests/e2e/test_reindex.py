"""The index is lost, and comes back from the table."""

from collections.abc import Callable
from functools import partial

from mesh.clients.http_api import TenantClient
from mesh.process import wait_until
from qdrant_client import QdrantClient

from tests.e2e.mesh_command import Mesh

COLLECTION = "user_embeddings"
NewTenant = Callable[[], TenantClient]


def found(client: TenantClient) -> list[str]:
    """Return the names that a search finds; none if it is not answered."""
    answer = client.http.get("/ai/users/search", params={"query": "a person", "limit": "50"})
    return sorted(hit["name"] for hit in answer.json().get("results", []))


def finds(client: TenantClient, names: list[str]) -> bool:
    return found(client) == names


def test_a_lost_index_is_rebuilt_from_the_table(mesh: Mesh, tenant: NewTenant) -> None:
    clients = [tenant(), tenant()]
    names = [f"User {number:02}" for number in range(12)]
    for client in clients:
        for name in names:
            client.create(f"{name[-2:]}@x.dev", name, f"works for {client.tenant}")
    for client in clients:
        assert wait_until(partial(finds, client, names), 60)
    qdrant = QdrantClient(url=mesh.status()["qdrant_url"], check_compatibility=False)
    qdrant.delete_collection(COLLECTION)
    qdrant.close()
    assert wait_until(partial(finds, clients[0], []), 60)

    only = mesh.run("reindex", "--tenant", clients[0].tenant)

    assert "12 users of 1 tenants are in the index" in only
    assert wait_until(partial(finds, clients[0], names), 60)
    assert found(clients[1]) == []
    assert "are in the index" in mesh.run("reindex")
    assert found(clients[0]) == found(clients[1]) == names
