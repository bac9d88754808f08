"""One mesh, and a browser that opens its console as a person does.

What the browser shows at the end of each test is kept in .mesh/console.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from mesh import paths
from mesh.errors import MeshError
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.console import chromium
from tests.console.person import Person
from tests.e2e.mesh_command import Mesh

MILLISECONDS = 60_000  # the first embedding of a mesh waits for its model
SHOWN = paths.ROOT / ".mesh" / "console"
_BY_THE_NETWORK = "Failed to load resource"  # an answer that is an error: the page shows it

expect.set_options(timeout=MILLISECONDS)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with ExitStack() as stack:
        try:
            started = stack.enter_context(chromium.running())
        except MeshError as error:
            pytest.skip(str(error))
        yield started


@pytest.fixture(scope="session")
def mesh(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    mesh = Mesh(tmp_path_factory.mktemp("console") / "mesh")
    try:
        mesh.run("up")
        yield mesh
    finally:
        mesh.run("down")


@pytest.fixture(scope="session")
def address(mesh: Mesh) -> str:
    """Where the console is."""
    found: str = mesh.component("console")["address"]
    return found


NewPage = Callable[..., Page]


@pytest.fixture
def new_page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[NewPage]:
    """Open pages of browsers that know nothing yet; fail for what they complain of in their log."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def noted(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning") and not said.text.startswith(_BY_THE_NETWORK):
            complaints.append(said.text)

    def opened(**options: Any) -> Page:
        context = browser.new_context(base_url=address, **{"reduced_motion": "reduce", **options})
        context.set_default_timeout(MILLISECONDS)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", noted)
        return page

    yield opened
    for number, page in enumerate(page for context in contexts for page in context.pages):
        page.screenshot(path=_picture(request.node.name, number))
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A page on a wide screen that may use the clipboard."""
    return new_page(
        viewport={"width": 1280, "height": 900}, permissions=["clipboard-read", "clipboard-write"]
    )


@pytest.fixture
def tenant() -> str:
    """A tenant that nobody else uses."""
    return f"tenant-{uuid4().hex[:8]}"


@pytest.fixture
def person(page: Page, tenant: str) -> Person:
    """Somebody who has the console open, and has chosen the tenant."""
    somebody = Person(page)
    somebody.open()
    somebody.choose(tenant)
    return somebody


def _picture(test: str, number: int) -> Path:
    SHOWN.mkdir(parents=True, exist_ok=True)
    name = "".join(each if each.isalnum() else "-" for each in test.removeprefix("test_")).strip("-")
    return SHOWN / f"{name}{f'-{number}' if number else ''}.png"
