"""Running the functions by SAM CLI: in containers of a Docker engine, on the stores of a mesh."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mesh import build, paths, process

from tests.e2e.mesh_command import Mesh

READY_SECONDS = 120


class SamLocal:
    """`sam local`, as docs/sam.md says to use it."""

    def __init__(self, mesh: Mesh, client: Mapping[str, str]) -> None:
        """Take a mesh that listens where containers get to, and the variables that name the engine."""
        self.config = mesh.run("sam").strip()
        self.logs = mesh.home / "logs"
        self.environment = {
            **os.environ,
            **client,
            "SAM_CLI_TELEMETRY": "0",
            "__SAM_CLI_APP_DIR": str(paths.CACHE / "sam"),
        }

    def invoke(self, function: str, event: Path) -> Any:
        """Return what a function answers to the event in the file."""
        done = subprocess.run(
            self._command("invoke", function, "--event", str(event)),
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
        """Yield the URL of `sam local start-…`; its log and that of its functions is `sam-<what>.log`."""
        port = process.free_port()
        log = self.log(what)
        running = process.start(self._command(what, "--port", str(port)), self.environment, log)
        try:
            started = process.wait_until(
                lambda: "Press CTRL+C" in process.tail(log, 100) or not process.is_running(running),
                READY_SECONDS,
            )
            assert started, process.tail(log)
            assert process.is_running(running), process.tail(log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.stop(running, 60)  # it first removes its containers

    def log(self, what: str) -> Path:
        return self.logs / f"sam-{what}.log"

    def _command(self, what: str, *arguments: str) -> list[str]:
        sam = build.ensure_environment("sam") / "sam"
        return [str(sam), "local", what, *arguments, "--config-file", self.config]
