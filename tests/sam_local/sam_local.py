"""Running the functions by SAM CLI: in containers of a Docker engine, on the stores of a mesh."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from mesh import paths, process
from mesh.clients.aws import CREDENTIALS
from mesh.deployment import build

from tests.e2e.mesh_command import Mesh

READY_SECONDS = 120


class SamLocal:
    """`sam local` and what invokes its functions, as docs/sam.md says to run them."""

    def __init__(self, mesh: Mesh, client: Mapping[str, str]) -> None:
        """Take a mesh that listens where containers get to, and the variables that name the engine."""
        self.mesh = mesh
        self.config = mesh.run("sam").strip()
        temporary = mesh.home / "sam" / "tmp"
        temporary.mkdir()
        self.environment = {
            **os.environ,
            **client,
            **CREDENTIALS,
            "SAM_CLI_TELEMETRY": "0",
            "TMPDIR": str(temporary),  # a build that was interrupted leaves its lock there, for 5 minutes
            "__SAM_CLI_APP_DIR": str(paths.CACHE / "sam"),
        }

    def invoke(self, function: str, event: Path) -> Any:
        """Return what a function answers to the event in the file."""
        done = subprocess.run(
            self._sam_local("invoke", function, "--event", str(event)),
            cwd=paths.ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def serving(self, what: str) -> Iterator[str]:
        """Yield the URL of `sam local <what>`; its log has those of its functions."""
        port = process.free_port()
        command = self._sam_local(what, "--port", str(port))
        with self._running(what, command, lambda: "Press CTRL+C" in self.log(what).read_text()):
            yield f"http://127.0.0.1:{port}"

    @contextmanager
    def polling(self, lambda_url: str) -> Iterator[str]:
        """Run the poller, where `mesh status` asks the one of the mesh; yield the URL of its health."""
        health = self.mesh.component("poller")["address"]
        status = self.mesh.status()
        command = [
            *("kafka-esm", "run", "--template", "template.yaml", "--endpoint-url", lambda_url),
            *("--parameter", f"KafkaBootstrapServers={status['kafka_bootstrap_servers']}"),
            *("--parameter", "ConsumerGroupId=event-mesh.sam"),
            *("--health-port", health.rpartition(":")[2], "--max-concurrency", "1"),
        ]
        command[0] = str(Path(sys.executable).with_name(command[0]))
        with self._running("kafka-esm", command, lambda: _is_well(f"{health}/healthz")):
            yield health

    @contextmanager
    def scheduling(self, lambda_url: str) -> Iterator[None]:
        """Invoke relay_events every few seconds."""
        options = ["--endpoint-url", lambda_url, "--every", "5", "RelayEventsFunction"]
        with self._running("schedule", [sys.executable, "-m", "mesh.schedule", *options], lambda: True):
            yield

    def log(self, what: str) -> Path:
        """Return the log of a command that is, or was, running."""
        return self.mesh.home / "logs" / f"sam-{what}.log"

    def _sam_local(self, what: str, *arguments: str) -> list[str]:
        sam = build.ensure_environment("sam") / "sam"
        return [str(sam), "local", what, *arguments, "--config-file", self.config]

    @contextmanager
    def _running(self, name: str, command: Sequence[str], ready: Callable[[], bool]) -> Iterator[None]:
        log = self.log(name)
        running = process.start(command, self.environment, log)
        try:
            assert process.wait_until(lambda: ready() or not process.is_running(running), READY_SECONDS), (
                process.tail(log)
            )
            assert process.is_running(running), process.tail(log)
            yield
        finally:
            process.stop(running, 60)  # sam first removes its containers


def _is_well(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.HTTPError:
        return False


class SamMesh(Mesh):
    """A mesh whose API is `sam local start-api`, and whose functions' logs are SAM CLI's."""

    def __init__(self, embedded: Mesh, sam: SamLocal, api_url: str) -> None:
        super().__init__(embedded.home)
        self.environment = embedded.environment
        self._sam = sam
        self._api_url = api_url

    def status(self) -> dict[str, Any]:
        return {**super().status(), "api_url": self._api_url}

    def run(self, *arguments: str, code: int | None = 0) -> str:
        if arguments[0] == "logs":
            return self._sam.log("start-lambda").read_text()
        return super().run(*arguments, code=code)
