"""Pictures of the console, as docs/observability.md and the README show them.

CONSOLE_PICTURES=docs/images make test-console draws them there.
"""

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest
from mesh.clients.http_api import TenantClient
from PIL import Image
from playwright.sync_api import Page, expect

from tests.console.conftest import SHOWN
from tests.console.person import Person
from tests.e2e.mesh_command import Mesh

FOLDER = Path(os.environ.get("CONSOLE_PICTURES", SHOWN))
MOST_BYTES = 150_000
COLOURS = 128
PEOPLE = (
    ("Ada Lovelace", "Weaves flowers into engines"),
    ("Amadou Diop", "Bakes sourdough bread every morning"),
    ("Ines Sousa", "Bakes rye bread and cakes by the harbour"),
    ("Kenji Mori", "Repairs old sailing boats"),
    ("Lena Vogel", "Teaches chess to children"),
)


@pytest.fixture
def bakery(mesh: Mesh) -> Iterator[TenantClient]:
    """The client of a tenant with a few people."""
    with mesh.client("bakery") as client:
        for name, profile in PEOPLE:
            client.create(f"{name.split()[0].lower()}@bakery.dev", name, profile)
        yield client
        for user in list(client.users()):
            client.erase(user["id"])


@pytest.fixture
def _busy(mesh: Mesh) -> Iterator[None]:
    """Users come all the time."""
    enough = Event()

    def create() -> None:
        with mesh.client("busy") as client:
            while not enough.wait(0.2):
                client.create(f"{uuid4().hex}@busy.dev", "U")

    creating = Thread(target=create)
    creating.start()
    yield
    enough.set()
    creating.join()


def keep(page: Page, name: str) -> None:
    """Keep what is in sight, in so few colours that a repository can hold it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    seen = Image.open(BytesIO(page.screenshot(animations="disabled")))
    seen.convert("RGB").quantize(COLOURS).save(FOLDER / name, optimize=True)
    assert (FOLDER / name).stat().st_size < MOST_BYTES


def test_playground(new_page: Any, bakery: TenantClient) -> None:
    page = new_page(viewport={"width": 1100, "height": 760})
    person = Person(page)
    page.add_init_script("localStorage.setItem('event-mesh.tenant', 'bakery')")
    person.open()
    person.search("someone who bakes bread")
    expect(person.users().first).to_contain_text("score")
    expect(person.users()).to_have_count(2)
    keep(page, "console-playground.png")


@pytest.mark.parametrize(
    ("name", "width", "height", "scheme"),
    [("", 1100, 830, "light"), ("-dark", 1100, 830, "dark"), ("-narrow", 380, 900, "light")],
)
@pytest.mark.usefixtures("_busy")
def test_pipeline(
    new_page: Any, bakery: TenantClient, name: str, width: int, height: int, scheme: str
) -> None:
    page = new_page(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="no-preference"
    )
    page.add_init_script("localStorage.setItem('event-mesh.tenant', 'bakery')")
    person = Person(page)
    person.open("Pipeline")
    page.get_by_role("button", name="Create a user and follow it").click()
    expect(person.searchable).to_be_visible()
    expect(page.locator(".station").filter(has_text="Qdrant").locator(".figure")).not_to_have_text("0.0/s")
    page.evaluate("scrollTo(0, 0)")
    keep(page, f"console-pipeline{name}.png")


def test_trace(new_page: Any, bakery: TenantClient) -> None:
    page = new_page(viewport={"width": 1100, "height": 700})
    page.add_init_script("localStorage.setItem('event-mesh.tenant', 'bakery')")
    person = Person(page)
    person.open("Pipeline")
    page.get_by_role("button", name="Create a user and follow it").click()
    expect(person.searchable).to_be_visible()
    page.get_by_role("link", name="All of its spans").click()
    expect(page.get_by_role("table", name="Spans")).to_contain_text("upsert user_embeddings")
    keep(page, "console-trace.png")
