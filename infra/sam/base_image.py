"""Lambda's base image for Python, or a stand-in where no registry can be reached.

The stand-in is Debian's smallest system with its Python, AWS's runtime interface client and boto3: less than
Lambda's image has, so that what a function forgot to package is missed here too.
"""

import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mesh.deployment import build

from infra.sam.engine import EngineError, docker, ensure_programs

IMAGE = f"public.ecr.aws/lambda/{build.RUNTIME.replace('python', 'python:')}-x86_64"

_DEBIANS = {"python3.11": "bookworm", "python3.13": "trixie"}
_MIRROR = "http://deb.debian.org/debian"
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LD_LIBRARY_PATH": "/var/runtime:/opt/lib",
    "LAMBDA_TASK_ROOT": "/var/task",
    "LAMBDA_RUNTIME_DIR": "/var/runtime",
}


def ensure_base_image(client: Mapping[str, str]) -> None:
    """Have the image in the engine: what is there, the registry's, or one made here, or EngineError."""
    for command in (["image", "inspect", IMAGE], ["pull", "--quiet", IMAGE]):
        try:
            docker(client, *command)
        except subprocess.CalledProcessError:
            continue
        return
    _make(client)


def _make(client: Mapping[str, str]) -> None:
    debian = _DEBIANS.get(build.RUNTIME)
    if debian is None or platform.machine() != "x86_64":
        raise EngineError(f"{IMAGE} cannot be pulled, and no Debian has {build.RUNTIME} for x86-64")
    ensure_programs({"debootstrap": "debootstrap"})
    with tempfile.TemporaryDirectory(prefix="mesh-image-") as folder:
        root = Path(folder, "root")
        include = "--include=python3,ca-certificates"
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", include, debian, str(root), _MIRROR],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise EngineError(
                f"{IMAGE} cannot be pulled, and debootstrap failed: {done.stdout.strip()[-300:]}"
            )
        runtime = root / "var" / "runtime"
        [packages] = build.ensure_environment("lambda").parent.glob("lib/python*/site-packages")
        shutil.copytree(packages, runtime)
        shutil.copy(Path(__file__).with_name("bootstrap"), runtime)
        (root / "var" / "task").mkdir()
        archive = Path(folder, "root.tar")
        subprocess.run(["tar", "--create", "--file", archive, "--directory", root, "."], check=True)
        variables = " ".join(f"{name}={value}" for name, value in _ENVIRONMENT.items())
        changes = ["--change", f"ENV {variables}", "--change", "WORKDIR /var/task"]
        docker(client, "import", *changes, "-", IMAGE, source=archive)
