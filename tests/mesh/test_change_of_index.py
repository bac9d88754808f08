"""The model is changed while users are created, changed and erased, and search is right all the time."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from mesh.clients.http_api import TenantClient
from mesh.process import wait_until
from qdrant_client import QdrantClient

from tests.e2e.mesh_command import Mesh

OLD, NEW = "user_embeddings", "with_prefix"
AT_MOST = 40  # people: a search shows fifty


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Mesh]:
    mesh = Mesh(tmp_path / "mesh")
    mesh.run("up")
    yield mesh
    assert wait_until(lambda: "Stopped" in mesh.run("down", code=None), 120)  # reindex may run still


def found(client: TenantClient) -> dict[str, str]:
    """Return the profile of everybody whom a search finds, by name."""
    return {hit["name"]: hit["profile"] for hit in client.search("a person", 50)}


@pytest.mark.timeout(400)
def test_who_is_changed_or_erased_meanwhile_is_right_before_and_after(own: Mesh) -> None:
    ids: dict[str, int] = {}
    stored: dict[str, str] = {}
    qdrant = QdrantClient(url=own.status()["qdrant_url"], check_compatibility=False)
    with own.client("tenant-a") as client, closing(qdrant):

        def create(number: int) -> None:
            name = f"User{number}"
            ids[name] = client.create(f"{name}@x.dev", name, "is new")["id"]
            stored[name] = "is new"

        def agrees() -> bool:
            try:
                return found(client) == stored
            except httpx.HTTPStatusError:
                if os.environ.get("MESH_EMULATOR") != "localstack":
                    raise
                return False  # it ends the invocations of a function that it updates

        for number in range(6):
            create(number)
        assert wait_until(agrees, 60)

        changing = own.start("reindex", "--into", NEW, "--parameter", "EmbeddingPassagePrefix=passage:")
        rounds = 0
        while changing.poll() is None:
            changed, erased = f"User{2 * rounds}", f"User{2 * rounds + 1}"
            create(2 * rounds + 6)
            create(2 * rounds + 7)
            stored[changed] = client.update(ids[changed], profile="has changed")["profile"]
            for name in (erased, *[name for name in stored if name != erased][:-AT_MOST]):
                client.erase(ids[name])
                del stored[name]
            rounds += 1
            assert wait_until(agrees, 60), found(client)
        output, _ = changing.communicate()
        assert changing.returncode == 0, output
        assert f"{NEW} is searched" in output
        assert rounds > 2
        assert wait_until(agrees, 60)

        qdrant.delete_collection(OLD)
        create(1000)
        assert wait_until(agrees, 60)
        assert not qdrant.collection_exists(OLD)
        metadata = qdrant.get_collection(NEW).config.metadata or {}
        assert metadata["embedding_passage_prefix"] == "passage:"
    assert "give the name of another one" in own.run("reindex", "--into", NEW, code=2)
    assert "--parameter wants --into" in own.run("reindex", "--parameter", "EmbeddingModel=x", code=2)
    assert "an index has other parameters" in own.run(
        "reindex", "--into", "x", "--parameter", "Environment=staging", code=2
    )
