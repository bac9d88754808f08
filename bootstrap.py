"""Make .venv with everything that development needs, at the versions of uv.lock. `make` runs this.

It needs Python 3.11 or later and the package index, nothing else.
"""

import subprocess
import sys
import venv
from pathlib import Path

_ROOT = Path(__file__).resolve().parent
_VENV = _ROOT / ".venv"
_OLDEST = (3, 11)


def main() -> None:
    """Make the environment; SystemExit says what is missing and what to do."""
    if sys.version_info < _OLDEST:
        sys.exit(
            f"Python {sys.version.split()[0]} is too old: Event Mesh needs 3.11 or later.\n"
            "Name another one: make PYTHON=python3.12 …"
        )
    print("Installing into .venv", flush=True)
    uv = _VENV / "bin" / "uv"
    if not uv.exists():
        try:
            venv.create(_VENV, clear=True, with_pip=True)
        except subprocess.CalledProcessError:
            sys.exit("This Python cannot make environments. On Debian and Ubuntu: apt install python3-venv")
        _run(str(_VENV / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", _uv())
    # Where PYTHONDONTWRITEBYTECODE is set, each command would else compile its libraries again, for a second.
    options = ("--quiet", "--frozen", "--inexact", "--compile-bytecode")
    _run(str(uv), "sync", *options, "--python", str(_VENV / "bin" / "python"))


def _uv() -> str:
    """Return uv at the locked version."""
    import tomllib  # not at the top: an older Python shall get as far as its error message

    packages = tomllib.loads((_ROOT / "uv.lock").read_text())["package"]
    return next(f"uv=={package['version']}" for package in packages if package["name"] == "uv")


def _run(*command: str) -> None:
    if subprocess.run(command, cwd=_ROOT, check=False).returncode:
        sys.exit("The installation failed, see above. Is the package index reachable?")


if __name__ == "__main__":
    main()
