"""What a test needs and the project does not: installed in a folder of the test's own, or it is skipped."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

_SECONDS = 200


def install(what: str, *command: str, environment: Mapping[str, str] | None = None) -> None:
    """Run what installs it; the test is skipped, with the reason, if that fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_SECONDS, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"{what} cannot be had: {error}")
    if done.returncode:
        pytest.skip(f"{what} cannot be had: {done.stderr[-300:]}")


def python_with(folder: Path, requirement: str) -> Path:
    """Return a Python that has what is required, apart from the project's."""
    uv = [sys.executable, "-m", "uv"]
    install("a new environment", *uv, "venv", "--quiet", "--clear", str(folder))
    python = folder / "bin" / "python"
    install(requirement, *uv, "pip", "install", "--quiet", "--python", str(python), requirement)
    return python
