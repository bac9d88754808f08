"""What can never be processed is kept, with its reason, and holds nothing up; `mesh dlq` works on it."""

import json
from collections.abc import Callable, Iterable
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaProducer
from mesh.clients.http_api import TenantClient
from mesh.kafka import dead_letters
from mesh.kafka.dead_letters import Choice, Letter, Topic
from mesh.process import wait_until
from users.consumer.dead_letters import Poison, dead_letter
from users.consumer.received import Received
from users.events import PoisonRecordError, Reason, Record, user_created

from tests.e2e.mesh_command import Mesh
from tests.people import somebody
from tests.poison import KEYLESS, KINDS

SECONDS = 90
PARTITIONS = 6
TENANTS, USERS_EACH = 40, 50  # a search with limit=50 lists a whole tenant
NUMBER = "test-number"  # a header of ours, to know a record again
NewTenant = Callable[[], TenantClient]
Place = tuple[int, int]


def created(tenant: str, user_id: int, profile: str = "") -> Record:
    user = somebody(tenant, user_id, email=f"u{user_id}@x.dev", name="Pat", profile=profile)
    return user_created(user)


def poison(kind: str, tenant: str, number: int = 1) -> Record:
    record = KINDS[kind].spoil(created(tenant, number))
    return record._replace(headers=[*record.headers, (NUMBER, f"{tenant}/{number}".encode())])


def produce(mesh: Mesh, records: Iterable[Record], topic: str = "user.events") -> list[Place]:
    """Send records, over all partitions in turn; return their places."""
    producer = KafkaProducer(**mesh.kafka())
    partitions = len(producer.partitions_for(topic))
    sent = [
        producer.send(topic, record.value, record.key, record.headers, partition=number % partitions)
        for number, record in enumerate(records)
    ]
    places = [(found.partition, found.offset) for found in (each.get(30) for each in sent)]
    producer.close()
    return places


def letters(mesh: Mesh, tenant: str) -> dict[bytes, Letter]:
    """Return a test's dead letters by the number that it gave them."""
    topic = Topic("user.events.dlq", mesh.kafka())
    found = {dict(letter.record.headers).get(NUMBER, b""): letter for letter in dead_letters.read(topic)}
    return {number: letter for number, letter in found.items() if number.startswith(f"{tenant}/".encode())}


def lie_there(mesh: Mesh, tenant: str, count: int) -> bool:
    """Wait for a tenant's dead letters; without a command, as each takes a second of a processor."""
    topic, of_tenant = Topic("user.events.dlq", mesh.kafka()), Choice(tenant=tenant)
    return wait_until(
        lambda: sum(letter.is_of(of_tenant) for letter in dead_letters.read(topic)) == count, SECONDS
    )


