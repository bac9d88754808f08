"""Which machines the mesh runs on, and what it gets itself there.

bootstrap.py knows the former, the one file of ours that needs no environment.
"""

import os
import runpy
import shutil
import subprocess
from collections.abc import Mapping

from mesh import paths
from mesh.errors import MeshError

_LOCK_SECONDS = 300  # another lane may be installing


def check() -> None:
    """MeshError that says what has no wheel for this machine, if anything has none."""
    if missing := runpy.run_path(str(paths.ROOT / "bootstrap.py"))["what_is_missing"]():
        raise MeshError(missing)


def install_programs(packages: Mapping[str, str]) -> None:
    """Install the Debian packages of those programs that are missing, by program.

    MeshError that says what to install, if this is not root on Debian, or it cannot be done.
    """
    missing = sorted({package for program, package in packages.items() if shutil.which(program) is None})
    if not missing:
        return
    install = ["install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise MeshError(
            f"{', '.join(missing)} is not installed. As root on Debian and Ubuntu: "
            f"apt-get install --no-install-recommends {' '.join(missing)}"
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], install):
        command = ["apt-get", "-o", f"DPkg::Lock::Timeout={_LOCK_SECONDS}", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise MeshError(f"apt-get {' '.join(words)} failed: {done.stderr.strip()[-300:]}")
