"""A mesh whose functions run by `sam local`, in containers; skipped where there can be no Docker engine."""

import os
import signal
from collections.abc import Iterator

import httpx
import psutil
import pytest
from mesh.process import is_running, wait_until

from infra.sam.base_image import ensure_base_image
from infra.sam.engine import EngineError, bridge_address, engine
from tests.e2e.conftest import api_url, authorization, tenant
from tests.e2e.mesh_command import Mesh
from tests.e2e.page import ORIGIN
from tests.sam_local.sam_local import SamLocal, SamMesh

__all__ = ["api_url", "authorization", "tenant"]

FIRST = [  # requests to each set of layers, for whose image the first one waits
    *(("GET", "/users"), ("GET", "/users/create"), ("GET", "/users/import"), ("GET", "/users/1")),
    *(("PATCH", "/users/1"), ("DELETE", "/users/1"), ("GET", "/ai/users/search")),
]
LIMITS = {  # what SAM CLI's gateway cannot, by the test's name
    "test_every_other_body_is_refused[\\xff\\xfe{}-400]": "a body that is no UTF-8 is its own 502",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if reason := LIMITS.get(item.name):
            item.add_marker(pytest.mark.xfail(reason=f"sam local start-api: {reason}", strict=True))


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
def embedded(docker: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    """A mesh that containers get to, and that leaves it to others to invoke a function for an event."""
    mesh = Mesh(tmp_path_factory.mktemp("sam") / "mesh", MESH_HOST=bridge_address(docker))
    mesh.run("up", "--parameter", f"CorsAllowedOrigins={ORIGIN}")
    for name in ("poller", "schedule"):
        invoker = psutil.Process(mesh.component(name)["pid"])
        os.kill(invoker.pid, signal.SIGTERM)
        assert wait_until(lambda invoker=invoker: not is_running(invoker), 60)  # type: ignore[misc]
    yield mesh
    mesh.run("down")


@pytest.fixture(scope="session")
def sam(embedded: Mesh, docker: dict[str, str]) -> SamLocal:
    return SamLocal(embedded, docker)


@pytest.fixture(scope="session")
def start_lambda(sam: SamLocal) -> Iterator[str]:
    with sam.serving("start-lambda") as url:
        yield url


@pytest.fixture(scope="session")
def poller(sam: SamLocal, start_lambda: str) -> Iterator[str]:
    """The poller that invokes functions there, at the address of the one that it stands in for."""
    with sam.polling(start_lambda) as url:
        yield url


@pytest.fixture(scope="session")
def mesh(embedded: Mesh, sam: SamLocal, start_lambda: str, poller: str) -> Iterator[Mesh]:
    """The mesh as the end-to-end tests know it, with its API by `sam local start-api`."""
    with sam.serving("start-api") as url, sam.scheduling(start_lambda):
        for method, path in FIRST:
            assert httpx.request(method, url + path, timeout=300).is_client_error
        yield SamMesh(embedded, sam, url)
