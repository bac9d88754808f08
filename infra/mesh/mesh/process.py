"""Starting, watching and stopping one background process."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from mesh import paths
from mesh.errors import MeshError

POLL_SECONDS = 0.05
_KILLED_SECONDS = 5.0  # no time at all, unless the machine is busy
MARK = "MESH_HOME"  # in the environment of every process of a mesh, those that they start included


def free_port() -> int:
    """Return a TCP port on the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def claim_port(port: int | None, option: str) -> int:
    """Return `port`, or a free one for None; MeshError if somebody listens on it."""
    if port is None:
        return free_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise MeshError(
                f"Port {port} is in use. Give {option} another one, or leave it out for a free one."
            ) from error
    return port


def takes_connections(address: str) -> bool:
    """Return whether somebody listens at host:port, or at one of several, comma-separated."""
    for server in address.split(","):
        host, _, port = server.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=2).close()
        except (OSError, ValueError):
            continue
        return True
    return False


def wait_until(condition: Callable[[], bool], timeout: float, interval: float = POLL_SECONDS) -> bool:
    """Return whether `condition` came true within `timeout` seconds, asking every `interval` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True


def start(command: Sequence[str], environment: Mapping[str, str], log: Path) -> psutil.Process:
    """Start `command` in a session of its own, marked as this mesh's, writing to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**environment, MARK: str(paths.HOME)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started = psutil.Process(process.pid)
    # Linux has a moment, late in exec, when a process has no environment: find() would not know it as ours.
    wait_until(lambda: _is_ours(started) or not is_running(started), 5, interval=0.001)
    return started


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait until the block is through: what it starts must be known, to be stopped."""
    came: list[tuple[int, Any]] = []
    handlers: dict[int, Any] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        handlers[number] = signal.signal(number, lambda *call: came.append(call))
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
        if came:
            signal.raise_signal(came[0][0])


def find(pid: int) -> psutil.Process | None:
    """Return the process with the pid if it runs and is of this mesh: a pid may be somebody else's by now."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if is_running(process) and _is_ours(process):
            return process
    return None


def _is_ours(process: psutil.Process) -> bool:
    """Whether the process was started by this mesh, by the mark in its environment."""
    with contextlib.suppress(psutil.Error, OSError):
        return process.environ().get(MARK) == str(paths.HOME)
    return False


def is_running(process: psutil.Process) -> bool:
    """Return whether the process runs; a zombie does not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def stop(process: psutil.Process, patience: float) -> None:
    """Ask the process to end, and after `patience` seconds make it; its children end with it."""
    family = [process]
    with contextlib.suppress(psutil.NoSuchProcess):
        family += process.children(recursive=True)
        process.terminate()
    wait_until(lambda: not is_running(process), patience)
    _end(process, family)


def kill(process: psutil.Process) -> None:
    """End the process and its children at once."""
    family = [process]
    with contextlib.suppress(psutil.NoSuchProcess):
        process.suspend()  # or it might start another child meanwhile
        family += process.children(recursive=True)
    _end(process, family)


def kill_session(leader: int) -> None:
    """Kill what is left of the session that the process `leader` of this mesh led."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError, PermissionError):
            if os.getsid(process.pid) == leader and _is_ours(process):
                process.kill()


def _end(process: psutil.Process, family: Iterable[psutil.Process]) -> None:
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    kill_session(process.pid)  # children that were started meanwhile
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, 0)  # if it is our own child, leave no zombie
    wait_until(lambda: not any(map(is_running, family)), _KILLED_SECONDS)


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) or "(the log is empty)"
