"""Kafka and Qdrant as containers: those of infra/compose, where Docker and its compose plugin are."""

import subprocess
from contextlib import suppress
from functools import cache
from typing import Any

import yaml

from mesh import components, paths
from mesh.deployment import build
from mesh.errors import MeshError
from mesh.process import tail

FILE = paths.INFRA / "compose" / "compose.yaml"

_SERVICES = {components.KAFKA: "redpanda", components.QDRANT: "qdrant"}
_SCHEMES = {components.KAFKA: "", components.QDRANT: "http://"}
_WAIT_SECONDS = 180


def address(component: str) -> str | None:
    """Return where a component of the mesh listens, if it is a container: at its first published port."""
    if component not in _SERVICES:
        return None
    published: str = _compose_file()["services"][_SERVICES[component]]["ports"][0]
    return _SCHEMES[component] + published.rpartition(":")[0]


def start() -> None:
    """Start the containers and wait until they are healthy; MeshError with Docker's own words if not."""
    try:
        _compose("up", "--detach", "--wait", "--wait-timeout", str(_WAIT_SECONDS))
    except BaseException:
        with suppress(MeshError):
            stop(volumes=False)
        raise


def stop(volumes: bool) -> None:
    """Stop the containers; what Kafka and Qdrant hold stays in their volumes, unless these are to go too."""
    _compose("down", *(["--volumes"] if volumes else []))


def _compose(*arguments: str) -> None:
    if not _available():
        raise MeshError("--compose needs Docker with its compose plugin, not here. Without them: mesh up.")
    log = paths.LOGS / "compose.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        failed = subprocess.run(
            ["docker", "compose", "--file", str(FILE), *arguments],
            env=build.base_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        ).returncode
    if failed:
        raise MeshError(f"'docker compose {arguments[0]}' failed. It said:\n{tail(log)}")


def _available() -> bool:
    try:
        asked = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return asked.returncode == 0


@cache
def _compose_file() -> Any:
    return yaml.safe_load(FILE.read_text(encoding="utf-8"))
