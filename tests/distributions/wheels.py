"""Each distribution as a stranger gets it: its wheel, alone in a new environment."""

import subprocess
import sys
from pathlib import Path

from mesh import paths
from mesh.deployment import build
from uv import find_uv_bin


def uv(*arguments: str) -> None:
    """Run uv; AssertionError with what it says if it fails."""
    done = subprocess.run(
        [find_uv_bin(), *arguments], env=build.base_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def built(name: str, folder: Path, python: str = sys.executable) -> Path:
    """Return the wheel of `infra/<name>`."""
    uv("build", "--quiet", "--wheel", "--python", python, "--out-dir", str(folder), str(paths.INFRA / name))
    (wheel,) = folder.glob("*.whl")
    return wheel


def installed(
    folder: Path, *wheels: Path, python: str = sys.executable, options: tuple[str, ...] = ()
) -> Path:
    """Return the folder of programs of a new environment that has the wheels and what they require."""
    uv("venv", "--quiet", "--python", python, str(folder))
    interpreter = folder / "bin" / "python"
    uv("pip", "install", "--quiet", "--python", str(interpreter), *options, *map(str, wheels))
    return folder / "bin"
