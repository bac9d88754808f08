"""A changed function is live after `mesh deploy`, in a mesh that goes on meanwhile."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from mesh import paths
from mesh.clients.http_api import TenantClient

from tests.checkout import copy_checkout
from tests.e2e.mesh_command import Mesh

RUN_MESH = (sys.executable, "-c", "from mesh.cli import main; main()")


@pytest.fixture
def checkout(mesh: Mesh, tmp_path: Path) -> Path:
    """A copy of the project that may be changed; its build starts as ours."""
    copy = copy_checkout(tmp_path / "checkout")
    shutil.copytree(paths.BUILD, copy / ".aws-sam/build", copy_function=os.link)
    (copy / ".mesh/cache").mkdir(parents=True)
    shutil.copy(paths.CACHE / "build", copy / ".mesh/cache/build")
    (copy / ".venvs").symlink_to(paths.ENVIRONMENTS)
    return copy


@pytest.fixture
def own(checkout: Path, tmp_path: Path) -> Iterator[Mesh]:
    """A mesh of the copy: the copy's code comes before ours."""
    ours = [*(checkout / "infra").iterdir(), *(checkout / "layers").iterdir()]
    mesh = Mesh(tmp_path / "mesh", RUN_MESH, PYTHONPATH=os.pathsep.join(map(str, ours)))
    mesh.run("up")
    yield mesh
    mesh.run("down", code=None)


def health(client: TenantClient) -> httpx.Response:
    return client.http.get("/health")


def test_a_changed_function_is_live_after_a_deploy_and_nothing_is_restarted(
    checkout: Path, own: Mesh
) -> None:
    before = own.status()["components"]
    with own.client("tenant-a") as client:
        client.create("ada@x.dev", "Ada")
        assert health(client).json() == {"status": "OK"}
        code = checkout / "functions/list_users/app.py"
        code.write_text(code.read_text().replace('Health(status="OK")', 'Health(status="NEW")'))
        started = time.monotonic()

        output = own.run("deploy")

        assert health(client).json() == {"status": "NEW"}
        print(f"live after {time.monotonic() - started:.1f} s")  # noqa: T201
        assert [user["name"] for user in client.users()] == ["Ada"]
    assert "What was changed is live" in output
    assert own.status()["components"] == before


def test_without_a_mesh_there_is_nothing_to_deploy_into(tmp_path: Path) -> None:
    assert "No mesh is running here" in Mesh(tmp_path / "mesh").run("deploy", code=2)
