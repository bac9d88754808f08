"""The console of a real mesh: what a page creates through it, it sees go to the index."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import httpx
import pytest
from kafka import KafkaProducer
from mesh.process import wait_until

from tests.e2e.mesh_command import Mesh

_SECONDS = 60
CALLS = 25  # more than other tests' tenants make: twenty are named
WAY = ["functions", "table", "kafka", "poller", "enrich", "qdrant"]


@pytest.fixture
def page(mesh: Mesh) -> Iterator[httpx.Client]:
    """A page of the console, as a tenant that nobody else uses."""
    address = mesh.component("console")["address"]
    with httpx.Client(base_url=address, timeout=_SECONDS) as client:
        found = re.search(r'name="console-token" content="([^"]+)"', client.get("/").text)
        assert found
        client.headers.update({"X-Console-Token": found[1], "X-Tenant": f"tenant-{uuid4().hex[:12]}"})
        yield client


def events(page: httpx.Client) -> Iterator[tuple[str, Any]]:
    with page.stream("GET", "/api/stream") as answer:
        name = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def test_given_a_user_created_on_the_page_then_its_event_is_seen_at_every_station_until_it_is_found(
    page: httpx.Client, mesh: Mesh
) -> None:
    happened = events(page)
    name, state = next(happened)
    assert (name, state["tracing"]["state"], state["api"]) == ("state", "here", mesh.status()["api_url"])

    ada = {"email": "ada@lovelace.dev", "name": "Ada Lovelace", "profile": "weaves engines"}
    created = page.post("/api/mesh/users/create", json=ada)
    assert created.status_code == 201, created.text
    trace_id = created.headers["traceresponse"].split("-")[1]

    seen: list[str] = []
    for name, visits in happened:
        seen += [each["station"] for each in visits if trace_id in each["traces"]] if name == "visits" else []
        if "qdrant" in seen:
            break
    assert set(seen) == set(WAY)
    way = page.get(f"/api/way/{trace_id}").json()
    assert [step["station"] for step in way["steps"]] == WAY
    assert way["searchableAfter"] > 0

    found = page.get("/api/mesh/ai/users/search", params={"query": "somebody who weaves", "minScore": 0.2})
    assert [(hit["userId"], hit["matched"]) for hit in found.json()["results"]] == [
        (created.json()["id"], ["meaning", "profile"])
    ]


def test_given_a_tenant_that_calls_often_when_tenants_are_listed_then_it_has_its_users_and_what_it_may_do(
    page: httpx.Client,
) -> None:
    created = page.post("/api/mesh/users/create", json={"email": "ada@lovelace.dev", "name": "Ada"})
    assert created.status_code == 201, created.text
    for _ in range(CALLS):
        assert page.get("/api/mesh/users").status_code == 200

    def named() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = page.get("/api/tenants").json()["tenants"]
        own = [row for row in rows if row["tenant"] == page.headers["X-Tenant"]]
        return [row for row in own if row["users"] and row["counts"]["requests"]]

    assert wait_until(lambda: bool(named()), _SECONDS, interval=1), page.get("/api/tenants").text
    [row] = named()
    assert row["users"] == 1
    create = next(quota for quota in row["left"] if quota["group"] == "create_user")
    assert 0 < create["remaining"] <= create["burst"]


def test_given_a_dead_letter_when_replayed_on_the_page_then_it_comes_back_as_another(
    page: httpx.Client, mesh: Mesh
) -> None:
    key = f"{page.headers['X-Tenant']}:1"
    with closing(KafkaProducer(**mesh.kafka())) as producer:
        producer.send("user.events", b"\xff", key.encode(), [("ce_type", b"user.created")]).get(30)

    def letters() -> list[dict[str, Any]]:
        return [each for each in page.get("/api/letters").json()["letters"] if each["key"] == key]

    assert wait_until(lambda: len(letters()) == 1, _SECONDS, interval=0.5)
    [letter] = letters()
    assert letter["value"] == "\\xff"
    assert ["ce_type", "user.created"] in letter["headers"]
    assert letter["reason"]
    replayed = page.post("/api/letters/replay", json={"places": [letter["place"]]})
    assert replayed.json() == {"replayed": 1}, replayed.text
    assert wait_until(lambda: len(letters()) == 2, _SECONDS, interval=0.5)
    nowhere = page.post("/api/letters/replay", json={"places": ["0:999999"]})
    assert (nowhere.status_code, "no dead letter" in nowhere.json()["message"]) == (503, True)
