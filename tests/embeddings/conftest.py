"""One mesh whose embeddings come from a real server of OpenAI's `/embeddings`, with a multilingual model."""

from collections.abc import Callable, Iterator

import pytest
from mesh.clients.http_api import TenantClient

from tests.e2e.conftest import tenant
from tests.e2e.mesh_command import Mesh
from tests.faults.conftest import api_url, outbox, pytest_terminal_summary, trial, warm_mesh

__all__ = ["api_url", "outbox", "pytest_terminal_summary", "tenant", "trial"]

NewTenant = Callable[[], TenantClient]


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with warm_mesh(tmp_path_factory.mktemp("embeddings") / "mesh", MESH_EMBEDDINGS="multilingual") as mesh:
        yield mesh


@pytest.fixture(scope="session")
def server_url(mesh: Mesh) -> str:
    """The server's base URL, as clients of OpenAI's API take it."""
    return f"{mesh.component('embeddings')['address']}/v1"
