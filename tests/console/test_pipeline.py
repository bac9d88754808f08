"""A created user is followed through the mesh, station by station; its trace is a waterfall."""

import re

from playwright.sync_api import expect

from tests.console.person import Person
from tests.e2e.mesh_command import Mesh

STATIONS = {"Functions", "DynamoDB", "Kafka", "Poller", "Enrich", "Qdrant"}


def test_given_a_created_user_when_followed_then_each_station_has_its_milliseconds(person: Person) -> None:
    page = person.page
    expect(person.create()).to_be_visible()
    page.get_by_role("link", name="Follow the event to the index").click()

    expect(person.searchable).to_be_visible()
    steps = page.get_by_role("region", name="Follow one event").get_by_role("listitem")
    expect(steps).to_have_count(len(STATIONS))
    shown = steps.all_inner_texts()
    assert {each.split()[0] for each in shown} == STATIONS
    assert all(re.search(r"at [\d.]+ m?s\s+for [\d.]+ m?s", each) for each in shown)


def test_given_creates_when_watched_then_stations_count_them(person: Person, mesh: Mesh, tenant: str) -> None:
    page = person.page
    person.go("Pipeline")
    with mesh.client(tenant) as client:
        for number in range(3):
            client.create(f"u{number}@x.dev", "U")
    page.get_by_text("The same as a table").click()
    table = page.get_by_role("table", name="Stations")
    for station in ("Functions", "DynamoDB", "Kafka", "Poller", "Enrich", "Qdrant"):
        row = table.get_by_role("row").filter(has=page.get_by_role("cell", name=station, exact=True))
        last_minute, failed = row.get_by_role("cell").nth(2), row.get_by_role("cell").nth(3)
        expect(last_minute).to_have_text(re.compile(r"[1-9]\d*"))
        expect(failed).to_have_text("0")


def test_given_a_trace_when_opened_then_its_spans_stand_below_each_other(person: Person) -> None:
    page = person.page
    expect(person.create()).to_be_visible()
    person.open_trace()
    spans = page.get_by_role("table", name="Spans")
    for name in ("POST /users/create", "create user.events", "process user.events", "upsert user_embeddings"):
        expect(spans.get_by_text(name, exact=True)).to_be_visible()
    spans.get_by_text("POST /users/create", exact=True).click()
    expect(spans.get_by_text("http.route")).to_be_visible()

    page.get_by_role("searchbox", name="Filter by name").fill("users/create")
    listed = page.get_by_role("table", name="Traces").get_by_role("row")
    expect(listed.filter(has_text="POST /users/create").first).to_be_visible()
    expect(listed.filter(has_text="GET /users")).to_have_count(0)
