"""Where the components of a test's own lie: in a folder of their own."""

from collections.abc import Iterator

import pytest
from mesh import paths


@pytest.fixture(scope="session", autouse=True)
def mesh_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home = tmp_path_factory.mktemp("mesh")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("LOGS", "DATA", "TEMPORARY"):
            patch.setattr(paths, name, home / name.lower())
        yield
