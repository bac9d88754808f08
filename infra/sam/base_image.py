"""Base images, or stand-ins where no registry can be reached: Debian's smallest system with its Python.

Lambda's stand-in has AWS's runtime interface client and boto3 besides: less than Lambda's image has, so that
what a function forgot to package is missed here too.
"""

import platform
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from mesh.deployment import build

from infra.sam.engine import EngineError, docker, ensure_programs

IMAGE = f"public.ecr.aws/lambda/{build.RUNTIME.replace('python', 'python:')}-x86_64"
PYTHON_IMAGE = "python:3.13-slim-trixie"

_DEBIANS = {"python3.11": "bookworm", "python3.13": "trixie"}
_MIRROR = "http://deb.debian.org/debian"
_CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LD_LIBRARY_PATH": "/var/runtime:/opt/lib",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
}


def ensure_base_image(client: Mapping[str, str]) -> None:
    """Have Lambda's image in the engine: what is there, the registry's, or one made here, or EngineError."""
    _ensure(client, IMAGE, _make_lambda_image)


def ensure_python_image(client: Mapping[str, str]) -> None:
    """Have Python's own image in the engine, in the same way."""
    _ensure(client, PYTHON_IMAGE, _make_python_image)


def _ensure(client: Mapping[str, str], image: str, make: Callable[[Mapping[str, str]], None]) -> None:
    for command in (["image", "inspect", image], ["pull", "--quiet", image]):
        try:
            docker(client, *command)
        except subprocess.CalledProcessError:
            continue
        return
    make(client)


def _make_lambda_image(client: Mapping[str, str]) -> None:
    debian = _DEBIANS.get(build.RUNTIME)
    if debian is None:
        raise EngineError(f"{IMAGE} cannot be pulled, and no Debian has {build.RUNTIME}")

    def complete(root: Path) -> None:
        runtime = root / "var" / "runtime"
        [packages] = build.ensure_environment("lambda").parent.glob("lib/python*/site-packages")
        shutil.copytree(packages, runtime)
        shutil.copy(Path(__file__).with_name("bootstrap"), runtime)
        (root / "var" / "task").mkdir()

    variables = " ".join(f"{name}={value}" for name, value in _ENVIRONMENT.items())
    _make(client, IMAGE, debian, ["python3"], complete, f"ENV {variables}", "WORKDIR /var/task")


def _make_python_image(client: Mapping[str, str]) -> None:
    def complete(root: Path) -> None:
        (root / "usr" / "bin" / "python").symlink_to("python3")
        # Whoever this machine trusts for its package index, the image trusts, too.
        shutil.copy(ssl.get_default_verify_paths().cafile or f"/{_CERTIFICATES}", root / _CERTIFICATES)

    packages = ["python3", "python3-pip", "python3-venv"]
    _make(client, PYTHON_IMAGE, "trixie", packages, complete, f"ENV PIP_CERT=/{_CERTIFICATES}")


def _make(
    client: Mapping[str, str],
    image: str,
    debian: str,
    packages: list[str],
    complete: Callable[[Path], None],
    *changes: str,
) -> None:
    """Make an image of a Debian with packages, of what `complete` adds to its root, and of `changes`."""
    if platform.machine() != "x86_64":
        raise EngineError(f"{image} cannot be pulled, and its stand-in is for x86-64")
    ensure_programs({"debootstrap": "debootstrap"})
    with tempfile.TemporaryDirectory(prefix="mesh-image-") as folder:
        root = Path(folder, "root")
        include = f"--include={','.join([*packages, 'ca-certificates'])}"
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", include, debian, str(root), _MIRROR],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise EngineError(
                f"{image} cannot be pulled, and debootstrap failed: {done.stdout.strip()[-300:]}"
            )
        complete(root)
        archive = Path(folder, "root.tar")
        subprocess.run(["tar", "--create", "--file", archive, "--directory", root, "."], check=True)
        options = [option for change in changes for option in ("--change", change)]
        docker(client, "import", *options, "-", image, source=archive)
