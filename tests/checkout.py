"""A copy of the project, for tests that change or build it."""

import shutil
from pathlib import Path

from mesh import paths

_FOLDERS = ("functions", "infra", "layers")
_FILES = ("bootstrap.py", "pyproject.toml", "samconfig.toml", "template.yaml", "uv.lock")


def copy_checkout(copy: Path) -> Path:
    """Copy the sources of what is built and deployed; return the copy."""
    for name in _FOLDERS:
        shutil.copytree(paths.ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in _FILES:
        shutil.copy(paths.ROOT / name, copy / name)
    return copy
