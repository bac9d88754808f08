"""Doing harm to a mesh, and making it good."""

from threading import Event

import psutil
from mesh.process import is_running, wait_until

from tests.e2e.mesh_command import Mesh

AWAIT_SECONDS = 60


def last(seconds: float) -> None:
    """Let a fault last."""
    Event().wait(seconds)


def process(mesh: Mesh, component: str) -> psutil.Process:
    """Return a component's process."""
    return psutil.Process(mesh.component(component)["pid"])


def kill(mesh: Mesh, component: str) -> None:
    """Kill a component, and wait until it is gone."""
    victim = process(mesh, component)
    victim.kill()
    assert wait_until(lambda: not is_running(victim), AWAIT_SECONDS)


def start_again(mesh: Mesh) -> None:
    """Start what crashed where it was."""
    assert "Starting anew" not in mesh.run("up")
