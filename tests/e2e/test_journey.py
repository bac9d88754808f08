"""From create to searchable, over HTTP, and never across tenants."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from kafka import KafkaProducer
from mesh.clients.http_api import TenantClient
from mesh.process import wait_until
from users.events import user_created
from users.model import User

from tests.e2e.mesh_command import Mesh
from tests.people import somebody

SEARCHABLE_SECONDS = 60
NewTenant = Callable[[], TenantClient]


def becomes_searchable(client: TenantClient, profile: str) -> bool:
    return wait_until(partial(client.finds, profile), SEARCHABLE_SECONDS)


@contextmanager
def stopped(mesh: Mesh, component: str) -> Iterator[None]:
    """Freeze a component: it holds its port and answers nothing."""
    pid = mesh.component(component)["pid"]
    if pid is None:
        pytest.skip(f"this {component} is not the mesh's own, to be stopped")
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def produce(mesh: Mesh, *users: User) -> None:
    producer = KafkaProducer(**mesh.kafka())
    for user in users:
        record = user_created(user)
        producer.send("user.events", key=record.key, value=record.value, headers=record.headers)
    producer.flush()
    producer.close()


def given_user(tenant: str, profile: str, user_id: int = 123) -> User:
    return somebody(tenant, user_id, email="pat@x.dev", name="Pat", profile=profile)


def test_a_created_user_is_listed_and_found_by_meaning(tenant: NewTenant) -> None:
    client = tenant()
    created = client.create("ada@x.dev", "Ada", "Bakes sourdough bread every morning")
    client.create("tim@x.dev", "Tim", "Repairs motorcycles")

    assert [user["email"] for user in client.users()] == ["ada@x.dev", "tim@x.dev"]
    assert becomes_searchable(client, "Repairs motorcycles")
    assert becomes_searchable(client, "Bakes sourdough bread every morning")
    best = client.search("someone who makes loaves")[0]
    assert best["userId"] == created["id"]
    assert set(best) == {"userId", "email", "name", "profile", "score", "matched", "topics"}
    assert 0 < best["score"] <= 1


def test_the_location_of_a_user_is_an_address_of_this_api(tenant: NewTenant) -> None:
    client = tenant()

    created = client.http.post("/users/create", json={"email": "ada@x.dev", "name": "Ada"})
    location = created.url.join(created.headers["Location"])

    assert created.headers["Cache-Control"] == "no-store"
    assert str(location) == f"{str(client.http.base_url).rstrip('/')}/users/{created.json()['id']}"
    assert client.http.get(location).json() == created.json()


def test_tenants_with_the_same_people_see_only_their_own(tenant: NewTenant) -> None:
    clients = [tenant(), tenant()]
    for client in clients:
        client.create("same@x.dev", "Same Name", f"Works for {client.tenant}")
    for client in clients:
        assert becomes_searchable(client, f"Works for {client.tenant}")

    for client, other in (clients, reversed(clients)):
        found = client.search(f"Works for {other.tenant}", 50)
        assert [hit["profile"] for hit in found] == [f"Works for {client.tenant}"]
        assert [user["tenantId"] for user in client.users()] == [client.tenant]


def test_one_id_in_two_tenants_is_two_users(mesh: Mesh, tenant: NewTenant) -> None:
    first, second = tenant(), tenant()

    produce(mesh, given_user(first.tenant, "collects stamps"), given_user(second.tenant, "collects coins"))

    assert becomes_searchable(first, "collects stamps")
    assert becomes_searchable(second, "collects coins")
    assert len(first.search("Pat", 50)) == len(second.search("Pat", 50)) == 1


def test_an_event_that_comes_twice_is_one_result(mesh: Mesh, tenant: NewTenant) -> None:
    client = tenant()

    produce(mesh, *[given_user(client.tenant, "swims")] * 3, given_user(client.tenant, "dives", 124))

    assert becomes_searchable(client, "dives")
    assert sorted(hit["profile"] for hit in client.search("Pat", 50)) == ["dives", "swims"]


def test_a_poison_record_does_not_hold_up_the_good_ones(mesh: Mesh, tenant: NewTenant) -> None:
    client = tenant()
    producer = KafkaProducer(**mesh.kafka())
    for partition in range(6):
        producer.send("user.events", key=b"tenant-a:1", value=b"{not json", partition=partition).get(30)
    producer.close()

    client.create("after@x.dev", "After", "came after the poison")

    assert becomes_searchable(client, "came after the poison")
    assert wait_until(lambda: "dead letter sent" in mesh.run("logs", "enrich"), SEARCHABLE_SECONDS)


def test_nothing_is_lost_while_qdrant_does_not_answer(mesh: Mesh, tenant: NewTenant) -> None:
    client = tenant()
    client.create("warm@x.dev", "Warm", "is there before")
    assert becomes_searchable(client, "is there before")

    with stopped(mesh, "qdrant"):
        client.create("late@x.dev", "Late", "was created meanwhile")
        answer = client.http.get("/ai/users/search", params={"query": "anyone"})
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert wait_until(lambda: mesh.status()["mappings"][0]["retries"] > 0, SEARCHABLE_SECONDS)

    assert becomes_searchable(client, "was created meanwhile")


def test_without_kafka_users_are_created_and_searchable_once_it_is_back(
    mesh: Mesh, tenant: NewTenant
) -> None:
    client = tenant()
    client.create("warm@x.dev", "Warm")

    with stopped(mesh, "kafka"):
        for number in range(10):
            client.create(
                f"eve{number}@x.dev", f"Eve {number}", f"came while Kafka stood still, as number {number}"
            )
        waiting = mesh.status()["outbox"]

    assert waiting["size"] >= 10
    assert len(list(client.users())) == 11
    assert wait_until(lambda: len(client.search("Eve", 50)) == 11, SEARCHABLE_SECONDS)
    assert wait_until(lambda: mesh.status()["outbox"]["size"] == 0, SEARCHABLE_SECONDS)
    assert "outbox relayed" in mesh.run("logs", "relay_events")


def test_a_request_sent_again_with_its_key_is_one_user(tenant: NewTenant) -> None:
    client = tenant()
    user = {"email": "once@x.dev", "name": "Once", "profile": "wants to be created once"}
    key = {"Idempotency-Key": "7c1f4c0e"}

    answers = [client.http.post("/users/create", json=user, headers=key) for _ in range(3)]
    other = client.http.post("/users/create", json={**user, "name": "Twice"}, headers=key)

    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.text for answer in answers}) == 1
    assert other.status_code == 422
    assert len(list(client.users())) == 1


def test_every_tenant_is_told_what_is_left_of_its_own_rate(tenant: NewTenant) -> None:
    for client in (tenant(), tenant()):
        answer = client.http.get("/users", params={"cursor": "not ours"})
        assert answer.status_code == 400
        assert answer.headers["RateLimit-Policy"] == '"list_users";q=400;w=4'
        assert answer.headers["RateLimit"] == '"list_users";r=399;t=1'
