"""What a person does at the console: finds things by what they are called, as a screen reader says it."""

import re

from playwright.sync_api import Locator, Page, expect

ADA = {"E-mail": "ada@lovelace.dev", "Name": "Ada Lovelace", "Profile": "Weaves flowers into engines"}


class Person:
    """Somebody at a page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def open(self, view: str = "Playground") -> None:
        """Open the console, and go to a view when it is live."""
        self.page.goto("/")
        expect(self.page.get_by_text("live", exact=True)).to_be_visible()
        self.go(view)

    def go(self, view: str) -> None:
        """Go to a view by its link."""
        self.page.get_by_role("navigation").get_by_role("link", name=view).click()
        expect(self.page.get_by_role("heading", name=view, level=1)).to_be_visible()

    def choose(self, tenant: str) -> None:
        """Choose a tenant, and wait until its users are listed."""
        field = self.page.get_by_label("Tenant", exact=True)
        field.fill(tenant)
        field.press("Tab")
        expect(self.page.get_by_text("The tenant has no users yet")).to_be_visible()

    @property
    def creating(self) -> Locator:
        """The form in which users are created."""
        return self.page.get_by_role("form", name="Create a user")

    def create(self, **fields: str) -> Locator:
        """Fill in the form, Ada's unless given, and send it; return what it says then."""
        for label, value in {**ADA, **fields}.items():
            self.creating.get_by_label(label, exact=True).fill(value)
        self.creating.get_by_role("button", name="Create").click()
        return self.page.get_by_text(re.compile(r"^Created "))

    def search(self, words: str) -> None:
        """Type what is searched for, letter by letter."""
        self.page.get_by_role("searchbox", name="Search").press_sequentially(words, delay=20)

    def users(self) -> Locator:
        """Those who are listed, or found."""
        return self.page.get_by_role("region", name="Users").get_by_role("listitem")

    def open_trace(self) -> None:
        """Go from the call that created somebody to its trace."""
        calls = self.page.get_by_role("region", name="Calls").get_by_role("listitem")
        calls.filter(has_text="POST /users/create").first.get_by_role("link", name="trace").click()

    @property
    def searchable(self) -> Locator:
        """What the page says once the event that is followed has reached the index."""
        return self.page.get_by_text(re.compile(r"^Searchable [\d.]+ m?s after"))
