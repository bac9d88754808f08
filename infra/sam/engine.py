"""A Docker engine for `sam local`: the one that is there, or else one of our own for as long as it is needed.

Starting one takes root on Linux, and Debian's packages (which apt-get installs if they are missing).
"""

import os
import platform
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from socket import AddressFamily

import psutil
from mesh import paths, process
from mesh.errors import MeshError
from mesh.platforms import install_programs

_DATA = paths.CACHE / "docker"  # images stay from one run to the next
_READY_SECONDS = 60
_STOP_SECONDS = 60
_BRIDGE = '{{index .Options "com.docker.network.bridge.name"}}'


class EngineError(Exception):
    """There is no Docker engine, or no base image, and none can be made here; the text says why."""


@contextmanager
def engine() -> Iterator[dict[str, str]]:
    """Yield the variables with which Docker's clients find an engine; one of our own ends with the block."""
    if _answers({}):
        yield {}
        return
    ensure_programs({"dockerd": "docker.io", "docker": "docker.io", "iptables": "iptables"})
    # Its sockets lie in a folder with a short name: a socket's path has at most 107 bytes.
    with tempfile.TemporaryDirectory(prefix="mesh-docker-") as folder:
        client = {"DOCKER_HOST": f"unix://{folder}/socket"}
        running = _start(Path(folder), client["DOCKER_HOST"])
        try:
            if not process.wait_until(lambda: _answers(client), _READY_SECONDS):
                raise EngineError(f"dockerd does not start: {process.tail(paths.LOGS / 'dockerd.log', 3)}")
            yield client
            docker(client, "image", "prune", "--force")  # the layers of builds that are past
        finally:
            process.stop(running, _STOP_SECONDS)  # its containers and its containerd end with it


def docker(client: Mapping[str, str], *arguments: str, source: Path | None = None) -> str:
    """Run Docker's client with `source` as its input; return what it prints, or CalledProcessError."""
    with (source or Path(os.devnull)).open("rb") as given:
        done = subprocess.run(
            ["docker", *arguments],
            env={**os.environ, **client},
            stdin=given,
            capture_output=True,
            check=True,
        )
    return done.stdout.decode().strip()


def bridge_address(client: Mapping[str, str]) -> str:
    """Return the host's address on Docker's bridge, by which containers reach it."""
    # The interface is asked: of a gateway, the network does not know before the second start of an engine.
    name = docker(client, "network", "inspect", "bridge", "--format", _BRIDGE)
    for address in psutil.net_if_addrs().get(name, []):
        if address.family is AddressFamily.AF_INET:
            return address.address
    raise EngineError(f"Docker's bridge {name!r} has no IPv4 address on this machine")


def ensure_programs(packages: Mapping[str, str]) -> None:
    """Install the Debian packages of those programs that are missing; EngineError if that cannot be."""
    if platform.system() != "Linux" or os.geteuid() != 0:
        raise EngineError("no Docker engine answers, and only root on Linux may start one")
    try:
        install_programs(packages)
    except MeshError as error:
        raise EngineError(str(error)) from error


def _answers(client: Mapping[str, str]) -> bool:
    try:
        docker(client, "version")
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def _start(folder: Path, host: str) -> psutil.Process:
    command = ["dockerd", "--host", host, "--data-root", str(_DATA), "--exec-root", str(folder / "exec")]
    return process.start([*command, "--pidfile", str(folder / "pid")], os.environ, paths.LOGS / "dockerd.log")
