"""axe finds no serious violation in any view, in light and dark, on a wide screen and a narrow one."""

from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from kafka import KafkaProducer
from playwright.sync_api import Page, expect

from tests.console.person import Person
from tests.e2e.mesh_command import Mesh

WIDTHS = (1280, 380)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.fixture(params=SCHEMES)
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WIDTHS)
def somebody(new_page: Any, scheme: str, tenant: str, request: pytest.FixtureRequest) -> Person:
    """Somebody with that screen, who has created a user."""
    person = Person(new_page(viewport={"width": request.param, "height": 800}, color_scheme=scheme))
    person.open()
    person.choose(tenant)
    expect(person.create()).to_be_visible()
    expect(person.users()).to_have_count(1)
    return person


def looked_at(page: Page) -> None:
    """AssertionError for a serious violation, or if one must scroll sideways."""
    found = Axe().run(page).response["violations"]
    serious = [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
    assert serious == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_playground(somebody: Person) -> None:
    page = somebody.page
    somebody.search("who weaves")
    expect(somebody.users()).to_contain_text(["score"])
    somebody.create(**{"E-mail": "no address"})
    expect(somebody.creating.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
    looked_at(page)
    page.get_by_role("button", name="Change Ada Lovelace").click()
    expect(page.get_by_role("form", name="Change Ada Lovelace")).to_be_visible()
    looked_at(page)


def test_the_question_before_an_erasure(somebody: Person) -> None:
    somebody.page.get_by_role("button", name="Erase Ada Lovelace").click()
    expect(somebody.page.get_by_role("dialog")).to_be_visible()
    looked_at(somebody.page)


def test_pipeline(somebody: Person) -> None:
    page = somebody.page
    page.get_by_role("link", name="Follow the event to the index").click()
    expect(somebody.searchable).to_be_visible()
    page.get_by_text("The same as a table").click()
    looked_at(page)


def test_dead_letters(somebody: Person, mesh: Mesh, tenant: str) -> None:
    producer = KafkaProducer(**mesh.kafka())
    producer.send("user.events", b"not json", f"{tenant}:1".encode()).get(30)
    producer.close()
    page = somebody.page
    somebody.go("Dead letters")
    page.get_by_role("row").filter(has_text=tenant).get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", name="Record")).to_be_visible()
    looked_at(page)


def test_traces(somebody: Person) -> None:
    page = somebody.page
    somebody.open_trace()
    expect(page.get_by_role("table", name="Spans").get_by_text("upsert user_embeddings")).to_be_visible()
    looked_at(page)


def test_tenants(somebody: Person) -> None:
    somebody.go("Tenants")
    expect(somebody.page.get_by_role("table", name="Tenants").get_by_role("link").first).to_be_visible()
    looked_at(somebody.page)
