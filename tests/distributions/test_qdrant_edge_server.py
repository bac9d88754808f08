"""qdrant-edge-server by itself takes a point from qdrant-client, and finds it."""

import subprocess
from pathlib import Path

import httpx
import pytest
from mesh import process
from qdrant_client import QdrantClient, models

from tests.distributions import wheels


def test_a_point_is_stored_and_found(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    wheel = wheels.built("qdrant_edge_server", tmp_path_factory.mktemp("wheel"))
    programs = wheels.installed(tmp_path / "venv", wheel)
    port = process.free_port()
    url = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            return httpx.get(f"{url}/readyz").is_success
        except httpx.TransportError:
            return False

    command = [str(programs / "qdrant-edge-server"), "--path", str(tmp_path / "data"), "--port", str(port)]
    server = subprocess.Popen(command)
    try:
        assert process.wait_until(ready, 60)
        client = QdrantClient(url=url)
        client.create_collection("c", models.VectorParams(size=2, distance=models.Distance.COSINE))
        client.upsert("c", [models.PointStruct(id=1, vector=[1.0, 0.0], payload={"name": "Ada"})], wait=True)
        (found,) = client.query_points("c", query=[1.0, 0.0], with_payload=True).points
        client.close()
        assert (found.id, found.payload) == (1, {"name": "Ada"})
    finally:
        server.terminate()
        assert server.wait(30) == 0
