"""The server under test: the real process, on a free port, with a data folder of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from qdrant_client import QdrantClient

START_SECONDS = 60
PATIENCE_SECONDS = 60  # of a client: the machine may be busy, and some bodies have megabytes


@dataclass
class Server:
    """A running server process."""

    path: Path
    process: subprocess.Popen[bytes]
    url: str

    def client(self, **options: str) -> QdrantClient:
        # Left to itself, qdrant-client opens a connection per request to a local server, and compares
        # versions in a thread that may find the server stopped.
        return QdrantClient(
            url=self.url,
            limits=httpx.Limits(),
            check_compatibility=False,
            timeout=PATIENCE_SECONDS,
            **options,
        )

    def http(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=PATIENCE_SECONDS)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE_SECONDS)


def command(path: Path, port: int = 0) -> list[str]:
    return [sys.executable, "-m", "qdrant_edge_server", "--path", str(path), "--port", str(port)]


def start(path: Path, log: Path, **environment: str) -> Server:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("QDRANT")}
    with log.open("wb") as stderr:
        process = subprocess.Popen(command(path), stderr=stderr, env={**clean, **environment})
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        said = re.search(r"on (http://\S+)\n", log.read_text())
        if said and httpx.get(said[1] + "/readyz").status_code == 200:
            return Server(path, process, said[1])
        time.sleep(0.02)
    process.kill()
    process.wait()
    raise AssertionError(f"the server did not start: {log.read_text()}")


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start servers of a test's own, by default on the same data folder; stop what is left at the end."""
    started: list[Server] = []

    def start_another(path: Path = tmp_path / "data", **environment: str) -> Server:
        started.append(start(path, tmp_path / f"server-{len(started)}.log", **environment))
        return started[-1]

    yield start_another
    for server in started:
        server.process.kill()
        server.process.wait()


@pytest.fixture
def run_server(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a server that is expected to refuse to start."""

    def run(path: Path = tmp_path / "data", port: int = 0) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(path, port), capture_output=True, text=True, timeout=START_SECONDS, check=False
        )

    return run


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Share one server between the tests that do not stop it."""
    folder = tmp_path_factory.mktemp("qdrant")
    running = start(folder / "data", folder / "server.log")
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def qdrant(server: Server) -> Iterator[QdrantClient]:
    client = server.client()
    yield client
    client.close()


@pytest.fixture(scope="session", params=["edge server", "server at QDRANT_URL"])
def candidate(request: pytest.FixtureRequest) -> Iterator[QdrantClient]:
    if request.param == "edge server":
        yield request.getfixturevalue("qdrant")
        return
    url = os.environ.get("QDRANT_URL")
    if not url:
        pytest.skip("QDRANT_URL is not set: no other server to compare with")
    client = QdrantClient(url=url, api_key=os.environ.get("QDRANT_API_KEY"), timeout=PATIENCE_SECONDS)
    yield client
    client.close()


@pytest.fixture(scope="session")
def reference() -> QdrantClient:
    return QdrantClient(":memory:")
