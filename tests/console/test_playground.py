"""Users are created, found while one types, changed and erased; and what is wrong stands beside its field."""

import json
import re
import subprocess

from playwright.sync_api import Page, expect

from tests.console.person import ADA, Person
from tests.e2e.mesh_command import Mesh


def in_a_shell(line: str) -> str:
    return subprocess.run(line, shell=True, capture_output=True, text=True, check=True).stdout


def test_given_a_new_user_when_searched_letter_by_letter_then_it_is_found_and_one_sees_why(
    person: Person,
) -> None:
    expect(person.create()).to_contain_text("Created Ada Lovelace")
    person.search("someone who weaves")

    found = person.users().filter(has_text="Ada Lovelace")
    expect(found).to_contain_text(re.compile(r"score 0\.\d{3}"))
    expect(found).to_contain_text(re.compile(r"found by\s*profile"))
    expect(found).to_contain_text("topic:")
    expect(person.page.get_by_text(re.compile(r"^1 user found in \d+"))).to_be_visible()


def test_given_another_tenant_when_it_is_chosen_then_nobody_of_the_first_is_there(
    person: Person, tenant: str
) -> None:
    expect(person.create()).to_be_visible()
    expect(person.users()).to_have_count(1)
    person.choose(f"{tenant}-2")
    expect(person.users()).to_have_count(0)
    person.page.reload()
    expect(person.page.get_by_label("Tenant", exact=True)).to_have_value(f"{tenant}-2")


def test_given_a_user_when_changed_and_erased_then_search_says_so(person: Person) -> None:
    page = person.page
    expect(person.create()).to_be_visible()
    page.get_by_role("button", name="Change Ada Lovelace").click()
    form = page.get_by_role("form", name="Change Ada Lovelace")
    form.get_by_label("Name").fill("Ada King")
    form.get_by_label("Profile").fill("Breeds goats on an alp")
    form.get_by_role("button", name="Save").click()
    person.search("who breeds goats")
    expect(person.users()).to_contain_text(["Ada King"])

    page.get_by_role("button", name="Erase Ada King").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(person.users()).to_have_count(1)
    page.get_by_role("button", name="Erase Ada King").click()
    page.get_by_role("dialog").get_by_role("button", name="Erase").click()

    expect(page.get_by_text("Nobody found in")).to_be_visible()
    expect(person.users()).to_have_count(0)


def test_given_an_open_form_when_the_list_changes_then_what_was_typed_stays_until_it_is_closed(
    person: Person,
) -> None:
    page = person.page
    expect(person.create()).to_be_visible()
    page.get_by_role("button", name="Change Ada Lovelace").click()
    form = page.get_by_role("form", name="Change Ada Lovelace")
    form.get_by_label("Name").fill("Ada King")

    person.create(**{"E-mail": "gus@lovelace.dev", "Name": "Gus"})
    expect(page.get_by_text(re.compile("^Created Gus"))).to_be_visible()
    listed = page.get_by_role("region", name="Calls").get_by_role("listitem").first
    expect(listed).to_contain_text("GET /users")
    expect(form.get_by_label("Name")).to_have_value("Ada King")

    form.get_by_role("button", name="Cancel").click()
    expect(person.users()).to_have_count(2)


def test_given_what_the_api_refuses_when_sent_then_each_field_says_what_is_wrong(person: Person) -> None:
    person.create(**{"E-mail": "ada at lovelace", "Name": ""})
    email, name = (person.creating.get_by_label(label, exact=True) for label in ("E-mail", "Name"))
    for field, said in ((email, "address"), (name, "character")):
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile(said))
    expect(email).to_be_focused()

    expect(person.create()).to_be_visible()
    for field in (email, name):
        expect(field).to_have_attribute("aria-invalid", "false")
    person.create(Name="Another Ada")
    expect(person.creating.get_by_role("alert")).to_contain_text("409")


def test_given_the_line_of_a_call_when_pasted_into_a_shell_then_it_does_the_same(
    person: Person, mesh: Mesh, tenant: str
) -> None:
    page, profile = person.page, 'Says "it\'s $HOME" and `id` \\ twice; naïve 日本'
    expect(person.create(Profile=profile)).to_be_visible()
    page.get_by_role("button", name="Copy the curl line of POST /users/create").first.click()
    expect(page.get_by_text("Copied.", exact=True)).to_be_attached()
    again = page.evaluate("navigator.clipboard.readText()")
    assert again.startswith("curl ")
    assert json.loads(in_a_shell(again))["status"] == 409

    other = json.loads(in_a_shell(again.replace(ADA["E-mail"], "eve@x.dev")))
    assert (other["name"], other["profile"]) == (ADA["Name"], profile)
    with mesh.client(tenant) as client:
        assert sorted(user["email"] for user in client.users()) == [ADA["E-mail"], "eve@x.dev"]


def test_given_words_that_look_like_html_when_shown_then_they_are_words(person: Person) -> None:
    markup = "<img src=x onerror=document.title='owned'>"
    expect(person.create(Name=markup)).to_contain_text(f"Created {markup}")
    expect(person.users().get_by_role("heading")).to_contain_text([markup])
    assert person.page.title() == "Playground – Event Mesh"


def test_given_only_a_keyboard_when_used_then_a_user_is_created_found_and_erased(
    page: Page, tenant: str
) -> None:
    person = Person(page)
    page.goto("/")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Tenant", exact=True)).to_be_focused()
    for words in (tenant, *ADA.values()):
        page.keyboard.press("ControlOrMeta+A")
        page.keyboard.type(words)
        page.keyboard.press("Tab")
    expect(person.creating.get_by_role("button", name="Create")).to_be_focused()
    page.keyboard.press("Enter")
    expect(person.users()).to_contain_text([ADA["Name"]])

    erase = page.get_by_role("button", name="Erase Ada Lovelace")
    focused = "element => element === document.activeElement"
    presses = 0
    while not erase.evaluate(focused):
        page.keyboard.press("Tab")
        presses += 1
        assert presses < 40, "no way leads there"
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(dialog.get_by_role("button", name="Erase")).to_be_focused()
    page.keyboard.press("Enter")
    expect(person.users()).to_have_count(0)
