"""Components that tests start by themselves, in a folder of their own, and code for them to run."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mesh import components, paths
from mesh.state import Component


@contextmanager
def lying_in(home: Path) -> Iterator[None]:
    """Have logs, data and temporary files of components in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("LOGS", "DATA", "TEMPORARY"):
            patch.setattr(paths, name, home / name.lower())
        yield


@pytest.fixture(scope="session", autouse=True)
def mesh_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with lying_in(tmp_path_factory.mktemp("mesh")):
        yield


@contextmanager
def running(component: Component) -> Iterator[str]:
    """Yield a component's address once it answers, and stop it in the end."""
    try:
        components.wait_ready(component)
        yield component.address
    finally:
        components.stop(component)


def zipped(**files: str) -> bytes:
    """Return a zip of Python files; a double underscore in a name separates a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/") + ".py", text)
    return buffer.getvalue()
