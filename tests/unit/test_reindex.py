"""mesh reindex: every user goes through the topic again, once, also after an interruption."""

import json
from pathlib import Path

import boto3
import pytest
from mesh import paths
from mesh.clients import tables
from mesh.commands import reindex, status
from mesh.errors import MeshError
from mesh.kafka import kafka_access
from mesh.state import State
from rich.console import Console
from users.model import NewUser
from users.store import UserStore

from tests import sam
from tests.unit.fakes import DynamoFaults, FakeKafka

VALUES = {
    "UserEventsTopic": "user.events",
    "QdrantCollection": "users",
}


class Index:
    """The index, which has everything that was sent."""

    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka

    def count(self, tenant: str) -> int:
        return len(
            {record.key for record in self._kafka.records if record.key.startswith(f"{tenant}:".encode())}
        )


@pytest.fixture
def users(aws: DynamoFaults, monkeypatch: pytest.MonkeyPatch) -> UserStore:
    monkeypatch.setattr("users.store._registered", set())
    store = UserStore(boto3.client("dynamodb"), sam.TABLE_NAME)
    monkeypatch.setattr(tables, "users", lambda _: store)
    return store


@pytest.fixture(autouse=True)
def kafka(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeKafka:
    fake = FakeKafka()
    monkeypatch.setattr("users.publisher.KafkaProducer", fake.producer)
    monkeypatch.setattr(kafka_access, "options", lambda _: {"bootstrap_servers": ["kafka:9092"]})
    monkeypatch.setattr(reindex, "UserIndex", lambda *_: Index(fake))
    monkeypatch.setattr(status, "consumer_lag", lambda _: 0)
    monkeypatch.setattr(reindex, "_PAGE", 2)
    monkeypatch.setattr(paths, "REINDEX", tmp_path / "reindex.json")
    return fake


def create(users: UserStore, tenant: str, count: int) -> set[bytes]:
    made = [users.create(tenant, NewUser(email=f"u{n}@x.dev", name="U")).user for n in range(count)]
    return {f"{tenant}:{user.id}".encode() for user in made}


def run(tenant: str | None = None) -> None:
    reindex._run(State(qdrant_url="http://qdrant:6333"), VALUES, tenant, Console(quiet=True))


def test_given_users_of_several_tenants_when_reindexed_then_each_is_sent_once(
    users: UserStore, kafka: FakeKafka
) -> None:
    keys = create(users, "tenant-a", 5) | create(users, "tenant-b", 1) | create(users, "tenant-c", 2)
    run()
    assert len(kafka.records) == 8
    assert {record.key for record in kafka.records} == keys
    assert not paths.REINDEX.exists()


def test_given_one_tenant_when_reindexed_then_only_its_users_are_sent(
    users: UserStore, kafka: FakeKafka
) -> None:
    keys = create(users, "tenant-a", 3)
    create(users, "tenant-b", 3)
    run("tenant-a")
    assert {record.key for record in kafka.records} == keys


def test_given_a_tenant_that_is_not_in_the_table_when_reindexed_then_it_is_an_error(
    users: UserStore, kafka: FakeKafka
) -> None:
    create(users, "tenant-a", 1)
    with pytest.raises(MeshError, match=r"no tenant 'nope' in the table\. There are: tenant-a\."):
        run("nope")
    assert kafka.records == []


def test_given_a_tenant_without_users_when_reindexed_then_that_is_no_error(
    users: UserStore, kafka: FakeKafka
) -> None:
    users._register("tenant-a")
    run("tenant-a")
    assert kafka.records == []


def test_given_a_saved_place_that_cannot_be_when_reindexed_then_it_says_so(
    users: UserStore, kafka: FakeKafka
) -> None:
    create(users, "tenant-a", 1)
    paths.REINDEX.write_text('{"tenant": "tenant-a", "cursor": "nonsense"}')
    with pytest.raises(MeshError, match=r"reindex\.json is damaged"):
        run()


def test_given_kafka_fails_in_between_when_run_again_then_it_goes_on_with_that_page(
    users: UserStore, kafka: FakeKafka
) -> None:
    first = create(users, "tenant-a", 3)
    second = create(users, "tenant-b", 5)
    sent = sorted(second)[2]
    kafka.refuses = {sent}
    with pytest.raises(MeshError, match="did not take the users of tenant-b"):
        run()
    assert json.loads(paths.REINDEX.read_text())["tenant"] == "tenant-b"

    kafka.refuses = set()
    before = len(kafka.records)
    run()

    again = {record.key for record in kafka.records[before:]}
    assert {record.key for record in kafka.records} == first | second
    assert not again & first
    assert len(again) == 3  # the third page and the one that failed, not the first
    assert not paths.REINDEX.exists()


def test_given_users_that_do_not_arrive_when_reindexed_then_their_tenant_is_named(
    users: UserStore, kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(users, "tenant-a", 1)
    monkeypatch.setattr(Index, "count", lambda *_: 0)
    monkeypatch.setattr(reindex, "_FETCHED_SECONDS", 0.0)
    with pytest.raises(MeshError, match="Users of tenant-a are not indexed"):
        run()


def test_given_no_users_when_reindexed_then_nothing_is_sent(users: UserStore, kafka: FakeKafka) -> None:
    run()
    assert kafka.records == []


def test_given_a_poller_that_has_not_fetched_yet_when_reindexed_then_its_lag_of_0_is_not_believed(
    users: UserStore, kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(users, "tenant-a", 1)
    counts = iter([0, 0])
    monkeypatch.setattr(Index, "count", lambda *_: next(counts, 1))
    run()
