"""Up, deploy, find a user, down: again and again, and no process is left. For `make cycles-localstack`."""

import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import psutil
from mesh.process import wait_until

from tests.e2e.mesh_command import Mesh

SEARCHABLE_SECONDS = 60


def left(home: Path) -> list[psutil.Process]:
    """Return every process that has anything of the mesh in its environment: a function's has its folders."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and any(str(home) in value for value in process.environ().values()):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def cycle(home: Path) -> None:
    """Run one cycle; AssertionError if something is not as it should be."""
    mesh = Mesh(home, MESH_EMULATOR="localstack")
    try:
        mesh.run("up")
        with mesh.client("tenant-a") as client:
            client.create("ada@x.dev", "Ada", "bakes bread")
            assert wait_until(partial(client.finds, "bakes bread"), SEARCHABLE_SECONDS)
            assert [user["name"] for user in client.users()] == ["Ada"]
    finally:
        mesh.run("down")
    assert left(home) == []


def main() -> None:
    """Run as many cycles as the argument says."""
    cycles = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, cycles + 1):
            started = time.monotonic()
            cycle(Path(folder) / "mesh")
            seconds = time.monotonic() - started
            print(f"{number:2} up, deployed, found, down in {seconds:.0f} s, no process left", flush=True)  # noqa: T201
    print(f"{cycles} passed, 0 failed")  # noqa: T201


if __name__ == "__main__":
    main()
