"""Where a person's bytes are, and that an erasure takes them away, on Apache Kafka, which compacts.

Everything that a mesh keeps is searched: the items of its table, and each file that it has on disk.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from kafka import KafkaProducer
from mesh.clients import aws
from mesh.deployment import deploy
from mesh.process import wait_until
from qdrant_client import QdrantClient

from tests.e2e.mesh_command import Mesh
from tests.e2e.test_dead_letters import created
from tests.faults.harm import AWAIT_SECONDS, kill
from tests.poison import KINDS

pytestmark = pytest.mark.timeout(600)

TOPIC, DEAD_LETTERS, COLLECTION = "user.events", "user.events.dlq", "user_embeddings"
SHORT = ("UserEventsMaxCompactionLagMs=1000", "DeadLetterRetentionMs=1000")
GONE_SECONDS = (
    240  # the cleaner looks every 15 s, retention 30 s after a start; deleted files stay for a minute
)
HOUR = {"time": "2026-01-01T00:00:00Z"}
STAYS = "stays and keeps bees"


def word() -> str:
    return f"canary{uuid4().hex}"


@dataclass(frozen=True)
class Person:
    """Somebody whose every word is found nowhere else."""

    email: str = field(default_factory=lambda: f"{word()}@x.dev")
    name: str = field(default_factory=word)
    profile: str = field(default_factory=word)
    changed_email: str = field(default_factory=lambda: f"{word()}@x.dev")
    changed_name: str = field(default_factory=word)
    changed_profile: str = field(default_factory=word)
    letter: str = field(default_factory=word)  # the profile of an event that nobody can read

    @property
    def created(self) -> tuple[str, ...]:
        return self.email, self.name, self.profile

    @property
    def changed(self) -> tuple[str, ...]:
        return self.changed_email, self.changed_name, self.changed_profile

    @property
    def canaries(self) -> tuple[str, ...]:
        return *self.created, *self.changed, self.letter


def items(mesh: Mesh) -> bytes:
    """Return every item of the table."""
    state = mesh.state()
    pages = (
        aws.client("dynamodb", state.aws_endpoint_url)
        .get_paginator("scan")
        .paginate(TableName=state.users_table)
    )
    return json.dumps([item for page in pages for item in page["Items"]], default=str).encode()


def points(mesh: Mesh) -> bytes:
    """Return the payload of every point of the index."""
    with closing(QdrantClient(url=mesh.state().qdrant_url, check_compatibility=False)) as client:
        records, _ = client.scroll(COLLECTION, limit=100_000)
    return json.dumps([record.payload for record in records]).encode()


def place_of(home: Path, file: Path) -> str:
    """Return what keeps a file of the mesh."""
    parts = file.relative_to(home).parts
    if parts[:2] == ("data", "kafka"):
        log = next((part for part in parts if part.startswith(TOPIC)), "broker")
        return "dead letters" if log.startswith(DEAD_LETTERS) else log.partition("-")[0]
    return "index files" if parts[:2] == ("data", "qdrant") else parts[0]


def files(home: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the contents of every file of the mesh; one that goes meanwhile holds nothing."""
    for folder, _, names in os.walk(home):  # which passes over a folder that goes meanwhile
        for file in (Path(folder, name) for name in names):
            if file.is_file() and not file.is_symlink():
                with suppress(FileNotFoundError):
                    yield place_of(home, file), file.read_bytes()


def places(mesh: Mesh, canaries: tuple[str, ...]) -> dict[str, set[str]]:
    """Return which of the canaries are where."""
    found: dict[str, set[str]] = {}
    for place, content in [("table", items(mesh)), ("index", points(mesh)), *files(mesh.home)]:
        if here := {canary for canary in canaries if canary.encode() in content}:
            found.setdefault(place, set()).update(here)
    return found


def send_what_nobody_can_read(mesh: Mesh, tenant: str, user_id: int, profile: str) -> None:
    """Have an event of a user among the dead letters."""
    record = KINDS["a value that is cut"].spoil(created(tenant, user_id, profile))
    with closing(KafkaProducer(**mesh.kafka())) as producer:
        producer.send(TOPIC, record.value, record.key, record.headers).get(30)  # where the user's events are


def emptied(mesh: Mesh, wanted: Callable[[dict[str, set[str]]], bool], person: Person) -> bool:
    """Whether what is left is as wanted, when nobody writes but relay_events, as it does every hour."""
    state = mesh.state()
    relay = deploy.function_name(state.aws_endpoint_url, "RelayEventsFunction")
    assert "FunctionError" not in aws.invoke(state.aws_endpoint_url, relay, json.dumps(HOUR))
    return wanted(places(mesh, person.canaries))


def test_an_erased_person_leaves_every_place(mesh: Mesh) -> None:
    person, tenant = Person(), f"canary-{uuid4().hex[:8]}"
    with mesh.client(tenant) as client:
        client.create("stays@x.dev", "Bea", STAYS)
        answer = client.http.post(
            "/users/create",
            json={"email": person.email, "name": person.name, "profile": person.profile},
            headers={"Idempotency-Key": uuid4().hex},
        )
        user_id = answer.raise_for_status().json()["id"]
        assert wait_until(lambda: client.finds(person.profile), AWAIT_SECONDS)
        send_what_nobody_can_read(mesh, tenant, user_id, person.letter)
        assert wait_until(
            lambda: person.letter in places(mesh, person.canaries).get("dead letters", ()), AWAIT_SECONDS
        )
        patch = {
            "email": person.changed_email,
            "name": person.changed_name,
            "profile": person.changed_profile,
        }
        client.http.patch(f"/users/{user_id}", json=patch).raise_for_status()
        assert wait_until(lambda: client.finds(person.changed_profile), AWAIT_SECONDS)

        before = places(mesh, person.canaries)
        assert before["table"] >= set(person.changed)
        assert before["index"] == set(person.changed)
        assert before[TOPIC] == set(person.canaries)
        assert before["index files"] >= set(person.changed)
        assert "logs" not in before

        client.http.delete(f"/users/{user_id}").raise_for_status()
        assert wait_until(lambda: not client.finds(person.changed_profile), AWAIT_SECONDS)

    # The bounds are days: they are shortened, and the broker starts again, which is when it looks at them.
    kill(mesh, "kafka")
    mesh.run("up", *(option for each in SHORT for option in ("--parameter", each)))
    kept = {"index files"}
    gone = wait_until(lambda: emptied(mesh, lambda left: left.keys() <= kept, person), GONE_SECONDS, 1)
    assert gone, places(mesh, person.canaries)

    # The embedded index keeps what was overwritten in its log, until the collection is made again.
    with closing(QdrantClient(url=mesh.state().qdrant_url, check_compatibility=False)) as qdrant:
        qdrant.delete_collection(COLLECTION)
    mesh.run("reindex")
    assert places(mesh, person.canaries) == {}
    with mesh.client(tenant) as client:
        assert [user["profile"] for user in client.users()] == [STAYS]
        assert [hit["profile"] for hit in client.search("somebody", 50)] == [STAYS]
