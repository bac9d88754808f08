"""A copy of the project, for tests that change or build it."""

import shutil
from pathlib import Path

from mesh import paths

_COPIED = ("functions", "infra", "layers", "pyproject.toml", "samconfig.toml", "template.yaml", "uv.lock")


def copy_checkout(copy: Path) -> Path:
    """Copy the sources of what is built and deployed; return the copy."""
    for name in _COPIED:
        source = paths.ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    return copy
