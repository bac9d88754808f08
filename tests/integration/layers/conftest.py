"""The layers' adapters against the components of the embedded mesh, each started once for all tests here."""

from collections.abc import Callable, Iterator

import pytest
from mesh import build, components, paths, process
from mesh.state import Component


@pytest.fixture(scope="session", autouse=True)
def _mesh_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("mesh")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("LOGS", "DATA", "TEMPORARY"):
            patch.setattr(paths, name, home / name.lower())
        yield


def _running(start: Callable[[int], Component]) -> Iterator[Component]:
    component = start(process.free_port())
    try:
        components.wait_ready(component)
        yield component
    finally:
        components.stop(component)


@pytest.fixture(scope="session")
def aws(_mesh_home: None) -> Iterator[str]:
    """The AWS endpoint."""
    for component in _running(components.start_aws):
        yield component.address


@pytest.fixture(scope="session")
def kafka(_mesh_home: None) -> Iterator[str]:
    """The bootstrap servers."""
    for component in _running(components.start_kafka):
        yield component.address


@pytest.fixture(scope="session")
def qdrant(_mesh_home: None) -> Iterator[str]:
    """Qdrant's URL."""
    for component in _running(components.start_qdrant):
        yield component.address


@pytest.fixture(scope="session")
def built() -> None:
    """What `sam build` made of the present sources lies in .aws-sam/build."""
    build.build(build.fingerprint())
