"""The Chromium of this machine; as root on Debian, one that is installed for the lane."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from mesh.platforms import install_programs
from playwright.sync_api import Browser, sync_playwright

STRANGER = "stranger.test"  # a name that leads to this machine, as one does in an attack by DNS rebinding
_FLAGS = (
    "--no-sandbox",  # root cannot have it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {STRANGER} 127.0.0.1",
)


@contextmanager
def running() -> Iterator[Browser]:
    """Start Chromium with an empty profile; MeshError says what to install if there is none."""
    install_programs({"chromium": "chromium"})  # with a font, on which it depends
    with sync_playwright() as playwright:
        # The one that Playwright would download is not to be had everywhere.
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        yield browser
        browser.close()
