"""People are found as strangers look for them, over HTTP."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from mesh.clients.http_api import TenantClient
from mesh.process import wait_until

NewTenant = Callable[[], TenantClient]

LATE = (
    "Organises shipments of flowers and negotiates with airlines. Keeps the cold chain with a team of nine. "
    "Introduced a scheduling board that halved the waiting times of trucks. Runs half marathons. "
    "Rents a small house at the sea every summer with her sister, and reads novels on the beach there. "
    "Speaks Dutch, French and some Swahili, and learns Portuguese in the evenings, at a school in town. "
    "For ten years she has kept a terrarium, in which she breeds poison dart frogs."
)
PEOPLE = [
    ("Magdalena Zieliński", "magda@northwind.dev", "Restores stained glass in churches"),
    ("Seán O'Connor", "sean@northwind.dev", "Coaches youth rowing"),
    ("Ilse Peeters", "ilse@freight.dev", LATE),
    ("Oskar Brandt", "oskar@parts.dev", "Stocks bearings RX-7800 and writes C++"),
    ("山田 太郎", "yamada@sakura.dev", "東京で寿司職人をしています"),
    ("Владимир Петров", "petrov@stars.dev", "Изучает двойные звёзды"),
    *((f"Person {number}", f"p{number}@x.dev", "Works in an office") for number in range(30)),
]


@pytest.fixture(scope="module")
def client(api_url: str, mesh: Any) -> Any:
    """A client of a tenant with these people."""
    with TenantClient(api_url, "tenant-search", mesh.authorization("tenant-search")) as client:
        for name, email, profile in PEOPLE:
            client.create(email, name, profile)
        for _, _, profile in PEOPLE:
            assert wait_until(partial(client.finds, profile), 60)
        yield client


def ask(client: TenantClient, query: str, **more: str) -> dict[str, Any]:
    answer = client.http.get("/ai/users/search", params={"query": query, **more}).raise_for_status()
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("Zielinski", "Magdalena Zieliński"),
        ("zielinsky", "Magdalena Zieliński"),
        ("magdal", "Magdalena Zieliński"),
        ("magda@northwind", "Magdalena Zieliński"),
        ("oconnor", "Seán O'Connor"),
        ("o’connor sean", "Seán O'Connor"),
        ("rx7800", "Oskar Brandt"),
        ("C++", "Oskar Brandt"),
        ("山田", "山田 太郎"),
        ("寿司", "山田 太郎"),
        ("владимир", "Владимир Петров"),
        ("who keeps amphibians at home", "Ilse Peeters"),
        ("someone who trains young rowers", "Seán O'Connor"),
    ],
)
def test_somebody_is_found_as_people_type(client: TenantClient, query: str, name: str) -> None:
    assert ask(client, query)["results"][0]["name"] == name


def test_modes_and_thresholds_leave_out_what_they_say(client: TenantClient) -> None:
    [by_words] = ask(client, "zielinski", mode="words")["results"]
    assert (by_words["name"], by_words["score"], by_words["matched"]) == (
        "Magdalena Zieliński",
        None,
        ["name"],
    )
    assert [hit["matched"] for hit in ask(client, "zielinski", mode="meaning", limit="2")["results"]] == [
        ["meaning"],
        ["meaning"],
    ]
    assert ask(client, "xqzvb plork", minScore="0.33")["results"] == []
    assert ask(client, "zielinski", minScore="1")["results"][0]["name"] == "Magdalena Zieliński"
    assert ask(client, "zielinski", topic="no such topic")["results"] == []


def test_pages_follow_each_other_to_the_end(client: TenantClient) -> None:
    seen: list[int] = []
    more: dict[str, str] = {}
    while True:
        page = ask(client, "office", limit="8", **more)
        seen += [hit["userId"] for hit in page["results"]]
        if page["nextCursor"] is None:
            break
        more = {"cursor": page["nextCursor"]}
    assert len(set(seen)) == len(seen) == len(PEOPLE)
    answer = client.http.get("/ai/users/search", params={"query": "another", **more})
    assert answer.status_code == 400
    assert "not of this search" in answer.json()["detail"]
