"""One mesh for all end-to-end tests, deployed from the template as a user deploys it.

E2E_PARAMETERS="AuthMode=jwt" deploys it with other parameters: the suite holds with signed tokens too. And
MESH_EMULATOR=localstack, which `mesh up` reads, runs every mesh of these tests on LocalStack.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest
from mesh.clients.http_api import TenantClient
from mesh.deployment import localstack
from mesh.errors import MeshError

from tests.e2e.mesh_command import Mesh
from tests.e2e.page import ORIGIN


@pytest.fixture(scope="session", autouse=True)
def _emulator() -> None:
    if os.environ.get("MESH_EMULATOR") == "localstack":
        try:
            localstack.find_python()
        except MeshError as error:
            pytest.skip(str(error))


@pytest.fixture(scope="session")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    mesh = Mesh(tmp_path_factory.mktemp("e2e") / "mesh")
    given = [f"CorsAllowedOrigins={ORIGIN}", *os.environ.get("E2E_PARAMETERS", "").split()]
    mesh.run("up", *[word for each in given for word in ("--parameter", each)])
    yield mesh
    mesh.run("down")


@pytest.fixture(scope="session")
def api_url(mesh: Mesh) -> str:
    url: str = mesh.status()["api_url"]
    return url


@pytest.fixture(scope="session")
def authorization(mesh: Mesh) -> str:
    """The Authorization header of a user of tenant-a."""
    return mesh.authorization("tenant-a", "someone")


@pytest.fixture
def tenant(mesh: Mesh, api_url: str) -> Iterator[Callable[[], TenantClient]]:
    """Makes clients of tenants that nobody else uses."""
    with ExitStack() as clients:

        def new() -> TenantClient:
            name = f"tenant-{uuid4().hex[:12]}"
            return clients.enter_context(TenantClient(api_url, name, mesh.authorization(name)))

        yield new
