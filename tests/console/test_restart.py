"""The console dies and comes back, and a page that was open goes on."""

import os
import signal

from playwright.sync_api import expect

from tests.console.person import Person
from tests.e2e.mesh_command import Mesh


def test_given_an_open_page_when_the_console_dies_and_comes_back_then_it_says_so_and_goes_on(
    person: Person, mesh: Mesh, address: str
) -> None:
    page = person.page
    os.kill(mesh.component("console")["pid"], signal.SIGKILL)
    expect(page.get_by_text("connection lost")).to_be_visible()
    person.create()
    expect(person.creating.get_by_role("alert")).to_contain_text("The console does not answer")

    mesh.run("up")
    assert mesh.component("console")["address"] == address
    page.get_by_role("button", name="Reload").click()

    expect(page.get_by_text("live", exact=True)).to_be_visible()
    expect(person.create()).to_be_visible()
    page.get_by_role("link", name="Follow the event to the index").click()
    expect(person.searchable).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Pipeline", level=1)).to_be_visible()
    expect(person.searchable).to_be_visible()
