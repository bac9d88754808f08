"""The mesh's page, in a browser."""

import os
import sys
import webbrowser
from collections.abc import Callable
from contextlib import suppress

from mesh import components
from mesh.errors import MeshError
from mesh.state import State


def open_console(state: State, say: Callable[[str], None]) -> None:
    """Say where the page is, and open it, if there is a browser; MeshError if the mesh has no such page."""
    console = state.component(components.CONSOLE)
    if console is None:
        raise MeshError("This mesh is of an older version, and has no console. Bring it up to date: mesh up")
    say(console.address)
    if _has_windows():
        with suppress(webbrowser.Error, OSError):
            webbrowser.open(console.address)


def _has_windows() -> bool:
    """Whether a browser could show it: one of a terminal runs no scripts, and would take the terminal."""
    wanted = ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform != "linux" or any(os.environ.get(name) for name in wanted)
