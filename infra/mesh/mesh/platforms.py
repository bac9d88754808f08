"""Which machines the mesh runs on: bootstrap.py knows, the one file of ours that needs no environment."""

import runpy

from mesh import paths
from mesh.errors import MeshError


def check() -> None:
    """MeshError that says what has no wheel for this machine, if anything has none."""
    if missing := runpy.run_path(str(paths.ROOT / "bootstrap.py"))["what_is_missing"]():
        raise MeshError(missing)
