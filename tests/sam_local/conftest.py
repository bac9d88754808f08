"""A mesh that containers get to, and `sam local` beside it; skipped where there can be no Docker engine."""

from collections.abc import Iterator

import pytest

from infra.sam.base_image import ensure_base_image
from infra.sam.engine import EngineError, bridge_address, engine
from tests.e2e.mesh_command import Mesh
from tests.sam_local.sam_local import SamLocal


@pytest.fixture(scope="session")
def docker() -> Iterator[dict[str, str]]:
    """The variables that name a Docker engine, which has Lambda's base image."""
    try:
        with engine() as client:
            ensure_base_image(client)
            yield client
    except EngineError as error:
        pytest.skip(f"sam local wants a Docker engine: {error}")


@pytest.fixture(scope="session")
def mesh(docker: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    mesh = Mesh(tmp_path_factory.mktemp("sam") / "mesh", MESH_HOST=bridge_address(docker))
    mesh.run("up")
    yield mesh
    mesh.run("down")


@pytest.fixture(scope="session")
def sam(mesh: Mesh, docker: dict[str, str]) -> SamLocal:
    return SamLocal(mesh, docker)