def listed(mesh: Mesh, *options: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(mesh.run("dlq", "list", "--json", *options))
    return rows


@pytest.mark.timeout(400)  # 35 s on a quiet machine
def test_500_poison_records_of_every_kind_hold_up_none_of_2000_good_ones(
    mesh: Mesh, tenant: NewTenant
) -> None:
    clients = [tenant() for _ in range(TENANTS)]
    good = [created(client.tenant, n) for n in range(1, USERS_EACH + 1) for client in clients]
    name = f"poison-{uuid4().hex[:12]}"
    kinds = list(islice(cycle(kind for kind in KINDS if kind not in KEYLESS), len(good) // 4))
    bad = [poison(kind, name, number) for number, kind in enumerate(kinds, 1)]
    mixed = [record for n in range(len(bad)) for record in (*good[4 * n : 4 * n + 4], bad[n])]

    places = produce(mesh, mixed)[4::5]

    everybody = list(range(1, USERS_EACH + 1))
    for client in clients:
        assert wait_until(lambda c=client: len(c.search("Pat", 50)) == USERS_EACH, SECONDS)  # type: ignore[misc]
        assert sorted(hit["userId"] for hit in client.search("Pat", 50)) == everybody
    assert wait_until(lambda: mesh.status()["consumer_lag"] == 0, SECONDS)
    found = letters(mesh, name)
    expected = {
        f"{name}/{number}".encode(): (KINDS[kind].reason, "user.events", str(place[0]), str(place[1]), record)
        for number, (kind, place, record) in enumerate(zip(kinds, places, bad, strict=True), 1)
    }
    assert {partition for partition, _ in places} == set(range(PARTITIONS))
    assert len(expected) == 500
    assert {
        number: (*(letter.notes[each] for each in ("reason", "topic", "partition", "offset")), letter.record)
        for number, letter in found.items()
    } == expected
    print(f"{len(good)} good records found, {len(found)} dead letters of {len(set(kinds))} kinds")  # noqa: T201


def test_what_is_still_poison_when_replayed_is_a_dead_letter_again(mesh: Mesh) -> None:
    name = f"poison-{uuid4().hex[:12]}"
    record = poison("a name of null", name)
    produce(mesh, [record])
    assert lie_there(mesh, name, 1)
    [first] = listed(mesh, "--tenant", name, "--reason", "wrong-schema")
    assert listed(mesh, "--tenant", name, "--reason", "not-json") == []

    shown = mesh.run("dlq", "show", first["place"])
    assert "reason   wrong-schema" in shown
    assert "error    the value is not valid: name: Input should be a valid string" in shown
    assert f"origin   user.events {first['partition']}:{first['offset']}" in shown
    assert f"header   ce_tenantid: {name}" in shown
    assert f'  "tenantId": "{name}"' in shown
    assert "dlq-" not in shown

    assert f"{first['place']} → user.events  {name}:1" in mesh.run("dlq", "replay", first["place"])
    assert lie_there(mesh, name, 2)
    (again,) = (row for row in listed(mesh, "--tenant", name) if row["place"] != first["place"])
    assert (again["reason"], again["topic"]) == ("wrong-schema", "user.events")
    assert (again["partition"], again["offset"]) != (first["partition"], first["offset"])
    [letter] = letters(mesh, name).values()
    assert letter.record == record


def test_what_is_replayed_and_can_be_processed_is_searchable_and_not_sent_twice(
    mesh: Mesh, tenant: NewTenant
) -> None:
    """As after a mistake of ours is mended: two records that are well lie in the dead-letter topic."""
    client = tenant()
    for user_id, reason in ((1, Reason.WRONG_SCHEMA), (2, Reason.REFUSED)):
        received = Received("user.events", 0, user_id, created(client.tenant, user_id, f"was {reason}"))
        error = PoisonRecordError(reason, "a mistake")
        produce(mesh, [dead_letter(Poison(received, error))], "user.events.dlq")

    def replay_all(*options: str) -> str:
        return mesh.run("dlq", "replay", "--all", "--tenant", client.tenant, *options)

    table = mesh.run("dlq", "list", "--tenant", client.tenant)
    assert "2 dead letters: 1 wrong-schema, 1 refused" in table
    assert "Sent again: 1 dead letter" in replay_all("--reason", "refused")
    assert wait_until(lambda: client.finds("was refused"), SECONDS)
    assert len(client.search("Pat", 50)) == 1
    assert "Sent again: no dead letters" in replay_all("--reason", "refused")
    assert [row["reason"] for row in listed(mesh, "--tenant", client.tenant)] == ["wrong-schema"]
    assert "Sent again: 1 dead letter" in replay_all()
    assert wait_until(lambda: client.finds("was wrong-schema"), SECONDS)
    assert "Sent again: no dead letters" in replay_all()
    assert len(client.search("Pat", 50)) == 2
    assert "Replayed already: 2 dead letters" in mesh.run("dlq", "list", "--tenant", client.tenant)
    assert [row["replayed"] for row in listed(mesh, "--tenant", client.tenant, "--all")] == [True, True]


def test_what_a_record_holds_does_not_reach_the_terminal_as_a_command(mesh: Mesh) -> None:
    name = f"poison-{uuid4().hex[:12]}"
    record = poison("text", name)._replace(value=b"\x1b[2J\xff\xc2\x9b[bold]\nsecond line")
    produce(mesh, [record])
    assert lie_there(mesh, name, 1)

    shown = mesh.run("dlq", "show", listed(mesh, "--tenant", name)[0]["place"])

    assert shown.endswith("value\n\\x1b[2J\\xff\\x9b[bold]\nsecond line\n")


def test_what_is_no_dead_letter_is_listed_and_not_replayed(mesh: Mesh) -> None:
    name = f"poison-{uuid4().hex[:12]}"
    stranger = created(name, 1)
    forged = stranger._replace(headers=[*stranger.headers, ("dlq-topic", b"no topic!")])
    produce(mesh, [stranger, forged], "user.events.dlq")

    places = [row["place"] for row in listed(mesh, "--tenant", name)]

    assert len(places) == 2
    for place in places:
        assert f"{place} names no topic" in mesh.run("dlq", "replay", place, code=2)
    assert "Sent again: no dead letters" in mesh.run("dlq", "replay", "--all", "--tenant", name)


def test_what_cannot_be_done_is_said(mesh: Mesh, tmp_path: Path) -> None:
    for options, said in {
        ("show", "x"): "'x' is no place in the topic",
        ("show", "0:999999"): "There is no dead letter at 0:999999",
        ("replay", "9:0"): "There is no dead letter at 9:0",
        ("replay",): "Say which dead letters to replay",
        ("replay", "0:0", "--all"): "Say which dead letters to replay",
        ("replay", "0:0", "--tenant", "a"): "choose among --all",
        ("replay", "--all", "--reason", "bad"): "There is no reason 'bad'. There are: fatal, id-mismatch,",
        ("list", "--reason", "bad"): "There is no reason 'bad'",
    }.items():
        output = mesh.run("dlq", *options, code=2)
        assert said in output
        assert "Traceback" not in output
    assert "no dead letters" in mesh.run("dlq", "list", "--tenant", "nobody")
    nowhere = Mesh(tmp_path / "nowhere")
    for options in (("list",), ("show", "0:0"), ("replay", "--all")):
        assert "No mesh is running here" in nowhere.run("dlq", *options, code=2)
