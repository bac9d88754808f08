"""What each tenant has done, and how much it may still do."""

import re

from playwright.sync_api import expect

from tests.console.person import Person
from tests.e2e.mesh_command import Mesh

CALLS = 60  # more than other tests' tenants: twenty are named


def test_given_a_tenant_that_created_and_searched_when_listed_then_its_row_says_so(
    person: Person, mesh: Mesh, tenant: str
) -> None:
    with mesh.client(tenant) as client:
        for _ in range(CALLS):
            client.page(1)
    expect(person.create()).to_be_visible()
    person.search("weaver")
    expect(person.users()).to_have_count(1)
    person.go("Tenants")
    row = person.page.get_by_role("table", name="Tenants").get_by_role("row").filter(has_text=tenant)
    cells = row.get_by_role("cell")
    expect(cells.nth(1)).to_have_text("1")
    expect(cells.nth(2)).to_have_text("1")
    expect(cells.nth(3)).to_have_text(re.compile("[1-9]"))
    expect(cells.nth(6)).to_contain_text(re.compile(r"create user \d+/\d+"))

    row.get_by_role("link", name=tenant).click()
    expect(person.page.get_by_label("Tenant", exact=True)).to_have_value(tenant)
