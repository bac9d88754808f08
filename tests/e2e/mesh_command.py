"""Running the `mesh` command as a user would, on a mesh of the test's own."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from mesh.clients.http_api import TenantClient
from mesh.deployment import template_parameters
from mesh.kafka import kafka_access
from mesh.state import State

MESH = Path(sys.executable).with_name("mesh")


class Mesh:
    """A mesh whose state lies in `home`, apart from the one of the checkout."""

    def __init__(self, home: Path, command: Sequence[str] = (str(MESH),), **environment: str) -> None:
        self.home = home
        self.command = command
        self.environment = {**os.environ, "MESH_HOME": str(home), **environment}

    def run(self, *arguments: str, code: int | None = 0) -> str:
        """Run a command to its end and return what it printed; AssertionError for another exit code."""
        done = subprocess.run(
            [*self.command, *arguments], env=self.environment, capture_output=True, text=True, check=False
        )
        output = done.stdout + done.stderr
        assert code is None or done.returncode == code, output
        return output

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [*self.command, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def status(self) -> dict[str, Any]:
        """Return `mesh status --json`."""
        report: dict[str, Any] = json.loads(self.run("status", "--json", code=None))
        return report

    def kafka(self) -> dict[str, Any]:
        """Return kafka-python's options for the brokers."""
        return kafka_access.options(self.state())

    def state(self) -> State:
        """Return what the mesh knows of itself, its components left out: no command has to be run for it."""
        saved = json.loads((self.home / "state.json").read_text())
        return State(**{**saved, "components": []})

    def authorization(self, tenant: str, user: str = "client") -> str:
        """Return the Authorization header of a user, in the mode that the mesh runs in."""
        if template_parameters.given(self.state())["AuthMode"] == "jwt":
            return "Bearer " + self.run("token", "--tenant", tenant, "--user", user).strip()
        return f"Bearer {tenant}:{user}"

    def client(self, tenant: str) -> TenantClient:
        """Return a client of the mesh, which must be up."""
        return TenantClient(self.status()["api_url"], tenant, self.authorization(tenant))

    def component(self, name: str) -> dict[str, Any]:
        """Return a component's row of the status."""
        return next(each for each in self.status()["components"] if each["name"] == name)

    def processes(self) -> list[psutil.Process]:
        """Return every process of the mesh that lives, the functions' workers among them."""
        saved = self.home / "state.json"
        components = json.loads(saved.read_text())["components"] if saved.exists() else []
        found = []
        for pid in (each["pid"] for each in components if each["pid"]):
            if psutil.pid_exists(pid):
                process = psutil.Process(pid)
                found += [process, *process.children(recursive=True)]
        return found
