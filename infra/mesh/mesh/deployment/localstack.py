"""LocalStack without Docker and token: how it is installed and started with our plugin."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from uv import find_uv_bin

from mesh import paths
from mesh.deployment import build
from mesh.errors import MeshError

PROJECT = paths.ROOT / "infra" / "localstack"

_PYTHONS = ("3.13", "3.12")  # what LocalStack's dependencies allow
_INSTALLED = paths.ENVIRONMENTS / "localstack" / "bin" / "python"
_SHOW = "import os, sys; print(sys.version_info[:2], os.path.realpath(sys.executable))"


def find_python() -> str:
    """Return a Python that LocalStack runs on; MeshError if there is none."""
    for candidate in _candidates():
        shown = _first_line(candidate, "-c", _SHOW)
        version, _, executable = shown.partition(") ")
        if version in {f"({each.replace('.', ', ')}" for each in _PYTHONS}:
            return executable
    raise MeshError(
        f"LocalStack needs Python {' or '.join(_PYTHONS)}, and there is none on PATH, of uv or of pyenv. "
        "Name one: LOCALSTACK_PYTHON=/path/to/python3.13"
    )


def install() -> None:
    """Install LocalStack, and what its functions run on."""
    build.ensure_environment("lambda")
    build.ensure_project("localstack", PROJECT, find_python())


def command() -> list[str]:
    """Return how LocalStack is started, once it is installed."""
    return [str(_INSTALLED), "-m", "localstack.runtime.main"]


def environment(host: str, port: int, folder: Path) -> dict[str, str]:
    """Return LocalStack's settings; all that it writes lies in the folder."""
    volume, temporary = folder / "volume", folder / "tmp"
    for each in (volume, temporary):
        each.mkdir(parents=True, exist_ok=True)
    return {
        "API_ENDPOINT": "http://127.0.0.1:9",  # else it asks its makers what newer versions can do
        "DISABLE_EVENTS": "1",  # it reports to nobody
        "DNS_ADDRESS": "0",
        "EAGER_SERVICE_LOADING": "0",
        "FILESYSTEM_ROOT": str(folder),
        "GATEWAY_LISTEN": f"{host}:{port}",
        "LAMBDA_KEEPALIVE_MS": "60000",  # a burst's extra workers, 250 MB each, are gone a minute later
        "LAMBDA_KAFKA_POLLER": "external",  # the mesh's own, a component like on any emulator
        "LAMBDA_PROCESS_PATH": str(paths.ENVIRONMENTS / "lambda" / "bin"),
        "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "120",  # layers may still be unpacked
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        "LOCALSTACK_HOST": f"{host}:{port}",
        "LOCALSTACK_VOLUME_DIR": str(volume),
        "LS_LOG": "error",  # it warns at every request that its URLs will change
        "PROVIDER_OVERRIDE_DYNAMODB": "moto",
        "PROVIDER_OVERRIDE_DYNAMODBSTREAMS": "moto",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "TMPDIR": str(temporary),
    }


def _candidates() -> Iterator[str]:
    """Yield what may be such a Python: the one that was named, that in use, those on PATH, uv's, pyenv's."""
    if named := os.environ.get("LOCALSTACK_PYTHON"):
        yield named
        return
    if _INSTALLED.exists():
        yield str(_INSTALLED)  # pyenv's shims take half a second each
    yield from (found for each in _PYTHONS if (found := shutil.which(f"python{each}")))
    uv = (find_uv_bin(), "python", "find", "--no-python-downloads")
    yield from (_first_line(*uv, each) for each in _PYTHONS)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from (str(found) for each in _PYTHONS for found in pyenv.glob(f"versions/{each}.*/bin/python"))


def _first_line(*command: str) -> str:
    """Return the first line that a command prints; nothing if it fails, as pyenv's shims may."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.partition("\n")[0]
