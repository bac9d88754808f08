"""Make .venv with everything that development needs, at the versions of uv.lock. `make` runs this.

It needs Python 3.11 or later, the package index, and a platform that the packages have wheels for.
"""

import platform
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

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
    missing = what_is_missing()
    if missing:
        sys.exit(missing)
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


def what_is_missing() -> str:
    """Return a line that says which packages cannot be had for this platform; nothing if all can."""
    system, machine = platform.system(), platform.machine()
    libc = "manylinux" if platform.libc_ver()[0] == "glibc" else "musllinux"
    here = {"Linux": libc, "Darwin": "macosx", "Windows": "win"}.get(system, system)
    missing = [
        package["name"]
        for package in _locked()
        if "sdist" not in package and _has_wheel(package, "manylinux", "x86_64")
        if not _has_wheel(package, here, machine.lower())
    ]
    if not missing:
        return ""
    name = "Linux without glibc" if here == "musllinux" else system
    return (
        f"There is no wheel of {', '.join(missing)} for {name} on {machine}. "
        "Event Mesh runs on Linux with glibc (x86-64 or arm64) and on macOS 14 (Apple silicon)."
    )


def _has_wheel(package: "dict[str, Any]", system: str, machine: str) -> bool:
    """Return whether a locked package has a wheel for a platform, of whatever Python."""
    ends = (f"_{machine}.whl", "_universal2.whl")
    files = [wheel["url"] for wheel in package.get("wheels", [])]
    return any("none-any" in file or (f"-{system}" in file and file.endswith(ends)) for file in files)


def _uv() -> str:
    """Return uv at the locked version."""
    return next(f"uv=={package['version']}" for package in _locked() if package["name"] == "uv")


def _locked() -> "list[dict[str, Any]]":  # in quotes: an older Python does not know them
    """Return the packages of uv.lock."""
    import tomllib  # not at the top: an older Python shall get as far as its error message

    packages: list[dict[str, Any]] = tomllib.loads((_ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    return packages


def _run(*command: str) -> None:
    if subprocess.run(command, cwd=_ROOT, check=False).returncode:
        sys.exit("The installation failed, see above. Is the package index reachable?")


if __name__ == "__main__":
    main()
