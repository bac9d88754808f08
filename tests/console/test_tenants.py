"""What each tenant has done, and how much it may still do."""

import re

from playwright.sync_api import expect

from tests.console.person import Person
from tests.e2e.mesh_command import Mesh

CALLS = 10  # more than other tests' tenants: twenty are named


def test_given_a_tenant_that_created_and_searched_when_listed_then_its_row_says_so(
    person: Person, mesh: Mesh, tenant: str
) -> None:
    with mesh.client(tenant) as client:
        for number in range(CALLS):
            client.create(f"u{number}@x.dev", "U")
            client.search("anybody")
    expect(person.create()).to_be_visible()
    person.go("Tenants")
    row = person.page.get_by_role("table", name="Tenants").get_by_role("row").filter(has_text=tenant)
    cells = row.get_by_role("cell")
    for cell, count in ((1, CALLS + 1), (2, CALLS + 1), (3, CALLS)):  # searchable, created, searches
        expect(cells.nth(cell)).to_have_text(str(count))
    expect(cells.nth(6)).to_contain_text(re.compile(r"create user \d+/\d+"))

    row.get_by_role("link", name=tenant).click()
    expect(person.page.get_by_label("Tenant", exact=True)).to_have_value(tenant)
